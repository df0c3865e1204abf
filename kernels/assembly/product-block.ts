// x·Wᵀ over rows of W held as blocks of bytes, each with a scale: of 32 (T = i32) or of 16 (T = i16). x as in product-bytes.ts.
import { BLOCK, BLOCK_BYTES } from '../opcodes'
import { sums } from './lanes'
import { putRows } from './product-rows'

// @ts-ignore: decorator
@inline
function dot(x: usize, w: v128): v128 {
  return i32x4.dot_i16x8_s(v128.load(x), w)
}

// @ts-ignore: decorator
@inline
function scaled(total: v128, scales: usize, sum: v128): v128 {
  return f32x4.add(sum, f32x4.mul(f32x4.convert_i32x4_s(total), v128.load32_splat(scales)))
}

// Bytes of a block's scales.
// @ts-ignore: decorator
@inline
function blockScales<T>(): usize {
  return sizeof<T>() == 2 ? 8 : 4
}

// Adds a block's part to the sum of each of its four lanes.
// @ts-ignore: decorator
@inline
function bytes<T>(x: usize, a: v128, b: v128, c: v128, d: v128, scales: usize, sum: v128): v128 {
  const low = i32x4.add(dot(x, a), dot(x + 16, b))
  const high = i32x4.add(dot(x + 32, c), dot(x + 48, d))
  if (sizeof<T>() == 2) return scaled(high, scales + 4, scaled(low, scales, sum))
  return scaled(i32x4.add(low, high), scales, sum)
}

// One token and one row: four lanes of the sum.
// @ts-ignore: decorator
@inline
function blockSum<T>(x: usize, w: usize, scales: usize, sum: v128): v128 {
  return bytes<T>(x, v128.load8x8_s(w), v128.load8x8_s(w, 8), v128.load8x8_s(w, 16), v128.load8x8_s(w, 24), scales, sum)
}

// scaleAt: from x to its scale.
export function blocksOne<T>(x: usize, scaleAt: usize, w: usize, scales: usize, from: u32, to: u32, blocks: u32, bias: usize, y: usize): void {
  const step = blocks * BLOCK
  const scaleStep = blocks * blockScales<T>()
  const scale = v128.load32_splat(x + scaleAt)
  let n = from
  // Beyond the last row it is computed again: sums come in fours.
  for (; n < to; n += 4) {
    const last = to - 1
    const n1 = min(n + 1, last)
    const n2 = min(n + 2, last)
    const n3 = min(n + 3, last)
    const v = blockRows<T>(x, w + n * step, w + n1 * step, w + n2 * step, w + n3 * step, scales + n * scaleStep, scales + n1 * scaleStep, scales + n2 * scaleStep, scales + n3 * scaleStep, blocks)
    putRows(f32x4.mul(v, scale), n, to, bias, y)
  }
}

// One token against four rows.
function blockRows<T>(x: usize, w0: usize, w1: usize, w2: usize, w3: usize, s0: usize, s1: usize, s2: usize, s3: usize, blocks: u32): v128 {
  let a = f32x4.splat(0)
  let b = f32x4.splat(0)
  let c = f32x4.splat(0)
  let d = f32x4.splat(0)
  let at: usize = 0
  let scale: usize = 0
  for (let block: u32 = 0; block < blocks; block++) {
    a = blockSum<T>(x, w0 + at, s0 + scale, a)
    b = blockSum<T>(x, w1 + at, s1 + scale, b)
    c = blockSum<T>(x, w2 + at, s2 + scale, c)
    d = blockSum<T>(x, w3 + at, s3 + scale, d)
    x += BLOCK_BYTES
    at += BLOCK
    scale += blockScales<T>()
  }
  return sums(a, b, c, d)
}

// One row against several tokens (Q = i16: two, i32: three, i64: four); lanes: tokens.
function rowTokens<T, Q>(x0: usize, x1: usize, x2: usize, x3: usize, w: usize, scales: usize, blocks: u32): v128 {
  let a = f32x4.splat(0)
  let b = f32x4.splat(0)
  let c = f32x4.splat(0)
  let d = f32x4.splat(0)
  for (let block: u32 = 0; block < blocks; block++) {
    const w0 = v128.load8x8_s(w)
    const w1 = v128.load8x8_s(w, 8)
    const w2 = v128.load8x8_s(w, 16)
    const w3 = v128.load8x8_s(w, 24)
    a = bytes<T>(x0, w0, w1, w2, w3, scales, a)
    b = bytes<T>(x1, w0, w1, w2, w3, scales, b)
    if (sizeof<Q>() > 2) c = bytes<T>(x2, w0, w1, w2, w3, scales, c)
    if (sizeof<Q>() > 4) d = bytes<T>(x3, w0, w1, w2, w3, scales, d)
    x0 += BLOCK_BYTES
    x1 += BLOCK_BYTES
    x2 += BLOCK_BYTES
    x3 += BLOCK_BYTES
    w += BLOCK
    scales += blockScales<T>()
  }
  return sums(a, b, c, d)
}

export function blocksTokens<T, Q>(x0: usize, x1: usize, x2: usize, x3: usize, scaleAt: usize, w: usize, scales: usize, from: u32, to: u32, blocks: u32, bias: usize, y0: usize, y1: usize, y2: usize, y3: usize): void {
  const step = blocks * BLOCK
  const scaleStep = blocks * blockScales<T>()
  let tokens = v128.load32_splat(x0 + scaleAt)
  tokens = v128.load32_lane(x1 + scaleAt, tokens, 1)
  if (sizeof<Q>() > 2) tokens = v128.load32_lane(x2 + scaleAt, tokens, 2)
  if (sizeof<Q>() > 4) tokens = v128.load32_lane(x3 + scaleAt, tokens, 3)
  for (let n = from; n < to; n++) {
    let v = f32x4.mul(rowTokens<T, Q>(x0, x1, x2, x3, w + n * step, scales + n * scaleStep, blocks), tokens)
    if (bias) v = f32x4.add(v, v128.load32_splat(bias + (n << 2)))
    v128.store32_lane(y0 + (n << 2), v, 0)
    v128.store32_lane(y1 + (n << 2), v, 1)
    if (sizeof<Q>() > 2) v128.store32_lane(y2 + (n << 2), v, 2)
    if (sizeof<Q>() > 4) v128.store32_lane(y3 + (n << 2), v, 3)
  }
}
