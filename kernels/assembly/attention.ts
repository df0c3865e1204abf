// Causal attention of new tokens over the caches of their sequences, themselves included. Up to four queries of one key head go together,
// so that keys and values are read once for all of them.
// Words: q, qStride, heads, kvHeads, keyDim, valueDim, scale, softcap (0: none), window (0: none), sinks (0: none), fixed, keyOffset,
// valueOffset, held (of the cache), y, yStride, scores, scoresStride, scoresPart. Scores, for each thread: four rows of scoresStride bytes, and
// what attendSome says.
import { HELD_INT16 } from '../opcodes'
import { score, spreadBytes, spreadQuery } from './attention-scores'
import { floatWeights, integerWeights } from './attention-softmax'
import { putBlock, weigh } from './attention-values'
import { BLOCK_COLUMNS, keyBytes, paddedColumns, TOGETHER, valueBytes } from './cache-layout'
import { float, frameRows, rowCache, rowCapacity, rowPosition, share, word } from './memory'

// @ts-ignore: decorator
@inline
function windowStart(position: u32, window: u32): u32 {
  return window && position + 1 > window ? position + 1 - window : 0
}

// Query `index` of a key head: the group's heads of a row, then the next row.
// @ts-ignore: decorator
@inline
function queryAt(args: usize, kvHead: u32, index: u32, group: u32): usize {
  const row = index / group
  return <usize>word(args, 0) + row * word(args, 1) + (((kvHead * group + (index - row * group)) * word(args, 4)) << 2)
}
// @ts-ignore: decorator
@inline
function outputAt(args: usize, kvHead: u32, index: u32, group: u32): usize {
  const row = index / group
  return <usize>word(args, 14) + row * word(args, 15) + (((kvHead * group + (index - row * group)) * word(args, 5)) << 2)
}

// Bytes of a query's scales of weights.
// @ts-ignore: decorator
@inline
function tileScales(args: usize): usize {
  return (<usize>word(args, 17) >> 5) + 16
}

// Weights of query `index` over [from, to), zeros where it sees nothing; gives what its values' sum is multiplied by.
function weightsOf<T>(frame: usize, args: usize, kvHead: u32, index: u32, group: u32, scores: usize, from: u32, to: u32, valueScales: usize, scales: usize): f32 {
  const row = index / group
  const end = rowPosition(frame, row) + 1
  const start = windowStart(end - 1, word(args, 8))
  const sinks = <usize>word(args, 9)
  const sink: f32 = sinks ? load<f32>(sinks + ((kvHead * group + (index - row * group)) << 2)) : -Infinity
  if (isInteger<T>()) return 1 / integerWeights(scores, start, end, from, to, float(args, 7), sink, valueScales, scales)
  return 1 / floatWeights(scores, start, end, from, to, float(args, 7), sink)
}

// Queries [index, index + count) of rows of one sequence, whose positions ascend. Scores: see the head of this file; behind the queries, four
// rows of scales, then what weigh leaves, four rows of all columns, and four factors.
function attendSome<T>(frame: usize, args: usize, kvHead: u32, index: u32, count: u32, group: u32, scores: usize): void {
  const last = index + count - 1
  const first = index / group
  const capacity = rowCapacity(frame, first)
  const cache = rowCache(frame, first) + word(args, 10)
  const keyDim = word(args, 4)
  const valueDim = word(args, 5)
  const keys = cache + <usize>capacity * word(args, 11) + <usize>kvHead * capacity * keyBytes<T>(keyDim)
  const values = cache + <usize>capacity * word(args, 12) + <usize>kvHead * capacity * valueBytes<T>(valueDim)
  const valueScales = values + <usize>capacity * paddedColumns(valueDim) * sizeof<T>()
  const stride = <usize>word(args, 17)
  const spread = scores + (stride << 2)
  const scaleStride = tileScales(args)
  const scales = spread + spreadBytes(keyDim)
  const room = scales + (scaleStride << 2)
  const factors = room + (<usize>paddedColumns(valueDim) << 4)
  const to = (rowPosition(frame, last / group) + TOGETHER) & ~(TOGETHER - 1)
  const from = windowStart(rowPosition(frame, first), word(args, 8)) & ~(TOGETHER - 1)
  for (let i: u32 = 0; i < count; i++) spreadQuery<T>(queryAt(args, kvHead, index + i, group), keyDim, float(args, 6), spread + (i << 2))
  score<T>(count, spread, keys, capacity, keyDim, from, to, scores, stride)
  for (let i: u32 = 0; i < count; i++) {
    const factor = weightsOf<T>(frame, args, kvHead, index + i, group, scores + stride * i, from, to, valueScales, scales + scaleStride * i)
    store<f32>(factors + (i << 2), factor)
  }
  // Floats behind the last position may be anything.
  const end = isInteger<T>() ? to : rowPosition(frame, last / group) + 1
  weigh<T>(count, scores, stride, values, capacity, valueDim, from, end, scales, scaleStride, room)
  for (let i: u32 = 0; i < count; i++) {
    const y = outputAt(args, kvHead, index + i, group)
    const factor = load<f32>(factors + (i << 2))
    for (let column: u32 = 0; column < valueDim; column += BLOCK_COLUMNS) putBlock(room + (<usize>column << 4) + (i << 5), factor, y + (column << 2), valueDim - column)
  }
}

// How many queries from `index` on, four at most, are of the same sequence with ascending positions.
function together(frame: usize, index: u32, end: u32, group: u32): u32 {
  let count: u32 = 1
  let row = index / group
  while (count < 4 && index + count < end) {
    const next = (index + count) / group
    if (next != row && (rowCache(frame, next) != rowCache(frame, row) || rowPosition(frame, next) <= rowPosition(frame, row))) break
    row = next
    count++
  }
  return count
}

// Parts take whole key heads where there are enough of them, else ranges of queries. Each thread has its own scores.
export function attend(frame: usize, args: usize, part: u32, parts: u32, thread: u32): void {
  const kvHeads = word(args, 3)
  const group = word(args, 2) / kvHeads
  const queries = frameRows(frame) * group
  const scores = <usize>word(args, 16) + thread * word(args, 18)
  const end = share(kvHeads * queries, part + 1, parts)
  let unit = share(kvHeads * queries, part, parts)
  while (unit < end) {
    const kvHead = unit / queries
    const index = unit - kvHead * queries
    const count = together(frame, index, min(queries, index + end - unit), group)
    if (word(args, 13) == HELD_INT16) attendSome<i16>(frame, args, kvHead, index, count, group, scores)
    else attendSome<f32>(frame, args, kvHead, index, count, group, scores)
    unit += count
  }
}
