// x·Wᵀ over rows of W held as nibbles, by the 16 products of bytes that engines with relaxed SIMD have as one instruction. It is relaxed about
// what a second factor beyond 7 bits means, and sums of two beyond 16: nibbles have 4, and 2 · 15 · 128 < 2¹⁵, so that no engine differs.
// x: blocks of 32 bytes, then [-8 Σ of elements 0 and 1 of each four, of 2 and 3] four times in lanes of 16 bits, then four lanes of the block's
// scale, and four of -8 Σ q · scale (see quantize.ts). W, factors and Z: see product-nibbles.ts.
import { BLOCK_BYTES } from '../opcodes'
import { putRows } from './product-rows'

// Eight products for each of four rows, two rows' lanes beside each other: v holds their nibbles.
// @ts-ignore: decorator
@inline
function eight(x: usize, low: v128, high: v128, total: v128): v128 {
  const first = i16x8.relaxed_dot_i8x16_i7x16_s(v128.load32_splat(x), low)
  return i16x8.add(total, i16x8.add(first, i16x8.relaxed_dot_i8x16_i7x16_s(v128.load32_splat(x, 4), high)))
}

// A lane of 16 bits may leave them on the way, and is back in the end: 16 · 8 · 127 < 2¹⁵ with what the nibbles have too much, 16 · 15 · 127 < 2¹⁵ without.
// @ts-ignore: decorator
@inline
function start<Z>(x: usize): v128 {
  return sizeof<Z>() == 1 ? v128.load(x, 32) : i16x8.splat(0)
}

// @ts-ignore: decorator
@inline
function scaled<Z>(total: v128, x: usize, factors: usize, sum: v128): v128 {
  if (sizeof<Z>() == 2) sum = f32x4.add(sum, f32x4.mul(v128.load(x, 64), v128.load(factors, 16)))
  const whole = f32x4.convert_i32x4_s(i32x4.extadd_pairwise_i16x8_s(total))
  return f32x4.add(sum, f32x4.mul(whole, f32x4.mul(v128.load(factors), v128.load(x, 48))))
}

// Rows [from, to), from a multiple of four, of one stretch. isMore: added to y. Q = i8: one token, i16: two, i32: three, i64: four.
export function relaxedTokens<Z, Q>(x0: usize, x1: usize, x2: usize, x3: usize, w: usize, factors: usize, from: u32, to: u32, blocks: u32, isMore: bool, bias: usize, y0: usize, y1: usize, y2: usize, y3: usize): void {
  const step = <usize>blocks << 4
  const factorStep = <usize>blocks * (sizeof<Z>() << 2)
  // Not a constant, which engines make anew wherever it is used, inside of loops too.
  const mask = i8x16.splat(<i8>(15 + (blocks >> 31)))
  // Never true. Engines load whatever a stretch without branches needs before they compute, and run out of registers; a branch that would take the
  // sum along ends the stretch.
  const isEmpty = blocks == 0
  for (let n = from; n < to; n += 4) {
    let at: usize = 0
    let row = w + n * step
    let own = factors + n * factorStep
    let first = f32x4.splat(0)
    let second = f32x4.splat(0)
    let third = f32x4.splat(0)
    let fourth = f32x4.splat(0)
    for (const last = row + (<usize>blocks << 6); row < last; ) {
      let a = start<Z>(x0 + at)
      let b = sizeof<Q>() > 1 ? start<Z>(x1 + at) : a
      let c = sizeof<Q>() > 2 ? start<Z>(x2 + at) : a
      let d = sizeof<Q>() > 4 ? start<Z>(x3 + at) : a
      for (const end = at + 32; at < end; at += 16) {
        const v = v128.load(row)
        const u = v128.load(row, 16)
        row += 32
        const l0 = v128.and(v, mask)
        const h0 = v128.and(i16x8.shr_u(v, 4), mask)
        const l1 = v128.and(u, mask)
        const h1 = v128.and(i16x8.shr_u(u, 4), mask)
        a = eight(x0 + at, l0, h0, a)
        a = eight(x0 + at + 8, l1, h1, a)
        if (isEmpty) return v128.store(y0, a)
        if (sizeof<Q>() > 1) {
          b = eight(x1 + at, l0, h0, b)
          b = eight(x1 + at + 8, l1, h1, b)
          if (isEmpty) return v128.store(y0, b)
        }
        if (sizeof<Q>() > 2) {
          c = eight(x2 + at, l0, h0, c)
          c = eight(x2 + at + 8, l1, h1, c)
          if (isEmpty) return v128.store(y0, c)
        }
        if (sizeof<Q>() > 4) {
          d = eight(x3 + at, l0, h0, d)
          d = eight(x3 + at + 8, l1, h1, d)
          if (isEmpty) return v128.store(y0, d)
        }
      }
      at -= 32
      first = scaled<Z>(a, x0 + at, own, first)
      if (sizeof<Q>() > 1) second = scaled<Z>(b, x1 + at, own, second)
      if (sizeof<Q>() > 2) third = scaled<Z>(c, x2 + at, own, third)
      if (sizeof<Q>() > 4) fourth = scaled<Z>(d, x3 + at, own, fourth)
      at += BLOCK_BYTES
      own += sizeof<Z>() * 16
    }
    putRows(first, n, to, isMore ? y0 : bias, y0)
    if (sizeof<Q>() > 1) putRows(second, n, to, isMore ? y1 : bias, y1)
    if (sizeof<Q>() > 2) putRows(third, n, to, isMore ? y2 : bias, y2)
    if (sizeof<Q>() > 4) putRows(fourth, n, to, isMore ? y3 : bias, y3)
  }
}
