// Where keys and values of a head lie in a sequence's cache, so that attention reads each of both once, in order, whole vectors at a time.
// As floats. Keys: [position / 8, dimension, position % 8]. Values: tiles of 32 positions (the last of what a capacity leaves), each in blocks of
// 8 columns [position, column]: what is read next then always lies next, which processors see and fetch ahead.
// As integers of 16 bits (T = i16), with one scale a position behind them. Pairs are what a product of integers adds up:
// keys [position / 8, dimension / 2, position % 8, dimension % 2], values in blocks of 8 columns [position / 2, column, position % 2].
export const TOGETHER: u32 = 8
export const BLOCK_COLUMNS: u32 = 8
export const TILE: u32 = 32

// Integers of keys and values; 64 products with those of queries, or 32 with those of weights, do not leave 32 bits:
// 64 · 8191 · 4095 < 2³¹, 32 · 2047 · 16383 < 2³¹.
const KEY_MOST: f32 = 8191
export const QUERY_MOST: f32 = 4095
const VALUE_MOST: f32 = 2047
export const WEIGHT_MOST: f32 = 16383

// @ts-ignore: decorator
@inline
export function paddedKeys<T>(dim: u32): u32 {
  return isInteger<T>() ? (dim + 1) & ~1 : dim
}
// @ts-ignore: decorator
@inline
export function paddedColumns(dim: u32): u32 {
  return (dim + BLOCK_COLUMNS - 1) & ~(BLOCK_COLUMNS - 1)
}

// Bytes of a head for each position.
// @ts-ignore: decorator
@inline
export function keyBytes<T>(dim: u32): usize {
  return <usize>paddedKeys<T>(dim) * sizeof<T>() + (isInteger<T>() ? 4 : 0)
}
// @ts-ignore: decorator
@inline
export function valueBytes<T>(dim: u32): usize {
  return <usize>paddedColumns(dim) * sizeof<T>() + (isInteger<T>() ? 4 : 0)
}

// Positions of the tile that begins at `first`.
// @ts-ignore: decorator
@inline
export function tileRows(first: u32, capacity: u32): u32 {
  return min(TILE, capacity - first)
}

export function largestOf(x: usize, count: u32): f32 {
  let most: f32 = 0
  for (let i: u32 = 0; i < count; i++) most = max(most, abs(load<f32>(x + (i << 2))))
  return most
}

// @ts-ignore: decorator
@inline
export function inverseOf(largest: f32, most: f32): f32 {
  return largest > 1e-30 ? most / largest : 0
}

// Nearest integer; of what is no number 0.
// @ts-ignore: decorator
@inline
export function integerOf(value: f32): i32 {
  return i32x4.extract_lane(i32x4.trunc_sat_f32x4_s(f32x4.splat(nearest(value))), 0)
}

// @ts-ignore: decorator
@inline
function put<T>(at: usize, index: usize, value: f32): void {
  if (isInteger<T>()) store<i16>(at + (index << 1), <i16>integerOf(value))
  else store<f32>(at + (index << 2), value)
}

// Of one head, `width` floats from `x` on into dimensions from `column` on; as integers all at once. keys: where the head's begin.
export function keepKeys<T>(keys: usize, position: u32, capacity: u32, dim: u32, column: u32, x: usize, width: u32): void {
  const padded = paddedKeys<T>(dim)
  let factor: f32 = 1
  if (isInteger<T>()) {
    const most = largestOf(x, width)
    factor = inverseOf(most, KEY_MOST)
    store<f32>(keys + <usize>padded * capacity * sizeof<T>() + (position << 2), most / KEY_MOST)
  }
  const group = <usize>(position & ~(TOGETHER - 1)) * padded
  const inGroup = position % TOGETHER
  for (let i: u32 = 0; i < width; i++) {
    const d = column + i
    const index = isInteger<T>() ? (((d >> 1) * TOGETHER + inGroup) << 1) + (d & 1) : d * TOGETHER + inGroup
    put<T>(keys, group + index, load<f32>(x + (i << 2)) * factor)
  }
  if (isInteger<T>() && padded > dim) put<T>(keys, group + (((dim >> 1) * TOGETHER + inGroup) << 1) + 1, 0)
}

export function keepValues<T>(values: usize, position: u32, capacity: u32, x: usize, width: u32): void {
  const padded = paddedColumns(width)
  let factor: f32 = 1
  if (isInteger<T>()) {
    const most = largestOf(x, width)
    factor = inverseOf(most, VALUE_MOST)
    store<f32>(values + <usize>padded * capacity * sizeof<T>() + (position << 2), most / VALUE_MOST)
  }
  const inTile = position % TILE
  const rows = tileRows(position - inTile, capacity)
  const tile = values + <usize>(position - inTile) * padded * sizeof<T>()
  for (let i: u32 = 0; i < padded; i++) {
    const column = i % BLOCK_COLUMNS
    const inBlock = isInteger<T>() ? (inTile >> 1) * (BLOCK_COLUMNS << 1) + (column << 1) + (inTile & 1) : inTile * BLOCK_COLUMNS + column
    put<T>(tile, <usize>(i - column) * rows + inBlock, i < width ? load<f32>(x + (i << 2)) * factor : 0)
  }
}
