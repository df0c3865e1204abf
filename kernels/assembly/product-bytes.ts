// x·Wᵀ over rows of W held as bytes with one scale a row. x: blocks of 32 integers of 16 bits (see quantize.ts), its scale behind them.
// W: four rows woven, each in turn with four of its bytes, so that a pass reads memory in order and leaves a row in each lane.
import { BLOCK_BYTES } from '../opcodes'
import { times } from './lanes'
import { putRows } from './product-rows'

// Blocks behind which a sum becomes a float: a lane holds 512 products of 16 by 8 bits, 512 · 32767 · 128 < 2³¹.
const SEGMENT: u32 = 32

// Two lanes for each of two rows, twice, to one lane for each of four.
// @ts-ignore: decorator
@inline
function rowSums(a: v128, b: v128): v128 {
  const x = f32x4.convert_i32x4_s(a)
  const y = f32x4.convert_i32x4_s(b)
  return f32x4.add(v128.shuffle<f32>(x, y, 0, 2, 4, 6), v128.shuffle<f32>(x, y, 1, 3, 5, 7))
}

// One token against four rows.
function fourRows(x: usize, w: usize, blocks: u32): v128 {
  let all = f32x4.splat(0)
  let done: u32 = 0
  while (done < blocks) {
    const end = min(done + SEGMENT, blocks)
    let a = i32x4.splat(0)
    let b = i32x4.splat(0)
    let c = i32x4.splat(0)
    let d = i32x4.splat(0)
    for (; done < end; done++) {
      for (const half = x + 64; x < half; x += 16) {
        let v = v128.load64_splat(x)
        a = times<i16>(v, v128.load8x8_s(w), a)
        b = times<i16>(v, v128.load8x8_s(w, 8), b)
        v = v128.load64_splat(x, 8)
        c = times<i16>(v, v128.load8x8_s(w, 16), c)
        d = times<i16>(v, v128.load8x8_s(w, 24), d)
        w += 32
      }
      x += BLOCK_BYTES - 64
    }
    a = i32x4.add(a, c)
    b = i32x4.add(b, d)
    all = f32x4.add(all, rowSums(a, b))
  }
  return all
}

// Rows [from, to), from a multiple of four, of one stretch. scaleAt: from x to its scale. isMore: added to y.
export function bytesOne(x: usize, scaleAt: usize, w: usize, scales: usize, from: u32, to: u32, blocks: u32, isMore: bool, bias: usize, y: usize): void {
  const scale = v128.load32_splat(x + scaleAt)
  const step = <usize>blocks << 5
  for (let n = from; n < to; n += 4) {
    putRows(f32x4.mul(fourRows(x, w + n * step, blocks), f32x4.mul(v128.load(scales + (n << 2)), scale)), n, to, isMore ? y : bias, y)
  }
}

// The same for several tokens (Q = i16: two, i32: three, i64: four).
export function bytesTokens<Q>(x0: usize, x1: usize, x2: usize, x3: usize, scaleAt: usize, w: usize, scales: usize, from: u32, to: u32, blocks: u32, isMore: bool, bias: usize, y0: usize, y1: usize, y2: usize, y3: usize): void {
  const step = <usize>blocks << 5
  for (let n = from; n < to; n += 4) {
    let at: usize = 0
    let row = w + n * step
    let first = f32x4.splat(0)
    let second = f32x4.splat(0)
    let third = f32x4.splat(0)
    let fourth = f32x4.splat(0)
    let done: u32 = 0
    while (done < blocks) {
      const end = min(done + SEGMENT, blocks)
      let a0 = i32x4.splat(0)
      let a1 = i32x4.splat(0)
      let b0 = i32x4.splat(0)
      let b1 = i32x4.splat(0)
      let c0 = i32x4.splat(0)
      let c1 = i32x4.splat(0)
      let d0 = i32x4.splat(0)
      let d1 = i32x4.splat(0)
      for (; done < end; done++) {
        for (const half = at + 64; at < half; at += 8) {
          const r0 = v128.load8x8_s(row)
          const r1 = v128.load8x8_s(row, 8)
          row += 16
          let v = v128.load64_splat(x0 + at)
          a0 = times<i16>(v, r0, a0)
          a1 = times<i16>(v, r1, a1)
          v = v128.load64_splat(x1 + at)
          b0 = times<i16>(v, r0, b0)
          b1 = times<i16>(v, r1, b1)
          if (sizeof<Q>() > 2) {
            v = v128.load64_splat(x2 + at)
            c0 = times<i16>(v, r0, c0)
            c1 = times<i16>(v, r1, c1)
          }
          if (sizeof<Q>() > 4) {
            v = v128.load64_splat(x3 + at)
            d0 = times<i16>(v, r0, d0)
            d1 = times<i16>(v, r1, d1)
          }
        }
        at += BLOCK_BYTES - 64
      }
      first = f32x4.add(first, rowSums(a0, a1))
      second = f32x4.add(second, rowSums(b0, b1))
      if (sizeof<Q>() > 2) third = f32x4.add(third, rowSums(c0, c1))
      if (sizeof<Q>() > 4) fourth = f32x4.add(fourth, rowSums(d0, d1))
    }
    const own = v128.load(scales + (n << 2))
    putRows(f32x4.mul(first, f32x4.mul(own, v128.load32_splat(x0 + scaleAt))), n, to, isMore ? y0 : bias, y0)
    putRows(f32x4.mul(second, f32x4.mul(own, v128.load32_splat(x1 + scaleAt))), n, to, isMore ? y1 : bias, y1)
    if (sizeof<Q>() > 2) putRows(f32x4.mul(third, f32x4.mul(own, v128.load32_splat(x2 + scaleAt))), n, to, isMore ? y2 : bias, y2)
    if (sizeof<Q>() > 4) putRows(f32x4.mul(fourth, f32x4.mul(own, v128.load32_splat(x3 + scaleAt))), n, to, isMore ? y3 : bias, y3)
  }
}
