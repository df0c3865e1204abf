// Causal attention of new tokens over the caches of their sequences, themselves included. Up to four queries of one key head go together,
// so that keys and values are read once for all of them.
// Words: q, qStride, heads, kvHeads, keyDim, valueDim, scale, softcap (0: none), window (0: none), sinks (0: none), fixed, keyOffset,
// valueOffset, y, yStride, scores, scoresStride, scoresPart. Scores: room for four rows of scoresStride bytes for each part.
import { exp, sum, sums, tanh } from './lanes'
import { float, frameRows, rowCache, rowCapacity, rowPosition, share, word } from './memory'

// Positions whose values stay in cache while all columns pass.
const POSITION_TILE: u32 = 64

function dot(a: usize, b: usize, count: u32): f32 {
  let total = f32x4.splat(0)
  let i: usize = 0
  for (; i + 4 <= count; i += 4) total = f32x4.add(total, f32x4.mul(v128.load(a + (i << 2)), v128.load(b + (i << 2))))
  let rest = sum(total)
  for (; i < count; i++) rest += load<f32>(a + (i << 2)) * load<f32>(b + (i << 2))
  return rest
}

// Scores of one query over positions [from, to), four at a time.
function scoreOne(q: usize, keys: usize, dim: u32, from: u32, to: u32, scores: usize): void {
  const step = <usize>dim << 2
  let j = from
  for (; j + 4 <= to; j += 4) {
    const key = keys + j * step
    let a = f32x4.splat(0)
    let b = f32x4.splat(0)
    let c = f32x4.splat(0)
    let d = f32x4.splat(0)
    let i: usize = 0
    for (; i + 16 <= step; i += 16) {
      const v = v128.load(q + i)
      a = f32x4.add(a, f32x4.mul(v, v128.load(key + i)))
      b = f32x4.add(b, f32x4.mul(v, v128.load(key + step + i)))
      c = f32x4.add(c, f32x4.mul(v, v128.load(key + step * 2 + i)))
      d = f32x4.add(d, f32x4.mul(v, v128.load(key + step * 3 + i)))
    }
    let total = sums(a, b, c, d)
    for (; i < step; i += 4) {
      let column = v128.load32_splat(key + i)
      column = f32x4.replace_lane(column, 1, load<f32>(key + step + i))
      column = f32x4.replace_lane(column, 2, load<f32>(key + step * 2 + i))
      column = f32x4.replace_lane(column, 3, load<f32>(key + step * 3 + i))
      total = f32x4.add(total, f32x4.mul(v128.load32_splat(q + i), column))
    }
    v128.store(scores + (j << 2), total)
  }
  for (; j < to; j++) store<f32>(scores + (j << 2), dot(q, keys + j * step, dim))
}

// Scores of four queries over positions [from, to).
function scoreFour(q0: usize, q1: usize, q2: usize, q3: usize, keys: usize, dim: u32, from: u32, to: u32, scores: usize, stride: usize): void {
  const step = <usize>dim << 2
  for (let j = from; j < to; j++) {
    const key = keys + j * step
    let a = f32x4.splat(0)
    let b = f32x4.splat(0)
    let c = f32x4.splat(0)
    let d = f32x4.splat(0)
    let i: usize = 0
    for (; i + 16 <= step; i += 16) {
      const v = v128.load(key + i)
      a = f32x4.add(a, f32x4.mul(v, v128.load(q0 + i)))
      b = f32x4.add(b, f32x4.mul(v, v128.load(q1 + i)))
      c = f32x4.add(c, f32x4.mul(v, v128.load(q2 + i)))
      d = f32x4.add(d, f32x4.mul(v, v128.load(q3 + i)))
    }
    let total = sums(a, b, c, d)
    for (; i < step; i += 4) {
      let column = v128.load32_splat(q0 + i)
      column = f32x4.replace_lane(column, 1, load<f32>(q1 + i))
      column = f32x4.replace_lane(column, 2, load<f32>(q2 + i))
      column = f32x4.replace_lane(column, 3, load<f32>(q3 + i))
      total = f32x4.add(total, f32x4.mul(v128.load32_splat(key + i), column))
    }
    const at = scores + (j << 2)
    v128.store32_lane(at, total, 0)
    v128.store32_lane(at + stride, total, 1)
    v128.store32_lane(at + stride * 2, total, 2)
    v128.store32_lane(at + stride * 3, total, 3)
  }
}

// Scales and caps the scores of [from, to); gives the largest, `least` at least.
function finishScores(scores: usize, from: u32, to: u32, scale: f32, softcap: f32, least: f32): f32 {
  const scales = f32x4.splat(scale)
  const caps = f32x4.splat(softcap)
  let most = f32x4.splat(least)
  let j = from
  for (; j + 4 <= to; j += 4) {
    let v = f32x4.mul(v128.load(scores + (j << 2)), scales)
    if (softcap != 0) v = f32x4.mul(tanh(f32x4.div(v, caps)), caps)
    v128.store(scores + (j << 2), v)
    most = f32x4.max(most, v)
  }
  let m: f32 = max(max(f32x4.extract_lane(most, 0), f32x4.extract_lane(most, 1)), max(f32x4.extract_lane(most, 2), f32x4.extract_lane(most, 3)))
  for (; j < to; j++) {
    let v = load<f32>(scores + (j << 2)) * scale
    if (softcap != 0) v = f32x4.extract_lane(tanh(f32x4.splat(v / softcap)), 0) * softcap
    store<f32>(scores + (j << 2), v)
    m = max(m, v)
  }
  return m
}

// exp(scores - most) in place; gives their sum.
function exponentials(scores: usize, from: u32, to: u32, most: f32): f32 {
  const shift = f32x4.splat(most)
  let total = f32x4.splat(0)
  let j = from
  for (; j + 4 <= to; j += 4) {
    const v = exp(f32x4.sub(v128.load(scores + (j << 2)), shift))
    v128.store(scores + (j << 2), v)
    total = f32x4.add(total, v)
  }
  let rest = sum(total)
  for (; j < to; j++) {
    const e = f32x4.extract_lane(exp(f32x4.splat(load<f32>(scores + (j << 2)) - most)), 0)
    store<f32>(scores + (j << 2), e)
    rest += e
  }
  return rest
}

// Softmax of [from, to), a sink's score in the sum.
function softmax(scores: usize, from: u32, to: u32, args: usize, head: u32): void {
  const sinks = <usize>word(args, 9)
  const sink: f32 = sinks ? load<f32>(sinks + (head << 2)) : -Infinity
  const most = finishScores(scores, from, to, float(args, 6), float(args, 7), sink)
  let total = exponentials(scores, from, to, most)
  if (sinks) total += f32x4.extract_lane(exp(f32x4.splat(sink - most)), 0)
  const factor: f32 = 1 / total
  const factors = f32x4.splat(factor)
  let j = from
  for (; j + 4 <= to; j += 4) v128.store(scores + (j << 2), f32x4.mul(v128.load(scores + (j << 2)), factors))
  for (; j < to; j++) store<f32>(scores + (j << 2), load<f32>(scores + (j << 2)) * factor)
}

// y += Σ p · value over [from, to) for one query.
function weighOne(p: usize, values: usize, dim: u32, from: u32, to: u32, y: usize): void {
  const step = <usize>dim << 2
  let i: usize = 0
  for (; i + 32 <= step; i += 32) {
    let a = v128.load(y + i)
    let b = v128.load(y + i, 16)
    for (let j = from; j < to; j++) {
      const v = v128.load32_splat(p + (j << 2))
      const at = values + j * step + i
      a = f32x4.add(a, f32x4.mul(v, v128.load(at)))
      b = f32x4.add(b, f32x4.mul(v, v128.load(at, 16)))
    }
    v128.store(y + i, a)
    v128.store(y + i, b, 16)
  }
  for (; i < step; i += 4) {
    let total = load<f32>(y + i)
    for (let j = from; j < to; j++) total += load<f32>(p + (j << 2)) * load<f32>(values + j * step + i)
    store<f32>(y + i, total)
  }
}

// The same for `count` of four queries, the others being the last of them again; probabilities outside of a query's own positions are zeros.
function weighFour(count: u32, p: usize, stride: usize, values: usize, dim: u32, from: u32, to: u32, y0: usize, y1: usize, y2: usize, y3: usize): void {
  const step = <usize>dim << 2
  let i: usize = 0
  for (; i + 32 <= step; i += 32) {
    let a0 = v128.load(y0 + i)
    let a1 = v128.load(y0 + i, 16)
    let b0 = v128.load(y1 + i)
    let b1 = v128.load(y1 + i, 16)
    let c0 = v128.load(y2 + i)
    let c1 = v128.load(y2 + i, 16)
    let d0 = v128.load(y3 + i)
    let d1 = v128.load(y3 + i, 16)
    for (let j = from; j < to; j++) {
      const at = values + j * step + i
      const v0 = v128.load(at)
      const v1 = v128.load(at, 16)
      const weight = p + (j << 2)
      let w = v128.load32_splat(weight)
      a0 = f32x4.add(a0, f32x4.mul(w, v0))
      a1 = f32x4.add(a1, f32x4.mul(w, v1))
      w = v128.load32_splat(weight + stride)
      b0 = f32x4.add(b0, f32x4.mul(w, v0))
      b1 = f32x4.add(b1, f32x4.mul(w, v1))
      w = v128.load32_splat(weight + stride * 2)
      c0 = f32x4.add(c0, f32x4.mul(w, v0))
      c1 = f32x4.add(c1, f32x4.mul(w, v1))
      w = v128.load32_splat(weight + stride * 3)
      d0 = f32x4.add(d0, f32x4.mul(w, v0))
      d1 = f32x4.add(d1, f32x4.mul(w, v1))
    }
    v128.store(y0 + i, a0)
    v128.store(y0 + i, a1, 16)
    v128.store(y1 + i, b0)
    v128.store(y1 + i, b1, 16)
    v128.store(y2 + i, c0)
    v128.store(y2 + i, c1, 16)
    v128.store(y3 + i, d0)
    v128.store(y3 + i, d1, 16)
  }
  const column = <u32>(i >> 2)
  if (column == dim) return
  weighRest(p, values, dim, column, from, to, y0)
  if (count > 1) weighRest(p + stride, values, dim, column, from, to, y1)
  if (count > 2) weighRest(p + stride * 2, values, dim, column, from, to, y2)
  if (count > 3) weighRest(p + stride * 3, values, dim, column, from, to, y3)
}

function weighRest(p: usize, values: usize, dim: u32, column: u32, from: u32, to: u32, y: usize): void {
  for (let i = column; i < dim; i++) {
    let total = load<f32>(y + (i << 2))
    for (let j = from; j < to; j++) total += load<f32>(p + (j << 2)) * load<f32>(values + (<usize>(j * dim + i) << 2))
    store<f32>(y + (i << 2), total)
  }
}

// @ts-ignore: decorator
@inline
function windowStart(position: u32, window: u32): u32 {
  return window && position + 1 > window ? position + 1 - window : 0
}

// Query `index` of a key head: the group's heads of a row, then the next row.
// @ts-ignore: decorator
@inline
function queryAt(args: usize, kvHead: u32, row: u32, member: u32, group: u32): usize {
  return <usize>word(args, 0) + row * word(args, 1) + (((kvHead * group + member) * word(args, 4)) << 2)
}
// @ts-ignore: decorator
@inline
function outputAt(args: usize, kvHead: u32, row: u32, member: u32, group: u32): usize {
  return <usize>word(args, 13) + row * word(args, 14) + (((kvHead * group + member) * word(args, 5)) << 2)
}

function attendOne(frame: usize, args: usize, kvHead: u32, index: u32, group: u32, scores: usize): void {
  const row = index / group
  const member = index - row * group
  const capacity = rowCapacity(frame, row)
  const cache = rowCache(frame, row) + word(args, 10)
  const keys = cache + <usize>capacity * word(args, 11) + ((<usize>kvHead * capacity * word(args, 4)) << 2)
  const values = cache + <usize>capacity * word(args, 12) + ((<usize>kvHead * capacity * word(args, 5)) << 2)
  const to = rowPosition(frame, row) + 1
  const from = windowStart(to - 1, word(args, 8))
  const y = outputAt(args, kvHead, row, member, group)
  scoreOne(queryAt(args, kvHead, row, member, group), keys, word(args, 4), from, to, scores)
  softmax(scores, from, to, args, kvHead * group + member)
  memory.fill(y, 0, <usize>word(args, 5) << 2)
  for (let j = from; j < to; j += POSITION_TILE) weighOne(scores, values, word(args, 5), j, min(j + POSITION_TILE, to), y)
}

// Probabilities of query `index` over [from, to), zeros where it sees nothing.
function probabilities(frame: usize, args: usize, kvHead: u32, index: u32, group: u32, scores: usize, from: u32, to: u32): void {
  const row = index / group
  const end = rowPosition(frame, row) + 1
  const start = windowStart(end - 1, word(args, 8))
  softmax(scores, start, end, args, kvHead * group + (index - row * group))
  memory.fill(scores + (from << 2), 0, (start - from) << 2)
  memory.fill(scores + (end << 2), 0, (to - end) << 2)
}

// Queries [index, index + count) of rows of one sequence, whose positions ascend. Beyond `count` the last one is computed again.
function attendFour(frame: usize, args: usize, kvHead: u32, index: u32, count: u32, group: u32, scores: usize): void {
  const last = index + count - 1
  const i1 = min(index + 1, last)
  const i2 = min(index + 2, last)
  const i3 = min(index + 3, last)
  const r0 = index / group
  const r1 = i1 / group
  const r2 = i2 / group
  const r3 = i3 / group
  const capacity = rowCapacity(frame, r0)
  const cache = rowCache(frame, r0) + word(args, 10)
  const keyDim = word(args, 4)
  const valueDim = word(args, 5)
  const keys = cache + <usize>capacity * word(args, 11) + ((<usize>kvHead * capacity * keyDim) << 2)
  const values = cache + <usize>capacity * word(args, 12) + ((<usize>kvHead * capacity * valueDim) << 2)
  const stride = <usize>word(args, 16)
  const to = rowPosition(frame, r3) + 1
  const from = windowStart(rowPosition(frame, r0), word(args, 8))
  scoreFour(queryAt(args, kvHead, r0, index - r0 * group, group), queryAt(args, kvHead, r1, i1 - r1 * group, group), queryAt(args, kvHead, r2, i2 - r2 * group, group), queryAt(args, kvHead, r3, i3 - r3 * group, group), keys, keyDim, from, to, scores, stride)
  probabilities(frame, args, kvHead, index, group, scores, from, to)
  probabilities(frame, args, kvHead, i1, group, scores + stride, from, to)
  probabilities(frame, args, kvHead, i2, group, scores + stride * 2, from, to)
  probabilities(frame, args, kvHead, i3, group, scores + stride * 3, from, to)
  const y0 = outputAt(args, kvHead, r0, index - r0 * group, group)
  const y1 = outputAt(args, kvHead, r1, i1 - r1 * group, group)
  const y2 = outputAt(args, kvHead, r2, i2 - r2 * group, group)
  const y3 = outputAt(args, kvHead, r3, i3 - r3 * group, group)
  for (let i = index; i <= last; i++) memory.fill(outputAt(args, kvHead, i / group, i % group, group), 0, <usize>valueDim << 2)
  for (let j = from; j < to; j += POSITION_TILE) weighFour(count, scores, stride, values, valueDim, j, min(j + POSITION_TILE, to), y0, y1, y2, y3)
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

// Parts take whole key heads where there are enough of them, else ranges of queries.
export function attend(frame: usize, args: usize, part: u32, parts: u32): void {
  const kvHeads = word(args, 3)
  const group = word(args, 2) / kvHeads
  const queries = frameRows(frame) * group
  const scores = <usize>word(args, 15) + part * word(args, 17)
  const end = share(kvHeads * queries, part + 1, parts)
  let unit = share(kvHeads * queries, part, parts)
  while (unit < end) {
    const kvHead = unit / queries
    const index = unit - kvHead * queries
    const count = together(frame, index, min(queries, index + end - unit), group)
    if (count == 1) attendOne(frame, args, kvHead, index, group, scores)
    else attendFour(frame, args, kvHead, index, count, group, scores)
    unit += count
  }
}
