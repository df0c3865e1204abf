// Scores of up to four queries (Q = i8: one, i16: two, i32: three, i64: four) over the keys of one head, eight positions at a time.
import { inverseOf, integerOf, largestOf, paddedKeys, QUERY_MOST, TOGETHER } from './cache-layout'
import { times } from './lanes'

// Dimensions whose integer products do not leave 32 bits.
const SEGMENT: u32 = 64

// A query as scores read it: for floats [dimension, 4], for integers [dimension / 2, 4, 2]; behind all, the factor of each query's scores.
export function spreadQuery<T>(q: usize, dim: u32, scale: f32, to: usize): void {
  if (!isInteger<T>()) {
    for (let i: u32 = 0; i < dim; i++) store<f32>(to + (i << 4), load<f32>(q + (i << 2)) * scale)
    return
  }
  const most = largestOf(q, dim)
  const factor = inverseOf(most, QUERY_MOST)
  const padded = paddedKeys<T>(dim)
  for (let i: u32 = 0; i < padded; i++) {
    const value = i < dim ? load<f32>(q + (i << 2)) * factor : 0
    store<i16>(to + ((i >> 1) << 4) + ((i & 1) << 1), <i16>integerOf(value))
  }
  store<f32>(to + (<usize>padded << 3), (most / QUERY_MOST) * scale)
}

// Bytes of four spread queries.
// @ts-ignore: decorator
@inline
export function spreadBytes(dim: u32): usize {
  return <usize>(dim + 1) << 4
}

// Adds the scores of one query to those at `at`, or puts them there.
// @ts-ignore: decorator
@inline
function put<T>(at: usize, a: v128, b: v128, scales: usize, factor: usize, isFirst: bool): void {
  if (isInteger<T>()) {
    const factors = v128.load32_splat(factor)
    a = f32x4.mul(f32x4.convert_i32x4_s(a), f32x4.mul(factors, v128.load(scales)))
    b = f32x4.mul(f32x4.convert_i32x4_s(b), f32x4.mul(factors, v128.load(scales, 16)))
    if (!isFirst) {
      a = f32x4.add(a, v128.load(at))
      b = f32x4.add(b, v128.load(at, 16))
    }
  }
  v128.store(at, a)
  v128.store(at, b, 16)
}

// Eight positions over `steps` dimensions, or pairs of them. Those behind the sequence's end are scored as well, whatever lies there.
function scoreEight<T, Q>(q: usize, keys: usize, steps: u32, scales: usize, factors: usize, scores: usize, stride: usize, isFirst: bool): void {
  let a0 = i32x4.splat(0)
  let a1 = i32x4.splat(0)
  let b0 = i32x4.splat(0)
  let b1 = i32x4.splat(0)
  let c0 = i32x4.splat(0)
  let c1 = i32x4.splat(0)
  let d0 = i32x4.splat(0)
  let d1 = i32x4.splat(0)
  const end = q + (<usize>steps << 4)
  for (; q < end; q += 16) {
    const k0 = v128.load(keys)
    const k1 = v128.load(keys, 16)
    keys += 32
    const v0 = v128.load32_splat(q)
    a0 = times<T>(v0, k0, a0)
    a1 = times<T>(v0, k1, a1)
    if (sizeof<Q>() > 1) {
      const v1 = v128.load32_splat(q, 4)
      b0 = times<T>(v1, k0, b0)
      b1 = times<T>(v1, k1, b1)
    }
    if (sizeof<Q>() > 2) {
      const v2 = v128.load32_splat(q, 8)
      c0 = times<T>(v2, k0, c0)
      c1 = times<T>(v2, k1, c1)
    }
    if (sizeof<Q>() > 4) {
      const v3 = v128.load32_splat(q, 12)
      d0 = times<T>(v3, k0, d0)
      d1 = times<T>(v3, k1, d1)
    }
  }
  put<T>(scores, a0, a1, scales, factors, isFirst)
  if (sizeof<Q>() > 1) put<T>(scores + stride, b0, b1, scales, factors + 4, isFirst)
  if (sizeof<Q>() > 2) put<T>(scores + stride * 2, c0, c1, scales, factors + 8, isFirst)
  if (sizeof<Q>() > 4) put<T>(scores + stride * 3, d0, d1, scales, factors + 12, isFirst)
}

// @ts-ignore: decorator
@inline
function scoreRange<T, Q>(q: usize, keys: usize, capacity: u32, dim: u32, from: u32, to: u32, scores: usize, stride: usize): void {
  const padded = paddedKeys<T>(dim)
  const scales = keys + <usize>padded * capacity * sizeof<T>()
  const factors = q + (<usize>padded << 3)
  for (let first = from & ~(TOGETHER - 1); first < to; first += TOGETHER) {
    const at = keys + <usize>first * padded * sizeof<T>()
    if (!isInteger<T>()) scoreEight<T, Q>(q, at, dim, 0, 0, scores + (first << 2), stride, true)
    else
      for (let d: u32 = 0; d < padded; d += SEGMENT) {
        const steps = min(SEGMENT, padded - d) >> 1
        scoreEight<T, Q>(q + (<usize>d << 3), at + (<usize>d << 4), steps, scales + (first << 2), factors, scores + (first << 2), stride, d == 0)
      }
  }
}

// Scores of positions [from, to) at their place in each query's row of `scores`. q: spread queries.
export function score<T>(count: u32, q: usize, keys: usize, capacity: u32, dim: u32, from: u32, to: u32, scores: usize, stride: usize): void {
  if (count == 1) scoreRange<T, i8>(q, keys, capacity, dim, from, to, scores, stride)
  else if (count == 2) scoreRange<T, i16>(q, keys, capacity, dim, from, to, scores, stride)
  else if (count == 3) scoreRange<T, i32>(q, keys, capacity, dim, from, to, scores, stride)
  else scoreRange<T, i64>(q, keys, capacity, dim, from, to, scores, stride)
}
