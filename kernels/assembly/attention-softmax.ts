// Weights of positions from their scores.
import { inverseOf, WEIGHT_MOST } from './cache-layout'
import { exp, nearestIntegers, sum, tanh } from './lanes'

// @ts-ignore: decorator
@inline
function maxLane(v: v128): f32 {
  return max(max(f32x4.extract_lane(v, 0), f32x4.extract_lane(v, 1)), max(f32x4.extract_lane(v, 2), f32x4.extract_lane(v, 3)))
}

// Caps the scores of [from, to); gives the largest, `least` at least.
function largest(scores: usize, from: u32, to: u32, softcap: f32, least: f32): f32 {
  const caps = f32x4.splat(softcap)
  let most = f32x4.splat(least)
  let j = from
  for (; j + 4 <= to; j += 4) {
    let v = v128.load(scores + (j << 2))
    if (softcap != 0) {
      v = f32x4.mul(tanh(f32x4.div(v, caps)), caps)
      v128.store(scores + (j << 2), v)
    }
    most = f32x4.pmax(most, v)
  }
  let m = maxLane(most)
  for (; j < to; j++) {
    let v = load<f32>(scores + (j << 2))
    if (softcap != 0) v = f32x4.extract_lane(tanh(f32x4.splat(v / softcap)), 0) * softcap
    store<f32>(scores + (j << 2), v)
    m = max(m, v)
  }
  return m
}

// exp(scores - most) in place; gives the sum.
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

// What a sink adds to the sum of exponentials.
// @ts-ignore: decorator
@inline
function sinkWeight(sink: f32, most: f32): f32 {
  return sink == -Infinity ? 0 : f32x4.extract_lane(exp(f32x4.splat(sink - most)), 0)
}

// Scores of [start, end) become weights before they are divided by their sum, a sink's included, which it gives; zeros around them in [from, to).
export function floatWeights(scores: usize, start: u32, end: u32, from: u32, to: u32, softcap: f32, sink: f32): f32 {
  const most = largest(scores, start, end, softcap, sink)
  memory.fill(scores + (from << 2), 0, (start - from) << 2)
  memory.fill(scores + (end << 2), 0, (to - end) << 2)
  return exponentials(scores, start, end, most) + sinkWeight(sink, most)
}

// log2(e), the exponent that nothing comes below, the rounder of lanes.ts, and 2^r for |r| ≤ ½ within 2.6e-6, least squares with Lawson's weights.
const EXP2 = memory.data<f32>([1.44269504, -125, 12582912, 9.99999261e-1, 6.93121815e-1, 2.40247448e-1, 5.59178603e-2, 9.57010150e-3])

// The same as integers of 16 bits, times the scales of the values they weigh, in place from the row's start on: each 32 have a scale at `scales`.
// They are rounded anyway: their exponentials are short, and their constants stay in registers. from, to: multiples of 8.
export function integerWeights(scores: usize, start: u32, end: u32, from: u32, to: u32, softcap: f32, sink: f32, valueScales: usize, scales: usize): f32 {
  const most = largest(scores, start, end, softcap, sink)
  for (let j = from; j < start; j++) store<f32>(scores + (j << 2), -Infinity)
  for (let j = end; j < to; j++) store<f32>(scores + (j << 2), -Infinity)
  const shift = f32x4.splat(most)
  const log2e = v128.load32_splat(EXP2)
  const least = v128.load32_splat(EXP2, 4)
  const rounder = v128.load32_splat(EXP2, 8)
  const c0 = v128.load32_splat(EXP2, 12)
  const c1 = v128.load32_splat(EXP2, 16)
  const c2 = v128.load32_splat(EXP2, 20)
  const c3 = v128.load32_splat(EXP2, 24)
  const c4 = v128.load32_splat(EXP2, 28)
  let total = f32x4.splat(0)
  let j = from
  while (j < to) {
    const tile = j >> 5
    const stop = min((tile + 1) << 5, to)
    let top = f32x4.splat(0)
    for (let i = j; i < stop; i += 4) {
      const x = f32x4.mul(f32x4.sub(v128.load(scores + (i << 2)), shift), log2e)
      const rounded = f32x4.add(x, rounder)
      const r = f32x4.sub(x, f32x4.sub(rounded, rounder))
      let p = f32x4.add(f32x4.mul(c4, r), c3)
      p = f32x4.add(f32x4.mul(p, r), c2)
      p = f32x4.add(f32x4.mul(p, r), c1)
      p = f32x4.add(f32x4.mul(p, r), c0)
      // Outside of the row scales may be anything.
      const isSeen = f32x4.ge(x, least)
      const e = v128.and(i32x4.add(p, i32x4.shl(rounded, 23)), isSeen)
      total = f32x4.add(total, e)
      const weight = v128.and(f32x4.mul(e, v128.load(valueScales + (i << 2))), isSeen)
      top = f32x4.pmax(top, weight)
      v128.store(scores + (i << 2), weight)
    }
    const m = maxLane(top)
    store<f32>(scales + (tile << 2), m / WEIGHT_MOST)
    const inverse = f32x4.splat(inverseOf(m, WEIGHT_MOST))
    for (; j < stop; j += 8) {
      const low = nearestIntegers(f32x4.mul(v128.load(scores + (j << 2)), inverse))
      const high = nearestIntegers(f32x4.mul(v128.load(scores + (j << 2), 16), inverse))
      v128.store(scores + (j << 1), i16x8.narrow_i32x4_s(low, high))
    }
  }
  return sum(total) + sinkWeight(sink, most)
}
