// x·Wᵀ over rows of W held as floats: f32, f16 (T = u16) or bf16 (T = i16). `core/simd/weave-floats.ts` says how they lie: in stretches of
// columns, of which a few tokens' activations stay in the first cache; there in pairs of rows, so that a pass reads memory in order.
// Whatever is read out of order, or twice, costs more than arithmetic: what fetches lines ahead follows one stream and loses several.
import { FLOAT_COLUMNS, FLOAT_UNIT, HELD_BF16, HELD_F32 } from '../opcodes'
import { sums, times } from './lanes'
import { stretchLength } from './product-rows'

// Engines make a vector of constants anew wherever it is used: what a half's bits moved into place keep, 2^112, and the upper half of a word.
const MASKS = memory.data<u32>([0x8fffe000, 0x77800000, 0xffff0000])

// The first four of eight weights, lower halves of words, as f32. f16: the bits moved into place are the value · 2^-112, subnormals included.
// @ts-ignore: decorator
@inline
function lower<T>(w: v128): v128 {
  const up = i32x4.shl(w, 16)
  if (isSigned<T>()) return up
  // The sign comes four times; three of them lie where the exponent of no half reaches.
  return f32x4.mul(v128.and(i32x4.shr_s(up, 3), v128.load32_splat(MASKS)), v128.load32_splat(MASKS, 4))
}

// @ts-ignore: decorator
@inline
function upper<T>(w: v128): v128 {
  if (isSigned<T>()) return v128.and(w, v128.load32_splat(MASKS, 8))
  return f32x4.mul(v128.and(i32x4.shr_s(w, 3), v128.load32_splat(MASKS)), v128.load32_splat(MASKS, 4))
}

// Weight `j` of a step's.
// @ts-ignore: decorator
@inline
function one<T>(at: usize, j: u32): f32 {
  if (sizeof<T>() == 4) return load<f32>(at + (j << 2))
  const bits = <u32>load<u16>(at + ((j & 3) << 2) + ((j >> 2) << 1))
  if (isSigned<T>()) return reinterpret<f32>(bits << 16)
  return reinterpret<f32>(((bits & 0x8000) << 16) | reinterpret<u32>(reinterpret<f32>((bits & 0x7fff) << 13) * reinterpret<f32>(0x77800000)))
}

// Adds the columns behind the last whole step: of two rows each, for two tokens.
function rest<T>(sums: v128, x0: usize, x1: usize, at: usize, columns: u32): v128 {
  for (let j: u32 = 0; j < columns; j++) {
    const v = f32x4.replace_lane(f32x4.splat(one<T>(at, j)), 1, one<T>(at + 16, j))
    const x = v128.shuffle<f32>(v128.load32_zero(x0 + (j << 2)), v128.load32_zero(x1 + (j << 2)), 0, 0, 4, 4)
    sums = times<f32>(x, v128.shuffle<f32>(v, v, 0, 1, 0, 1), sums)
  }
  return sums
}

// Sums of rows n and n + 1 of one token; of the last row alone where there is no pair.
// @ts-ignore: decorator
@inline
function put(v: v128, n: u32, isPair: bool, isMore: bool, bias: usize, y: usize): void {
  const to = y + (n << 2)
  if (isPair) {
    if (isMore) v = f32x4.add(v128.load64_zero(to), v)
    else if (bias) v = f32x4.add(v, v128.load64_zero(bias + (n << 2)))
    v128.store64_lane(to, v, 0)
    return
  }
  const value = f32x4.extract_lane(v, 0)
  store<f32>(to, isMore ? load<f32>(to) + value : bias ? value + load<f32>(bias + (n << 2)) : value)
}

function putTokens<Q>(ab: v128, cd: v128, n: u32, isPair: bool, isMore: bool, bias: usize, y0: usize, y1: usize, y2: usize, y3: usize): void {
  put(ab, n, isPair, isMore, bias, y0)
  if (sizeof<Q>() > 1) put(v128.shuffle<i64>(ab, ab, 1, 1), n, isPair, isMore, bias, y1)
  if (sizeof<Q>() > 2) put(cd, n, isPair, isMore, bias, y2)
  if (sizeof<Q>() > 4) put(v128.shuffle<i64>(cd, cd, 1, 1), n, isPair, isMore, bias, y3)
}

// Rows [from, to) of one to four tokens (Q = i8, i16, i32, i64) over the `columns` of one stretch at `w`; `isMore`: added to y.
function stretch<T, Q>(x0: usize, x1: usize, x2: usize, x3: usize, w: usize, from: u32, to: u32, columns: u32, isMore: bool, bias: usize, y0: usize, y1: usize, y2: usize, y3: usize): void {
  // Columns that one step takes, and their bytes in x.
  const unit: u32 = sizeof<T>() == 4 ? 4 : 8
  const whole = <usize>(columns & ~(unit - 1)) << 2
  const held = <usize>((columns + FLOAT_UNIT - 1) & ~(FLOAT_UNIT - 1)) * sizeof<T>()
  for (let n = from; n < to; n += 2) {
    let at = w + n * held
    let a0 = f32x4.splat(0)
    let a1 = f32x4.splat(0)
    let b0 = f32x4.splat(0)
    let b1 = f32x4.splat(0)
    let c0 = f32x4.splat(0)
    let c1 = f32x4.splat(0)
    let d0 = f32x4.splat(0)
    let d1 = f32x4.splat(0)
    let i: usize = 0
    for (; i < whole; i += unit << 2) {
      const u = v128.load(at)
      const v = v128.load(at, 16)
      let w0 = sizeof<T>() == 4 ? u : lower<T>(u)
      let w1 = sizeof<T>() == 4 ? v : lower<T>(v)
      let x = v128.load(x0 + i)
      a0 = times<f32>(x, w0, a0)
      a1 = times<f32>(x, w1, a1)
      if (sizeof<Q>() > 1) {
        x = v128.load(x1 + i)
        b0 = times<f32>(x, w0, b0)
        b1 = times<f32>(x, w1, b1)
      }
      if (sizeof<Q>() > 2) {
        x = v128.load(x2 + i)
        c0 = times<f32>(x, w0, c0)
        c1 = times<f32>(x, w1, c1)
      }
      if (sizeof<Q>() > 4) {
        x = v128.load(x3 + i)
        d0 = times<f32>(x, w0, d0)
        d1 = times<f32>(x, w1, d1)
      }
      at += 32
      if (sizeof<T>() < 4) {
        // Never: engines load whatever a stretch without branches needs before they compute, and that is more than there are registers.
        if (sizeof<Q>() > 2 && !at) break
        w0 = upper<T>(u)
        w1 = upper<T>(v)
        x = v128.load(x0 + i, 16)
        a0 = times<f32>(x, w0, a0)
        a1 = times<f32>(x, w1, a1)
        if (sizeof<Q>() > 1) {
          x = v128.load(x1 + i, 16)
          b0 = times<f32>(x, w0, b0)
          b1 = times<f32>(x, w1, b1)
        }
        if (sizeof<Q>() > 2) {
          x = v128.load(x2 + i, 16)
          c0 = times<f32>(x, w0, c0)
          c1 = times<f32>(x, w1, c1)
        }
        if (sizeof<Q>() > 4) {
          x = v128.load(x3 + i, 16)
          d0 = times<f32>(x, w0, d0)
          d1 = times<f32>(x, w1, d1)
        }
      }
    }
    let ab = sums(a0, a1, b0, b1)
    let cd = sums(c0, c1, d0, d1)
    if (columns & (unit - 1)) {
      ab = rest<T>(ab, x0 + i, x1 + i, at, columns & (unit - 1))
      if (sizeof<Q>() > 2) cd = rest<T>(cd, x2 + i, x3 + i, at, columns & (unit - 1))
    }
    putTokens<Q>(ab, cd, n, n + 1 < to, isMore, bias, y0, y1, y2, y3)
  }
}

// @ts-ignore: decorator
@inline
function stretchOf<T>(count: u32, x0: usize, x1: usize, x2: usize, x3: usize, w: usize, from: u32, to: u32, columns: u32, isMore: bool, bias: usize, y0: usize, y1: usize, y2: usize, y3: usize): void {
  if (count == 1) stretch<T, i8>(x0, x0, x0, x0, w, from, to, columns, isMore, bias, y0, y0, y0, y0)
  else if (count == 2) stretch<T, i16>(x0, x1, x1, x1, w, from, to, columns, isMore, bias, y0, y1, y1, y1)
  else if (count == 3) stretch<T, i32>(x0, x1, x2, x2, w, from, to, columns, isMore, bias, y0, y1, y2, y2)
  else stretch<T, i64>(x0, x1, x2, x3, w, from, to, columns, isMore, bias, y0, y1, y2, y3)
}

// Columns of a stretch: all alike but for the last, which may be shorter.
function stretchColumns(k: u32): u32 {
  return (stretchLength(k, FLOAT_COLUMNS) + FLOAT_UNIT - 1) & ~(FLOAT_UNIT - 1)
}

// Rows [from, to), from an even one, of `n`, over columns [first, end) from where a stretch begins. One to four tokens; the addresses of others are not read.
export function floatTokens(count: u32, held: u32, x0: usize, x1: usize, x2: usize, x3: usize, w: usize, n: u32, from: u32, to: u32, k: u32, first: u32, end: u32, bias: usize, y0: usize, y1: usize, y2: usize, y3: usize): void {
  const step = stretchColumns(k)
  // Of all rows, which are as many as fill the last four.
  const columnBytes = <usize>((n + 3) & ~3) << (held == HELD_F32 ? 2 : 1)
  for (let column = first; column < end; column += step) {
    const columns = min(step, k - column)
    const at = w + column * columnBytes
    const x = <usize>column << 2
    const isMore = column > 0
    if (held == HELD_F32) stretchOf<f32>(count, x0 + x, x1 + x, x2 + x, x3 + x, at, from, to, columns, isMore, bias, y0, y1, y2, y3)
    else if (held == HELD_BF16) stretchOf<i16>(count, x0 + x, x1 + x, x2 + x, x3 + x, at, from, to, columns, isMore, bias, y0, y1, y2, y3)
    else stretchOf<u16>(count, x0 + x, x1 + x, x2 + x, x3 + x, at, from, to, columns, isMore, bias, y0, y1, y2, y3)
  }
}

// Bytes of W that stay in the second cache while all tokens pass.
const TILE_BYTES: u32 = 131072

// All tokens of a pass, stretch by stretch.
export function floatRows(rows: u32, held: u32, x: usize, xStride: u32, w: usize, n: u32, from: u32, to: u32, k: u32, bias: usize, y: usize, yStride: u32): void {
  if (rows <= 4) return floatTokens(rows, held, x, x + xStride, x + 2 * xStride, x + 3 * xStride, w, n, from, to, k, 0, k, bias, y, y + yStride, y + 2 * yStride, y + 3 * yStride)
  const step = stretchColumns(k)
  const tile = max((TILE_BYTES / (step << (held == HELD_F32 ? 2 : 1))) & ~3, 4)
  for (let column: u32 = 0; column < k; column += step) {
    for (let tileFrom = from; tileFrom < to; tileFrom += tile) {
      const tileTo = min(tileFrom + tile, to)
      for (let row: u32 = 0; row < rows; row += 4) {
        const a = x + row * xStride
        const b = y + row * yStride
        floatTokens(min(4, rows - row), held, a, a + xStride, a + 2 * xStride, a + 3 * xStride, w, n, tileFrom, tileTo, k, column, column + 1, bias, b, b + yStride, b + 2 * yStride, b + 3 * yStride)
      }
    }
  }
}
