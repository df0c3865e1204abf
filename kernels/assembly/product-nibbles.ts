// x·Wᵀ over rows of W held as nibbles. x: blocks of 32 integers of 16 bits, in the order in which shifts take nibbles out of lanes; behind them
// four lanes of -8 Σ q.
// W: four rows woven, each in turn with eight of its nibbles: byte i holds elements i (low) and i + 4 (high). Factors: four rows for each block.
// Z = i8: weights are (nibble - 8) · scale. Z = i16: nibble · scale + minimum; behind four rows' scales lie -1/8 of their minima.
import { BLOCK_BYTES } from '../opcodes'
import { times } from './lanes'
import { putRows } from './product-rows'

// Eight products for each of four rows: sums in pairs, as each waits for the last.
// @ts-ignore: decorator
@inline
function eight(x: usize, w0: v128, w1: v128, w2: v128, w3: v128, total: v128): v128 {
  const first = times<i16>(v128.load32_splat(x), w0, i32x4.dot_i16x8_s(v128.load32_splat(x, 4), w1))
  const second = times<i16>(v128.load32_splat(x, 8), w2, i32x4.dot_i16x8_s(v128.load32_splat(x, 12), w3))
  return i32x4.add(total, i32x4.add(first, second))
}

// What the products of a block begin with: what the 8 that each nibble has too much comes to.
// @ts-ignore: decorator
@inline
function start<Z>(x: usize): v128 {
  return sizeof<Z>() == 1 ? v128.load(x, 64) : i32x4.splat(0)
}

// Adds a block's products to the sum of its token's rows. x: of the block.
// @ts-ignore: decorator
@inline
function scaled<Z>(total: v128, x: usize, scales: v128, factors: usize, sum: v128): v128 {
  if (sizeof<Z>() == 2) sum = f32x4.add(sum, f32x4.mul(f32x4.convert_i32x4_s(v128.load(x, 64)), v128.load(factors, 16)))
  return f32x4.add(sum, f32x4.mul(f32x4.convert_i32x4_s(total), scales))
}

// Bytes of the factors of four rows' block.
// @ts-ignore: decorator
@inline
function factorBytes<Z>(): usize {
  return sizeof<Z>() * 16
}

// The mask of the lowest nibble of each lane: not a constant, which engines make anew wherever it is used, inside of loops too.
// @ts-ignore: decorator
@inline
function lowNibbles(blocks: u32): v128 {
  return i16x8.splat(<i16>(15 + (blocks >> 31)))
}

// One token against four rows. Nibbles that are not shifted down are 16 and 256 times what they stand for, and so are their sums.
function fourRows<Z>(x: usize, w: usize, factors: usize, blocks: u32, low: v128): v128 {
  const middle = i16x8.shl(low, 4)
  const high = i16x8.shl(low, 8)
  let sum = f32x4.splat(0)
  for (const end = w + (<usize>blocks << 6); w < end; ) {
    let a = start<Z>(x)
    let b = i32x4.splat(0)
    let c = i32x4.splat(0)
    let d = i32x4.splat(0)
    const block = x
    for (const half = w + 64; w < half; w += 32) {
      let v = v128.load(w)
      a = times<i16>(v128.load32_splat(x), v128.and(v, low), a)
      b = times<i16>(v128.load32_splat(x, 4), v128.and(v, middle), b)
      c = times<i16>(v128.load32_splat(x, 8), v128.and(v, high), c)
      d = times<i16>(v128.load32_splat(x, 12), i16x8.shr_u(v, 12), d)
      v = v128.load(w, 16)
      a = times<i16>(v128.load32_splat(x, 16), v128.and(v, low), a)
      b = times<i16>(v128.load32_splat(x, 20), v128.and(v, middle), b)
      c = times<i16>(v128.load32_splat(x, 24), v128.and(v, high), c)
      d = times<i16>(v128.load32_splat(x, 28), i16x8.shr_u(v, 12), d)
      x += 32
    }
    x = block + BLOCK_BYTES
    a = i32x4.add(i32x4.add(a, d), i32x4.add(i32x4.shr_s(b, 4), i32x4.shr_s(c, 8)))
    sum = scaled<Z>(a, block, v128.load(factors), factors, sum)
    factors += factorBytes<Z>()
  }
  return sum
}

// Rows [from, to), from a multiple of four, of one stretch. scaleAt: from x to its scale. isMore: added to y.
export function nibblesOne<Z>(x: usize, scaleAt: usize, w: usize, factors: usize, from: u32, to: u32, blocks: u32, isMore: bool, bias: usize, y: usize): void {
  const scale = v128.load32_splat(x + scaleAt)
  const low = lowNibbles(blocks)
  const step = <usize>blocks << 4
  const factorStep = (<usize>blocks * factorBytes<Z>()) >> 2
  for (let n = from; n < to; n += 4) putRows(f32x4.mul(fourRows<Z>(x, w + n * step, factors + n * factorStep, blocks, low), scale), n, to, isMore ? y : bias, y)
}

// The same for two tokens. More would not fit into registers: engines load what a pass of a loop needs before they compute.
export function nibblesTwo<Z>(x0: usize, x1: usize, scaleAt: usize, w: usize, factors: usize, from: u32, to: u32, blocks: u32, isMore: bool, bias: usize, y0: usize, y1: usize): void {
  const step = <usize>blocks << 4
  const factorStep = (<usize>blocks * factorBytes<Z>()) >> 2
  const low = lowNibbles(blocks)
  for (let n = from; n < to; n += 4) {
    let at: usize = 0
    let row = w + n * step
    let own = factors + n * factorStep
    let first = f32x4.splat(0)
    let second = f32x4.splat(0)
    for (let done: u32 = 0; done < blocks; done++) {
      let a = start<Z>(x0 + at)
      let b = start<Z>(x1 + at)
      for (const half = at + 64; at < half; at += 16) {
        const v = v128.load(row)
        row += 16
        const w0 = v128.and(v, low)
        const w1 = v128.and(i16x8.shr_u(v, 4), low)
        const w2 = v128.and(i16x8.shr_u(v, 8), low)
        const w3 = i16x8.shr_u(v, 12)
        a = eight(x0 + at, w0, w1, w2, w3, a)
        b = eight(x1 + at, w0, w1, w2, w3, b)
      }
      const block = at - 64
      const scales = v128.load(own)
      first = scaled<Z>(a, x0 + block, scales, own, first)
      second = scaled<Z>(b, x1 + block, scales, own, second)
      at += BLOCK_BYTES - 64
      own += factorBytes<Z>()
    }
    putRows(f32x4.mul(first, v128.load32_splat(x0 + scaleAt)), n, to, isMore ? y0 : bias, y0)
    putRows(f32x4.mul(second, v128.load32_splat(x1 + scaleAt)), n, to, isMore ? y1 : bias, y1)
  }
}
