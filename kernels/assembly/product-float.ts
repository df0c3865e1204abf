// x·Wᵀ over rows of W held as floats: f32, f16 (T = u16) or bf16 (T = i16). W is [n, k] without padding.
import { sum, sums, times } from './lanes'

// Four weights as f32. f16: the bits moved into place are the value · 2^-112, subnormals included.
// @ts-ignore: decorator
@inline
function four<T>(at: usize): v128 {
  if (sizeof<T>() == 4) return v128.load(at)
  if (isSigned<T>()) return i32x4.shl(v128.load16x4_u(at), 16)
  // The sign comes four times; three of them lie where the exponent of no half reaches.
  const bits = v128.and(i32x4.shl(v128.load16x4_s(at), 13), v128.load32_splat(HALVES))
  return f32x4.mul(bits, v128.load32_splat(HALVES, 4))
}

// Engines make a vector of constants anew wherever it is used: the mask of a half's bits moved into place, and 2^112.
const HALVES = memory.data<u32>([0x8fffffff, 0x77800000])

// Loads from every line of [at, end): the next rows, as one stream. Several streams, each new after a few lines, reach half of what memory gives.
function touch(at: usize, end: usize): void {
  for (; at < end; at += 64) load<u32>(at)
}

// @ts-ignore: decorator
@inline
function one<T>(at: usize): f32 {
  if (sizeof<T>() == 4) return load<f32>(at)
  const bits = <u32>load<u16>(at)
  if (isSigned<T>()) return reinterpret<f32>(bits << 16)
  return reinterpret<f32>(((bits & 0x8000) << 16) | reinterpret<u32>(reinterpret<f32>((bits & 0x7fff) << 13) * reinterpret<f32>(0x77800000)))
}

// Sums in the order of the others: what a token gives must not depend on how many rows are left, or on the tokens beside it.
function dot<T>(x: usize, w: usize, k: u32): f32 {
  let a = f32x4.splat(0)
  let i: usize = 0
  for (; i + 4 <= k; i += 4) a = times<f32>(v128.load(x + (i << 2)), four<T>(w + i * sizeof<T>()), a)
  let total = sum(a)
  for (; i < k; i++) total += load<f32>(x + (i << 2)) * one<T>(w + i * sizeof<T>())
  return total
}

// One token against four rows of W.
function fourRows<T>(x: usize, w: usize, k: u32): v128 {
  const step = <usize>k * sizeof<T>()
  let a = f32x4.splat(0)
  let b = f32x4.splat(0)
  let c = f32x4.splat(0)
  let d = f32x4.splat(0)
  let at = w
  let i: usize = 0
  for (; i + 4 <= k; i += 4) {
    const v = v128.load(x + (i << 2))
    a = times<f32>(v, four<T>(at), a)
    b = times<f32>(v, four<T>(at + step), b)
    c = times<f32>(v, four<T>(at + step * 2), c)
    d = times<f32>(v, four<T>(at + step * 3), d)
    at += 4 * sizeof<T>()
  }
  let total = sums(a, b, c, d)
  for (; i < k; i++) {
    let rows = f32x4.splat(one<T>(at))
    rows = f32x4.replace_lane(rows, 1, one<T>(at + step))
    rows = f32x4.replace_lane(rows, 2, one<T>(at + step * 2))
    rows = f32x4.replace_lane(rows, 3, one<T>(at + step * 3))
    total = times<f32>(v128.load32_splat(x + (i << 2)), rows, total)
    at += sizeof<T>()
  }
  return total
}

// Rows [from, to) of one token.
export function floatOne<T>(x: usize, w: usize, from: u32, to: u32, k: u32, bias: usize, y: usize): void {
  const step = <usize>k * sizeof<T>()
  let n = from
  for (; n + 4 <= to; n += 4) {
    if (n + 8 <= to) touch(w + (n + 4) * step, w + (n + 8) * step)
    let v = fourRows<T>(x, w + n * step, k)
    if (bias) v = f32x4.add(v, v128.load(bias + (n << 2)))
    v128.store(y + (n << 2), v)
  }
  for (; n < to; n++) store<f32>(y + (n << 2), dot<T>(x, w + n * step, k) + (bias ? load<f32>(bias + (n << 2)) : 0))
}

// Rows [from, to) of several tokens (Q = i16: two, i32: three, i64: four): a pair of rows is loaded once for all of them.
export function floatTokens<T, Q>(x0: usize, x1: usize, x2: usize, x3: usize, w: usize, from: u32, to: u32, k: u32, bias: usize, y0: usize, y1: usize, y2: usize, y3: usize): void {
  const step = <usize>k * sizeof<T>()
  let n = from
  for (; n + 2 <= to; n += 2) {
    if (n + 4 <= to) touch(w + (n + 2) * step, w + (n + 4) * step)
    let at = w + n * step
    let a0 = f32x4.splat(0)
    let a1 = f32x4.splat(0)
    let b0 = f32x4.splat(0)
    let b1 = f32x4.splat(0)
    let c0 = f32x4.splat(0)
    let c1 = f32x4.splat(0)
    let d0 = f32x4.splat(0)
    let d1 = f32x4.splat(0)
    let i: usize = 0
    for (; i + 4 <= k; i += 4) {
      const w0 = four<T>(at)
      const w1 = four<T>(at + step)
      let v = v128.load(x0 + (i << 2))
      a0 = times<f32>(v, w0, a0)
      a1 = times<f32>(v, w1, a1)
      v = v128.load(x1 + (i << 2))
      b0 = times<f32>(v, w0, b0)
      b1 = times<f32>(v, w1, b1)
      if (sizeof<Q>() > 2) {
        v = v128.load(x2 + (i << 2))
        c0 = times<f32>(v, w0, c0)
        c1 = times<f32>(v, w1, c1)
      }
      if (sizeof<Q>() > 4) {
        v = v128.load(x3 + (i << 2))
        d0 = times<f32>(v, w0, d0)
        d1 = times<f32>(v, w1, d1)
      }
      at += 4 * sizeof<T>()
    }
    let ab = sums(a0, a1, b0, b1)
    let cd = sums(c0, c1, d0, d1)
    for (; i < k; i++) {
      const rows = f32x4.replace_lane(f32x4.replace_lane(f32x4.splat(one<T>(at)), 1, one<T>(at + step)), 3, one<T>(at + step))
      ab = times<f32>(f32x4.replace_lane(f32x4.replace_lane(v128.load32_splat(x0 + (i << 2)), 2, load<f32>(x1 + (i << 2))), 3, load<f32>(x1 + (i << 2))), rows, ab)
      cd = times<f32>(f32x4.replace_lane(f32x4.replace_lane(v128.load32_splat(x2 + (i << 2)), 2, load<f32>(x3 + (i << 2))), 3, load<f32>(x3 + (i << 2))), rows, cd)
      at += sizeof<T>()
    }
    if (bias) {
      const biases = v128.load64_splat(bias + (n << 2))
      ab = f32x4.add(ab, biases)
      cd = f32x4.add(cd, biases)
    }
    v128.store64_lane(y0 + (n << 2), ab, 0)
    v128.store64_lane(y1 + (n << 2), ab, 1)
    if (sizeof<Q>() > 2) v128.store64_lane(y2 + (n << 2), cd, 0)
    if (sizeof<Q>() > 4) v128.store64_lane(y3 + (n << 2), cd, 1)
  }
  if (n < to) {
    const added: f32 = bias ? load<f32>(bias + (n << 2)) : 0
    store<f32>(y0 + (n << 2), dot<T>(x0, w + n * step, k) + added)
    store<f32>(y1 + (n << 2), dot<T>(x1, w + n * step, k) + added)
    if (sizeof<Q>() > 2) store<f32>(y2 + (n << 2), dot<T>(x2, w + n * step, k) + added)
    if (sizeof<Q>() > 4) store<f32>(y3 + (n << 2), dot<T>(x3, w + n * step, k) + added)
  }
}
