// x·Wᵀ over rows of W held as nibbles, stored plus 8, with a scale for each block of 32. x: blocks of 32 integers of 16 bits, in the order in
// which shifts take nibbles out of lanes; behind them four lanes of what the 8 that each nibble has too much comes to.
// W: four rows woven, each in turn with eight of its nibbles: byte i holds elements i (low) and i + 4 (high). Scales: four rows for each block.
import { BLOCK_BYTES } from '../opcodes'
import { putRows, scaleOf } from './product-rows'

// @ts-ignore: decorator
@inline
function dot(x: v128, w: v128, total: v128): v128 {
  return i32x4.add(total, i32x4.dot_i16x8_s(x, w))
}

// Eight products for each of four rows: sums in pairs, as each waits for the last.
// @ts-ignore: decorator
@inline
function eight(x: usize, w0: v128, w1: v128, w2: v128, w3: v128, total: v128): v128 {
  const first = dot(v128.load32_splat(x), w0, i32x4.dot_i16x8_s(v128.load32_splat(x, 4), w1))
  const second = dot(v128.load32_splat(x, 8), w2, i32x4.dot_i16x8_s(v128.load32_splat(x, 12), w3))
  return i32x4.add(total, i32x4.add(first, second))
}

// @ts-ignore: decorator
@inline
function scaled(total: v128, scales: v128, sum: v128): v128 {
  return f32x4.add(sum, f32x4.mul(f32x4.convert_i32x4_s(total), scales))
}

// The mask of the lowest nibble of each lane: not a constant, which engines make anew wherever it is used, inside of loops too.
// @ts-ignore: decorator
@inline
function lowNibbles(blocks: u32): v128 {
  return i16x8.splat(<i16>(15 + (blocks >> 31)))
}

// One token against four rows. Nibbles that are not shifted down are 16 and 256 times what they stand for, and so are their sums.
function fourRows(x: usize, w: usize, scales: usize, blocks: u32, low: v128): v128 {
  const middle = i16x8.shl(low, 4)
  const high = i16x8.shl(low, 8)
  let sum = f32x4.splat(0)
  for (const end = w + (<usize>blocks << 6); w < end; ) {
    let a = v128.load(x, 64)
    let b = i32x4.splat(0)
    let c = i32x4.splat(0)
    let d = i32x4.splat(0)
    for (const half = w + 64; w < half; w += 32) {
      let v = v128.load(w)
      a = dot(v128.load32_splat(x), v128.and(v, low), a)
      b = dot(v128.load32_splat(x, 4), v128.and(v, middle), b)
      c = dot(v128.load32_splat(x, 8), v128.and(v, high), c)
      d = dot(v128.load32_splat(x, 12), i16x8.shr_u(v, 12), d)
      v = v128.load(w, 16)
      a = dot(v128.load32_splat(x, 16), v128.and(v, low), a)
      b = dot(v128.load32_splat(x, 20), v128.and(v, middle), b)
      c = dot(v128.load32_splat(x, 24), v128.and(v, high), c)
      d = dot(v128.load32_splat(x, 28), i16x8.shr_u(v, 12), d)
      x += 32
    }
    x += BLOCK_BYTES - 64
    a = i32x4.add(i32x4.add(a, d), i32x4.add(i32x4.shr_s(b, 4), i32x4.shr_s(c, 8)))
    sum = scaled(a, v128.load(scales), sum)
    scales += 16
  }
  return sum
}

// Rows [from, to), from a multiple of four.
export function nibblesOne(x: usize, w: usize, scales: usize, from: u32, to: u32, blocks: u32, bias: usize, y: usize): void {
  const scale = f32x4.splat(scaleOf(x, blocks))
  const low = lowNibbles(blocks)
  const step = <usize>blocks << 4
  const scaleStep = <usize>blocks << 2
  for (let n = from; n < to; n += 4) putRows(f32x4.mul(fourRows(x, w + n * step, scales + n * scaleStep, blocks, low), scale), n, to, bias, y)
}

// The same for four tokens.
export function nibblesFour(x0: usize, x1: usize, x2: usize, x3: usize, w: usize, scales: usize, from: u32, to: u32, blocks: u32, bias: usize, y0: usize, y1: usize, y2: usize, y3: usize): void {
  const step = <usize>blocks << 4
  const scaleStep = <usize>blocks << 2
  const low = lowNibbles(blocks)
  for (let n = from; n < to; n += 4) {
    let at: usize = 0
    let row = w + n * step
    let own = scales + n * scaleStep
    let first = f32x4.splat(0)
    let second = f32x4.splat(0)
    let third = f32x4.splat(0)
    let fourth = f32x4.splat(0)
    for (let block: u32 = 0; block < blocks; block++) {
      let a = v128.load(x0 + at, 64)
      let b = v128.load(x1 + at, 64)
      let c = v128.load(x2 + at, 64)
      let d = v128.load(x3 + at, 64)
      for (const half = at + 64; at < half; at += 16) {
        const v = v128.load(row)
        row += 16
        const w0 = v128.and(v, low)
        const w1 = v128.and(i16x8.shr_u(v, 4), low)
        const w2 = v128.and(i16x8.shr_u(v, 8), low)
        const w3 = i16x8.shr_u(v, 12)
        a = eight(x0 + at, w0, w1, w2, w3, a)
        b = eight(x1 + at, w0, w1, w2, w3, b)
        c = eight(x2 + at, w0, w1, w2, w3, c)
        d = eight(x3 + at, w0, w1, w2, w3, d)
      }
      at += BLOCK_BYTES - 64
      const factors = v128.load(own)
      own += 16
      first = scaled(a, factors, first)
      second = scaled(b, factors, second)
      third = scaled(c, factors, third)
      fourth = scaled(d, factors, fourth)
    }
    putRows(f32x4.mul(first, f32x4.splat(scaleOf(x0, blocks))), n, to, bias, y0)
    putRows(f32x4.mul(second, f32x4.splat(scaleOf(x1, blocks))), n, to, bias, y1)
    putRows(f32x4.mul(third, f32x4.splat(scaleOf(x2, blocks))), n, to, bias, y2)
    putRows(f32x4.mul(fourth, f32x4.splat(scaleOf(x3, blocks))), n, to, bias, y3)
  }
}
