// Sums of values by the weights of their positions, for up to four queries (Q = i8: one, i16: two, i32: three, i64: four).
import { BLOCK_COLUMNS, paddedColumns, TILE, tileRows } from './cache-layout'
import { times } from './lanes'

// Adds a tile's sums to a query's, or puts them there. room: two vectors.
// @ts-ignore: decorator
@inline
function put<T>(room: usize, a: v128, b: v128, scale: usize, isFirst: bool): void {
  if (isInteger<T>()) {
    const factor = v128.load32_splat(scale)
    a = f32x4.mul(f32x4.convert_i32x4_s(a), factor)
    b = f32x4.mul(f32x4.convert_i32x4_s(b), factor)
  }
  if (!isFirst) {
    a = f32x4.add(a, v128.load(room))
    b = f32x4.add(b, v128.load(room, 16))
  }
  v128.store(room, a)
  v128.store(room, b, 16)
}

// Eight columns over `steps` positions, or pairs of them. p: weights of the first. Sums into `room`, two vectors a query.
function weighTile<T, Q>(p: usize, stride: usize, values: usize, steps: u32, scales: usize, scaleStride: usize, room: usize, isFirst: bool): void {
  let a0 = i32x4.splat(0)
  let a1 = i32x4.splat(0)
  let b0 = i32x4.splat(0)
  let b1 = i32x4.splat(0)
  let c0 = i32x4.splat(0)
  let c1 = i32x4.splat(0)
  let d0 = i32x4.splat(0)
  let d1 = i32x4.splat(0)
  const end = values + (<usize>steps << 5)
  for (; values < end; values += 32) {
    const v0 = v128.load(values)
    const v1 = v128.load(values, 16)
    const w0 = v128.load32_splat(p)
    a0 = times<T>(w0, v0, a0)
    a1 = times<T>(w0, v1, a1)
    if (sizeof<Q>() > 1) {
      const w1 = v128.load32_splat(p + stride)
      b0 = times<T>(w1, v0, b0)
      b1 = times<T>(w1, v1, b1)
    }
    if (sizeof<Q>() > 2) {
      const w2 = v128.load32_splat(p + stride * 2)
      c0 = times<T>(w2, v0, c0)
      c1 = times<T>(w2, v1, c1)
    }
    if (sizeof<Q>() > 4) {
      const w3 = v128.load32_splat(p + stride * 3)
      d0 = times<T>(w3, v0, d0)
      d1 = times<T>(w3, v1, d1)
    }
    p += 4
  }
  put<T>(room, a0, a1, scales, isFirst)
  if (sizeof<Q>() > 1) put<T>(room + 32, b0, b1, scales + scaleStride, isFirst)
  if (sizeof<Q>() > 2) put<T>(room + 64, c0, c1, scales + scaleStride * 2, isFirst)
  if (sizeof<Q>() > 4) put<T>(room + 96, d0, d1, scales + scaleStride * 3, isFirst)
}

// @ts-ignore: decorator
@inline
function weighRange<T, Q>(p: usize, stride: usize, values: usize, capacity: u32, columns: u32, from: u32, to: u32, scales: usize, scaleStride: usize, room: usize): void {
  const bytes = <usize>BLOCK_COLUMNS * sizeof<T>()
  const padded = paddedColumns(columns)
  const pairs: u32 = isInteger<T>() ? 1 : 0
  let j = from
  while (j < to) {
    const first = j & ~(TILE - 1)
    const rows = tileRows(first, capacity)
    const end = min(first + rows, to)
    const weights = p + (<usize>j << (2 - pairs))
    let at = values + <usize>first * padded * sizeof<T>() + (j - first) * bytes
    for (let column: u32 = 0; column < columns; column += BLOCK_COLUMNS) {
      weighTile<T, Q>(weights, stride, at, (end - j) >> pairs, scales + ((first / TILE) << 2), scaleStride, room + (<usize>column << 4), j == from)
      at += rows * bytes
    }
    j = end
  }
}

// Sums for all queries over positions [from, to), for integers both even, into `room`: four queries' of each block of columns. Weights: a row of
// `stride` bytes for each query, by position. values: of the head, in `columns` columns.
export function weigh<T>(count: u32, p: usize, stride: usize, values: usize, capacity: u32, columns: u32, from: u32, to: u32, scales: usize, scaleStride: usize, room: usize): void {
  if (count == 1) weighRange<T, i8>(p, stride, values, capacity, columns, from, to, scales, scaleStride, room)
  else if (count == 2) weighRange<T, i16>(p, stride, values, capacity, columns, from, to, scales, scaleStride, room)
  else if (count == 3) weighRange<T, i32>(p, stride, values, capacity, columns, from, to, scales, scaleStride, room)
  else weighRange<T, i64>(p, stride, values, capacity, columns, from, to, scales, scaleStride, room)
}

// A query's sums of a block, times `factor`, to `columns` of its output.
export function putBlock(room: usize, factor: f32, y: usize, columns: u32): void {
  const factors = f32x4.splat(factor)
  const a = f32x4.mul(v128.load(room), factors)
  const b = f32x4.mul(v128.load(room, 16), factors)
  if (columns >= BLOCK_COLUMNS) {
    v128.store(y, a)
    v128.store(y, b, 16)
    return
  }
  v128.store(room, a)
  v128.store(room, b, 16)
  memory.copy(y, room, <usize>columns << 2)
}
