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

// Scores of [from, to) become weights before they are divided by their sum, a sink's included, which it gives.
export function weights(scores: usize, from: u32, to: u32, softcap: f32, sink: f32): f32 {
  const most = largest(scores, from, to, softcap, sink)
  const total = exponentials(scores, from, to, most)
  return sink == -Infinity ? total : total + f32x4.extract_lane(exp(f32x4.splat(sink - most)), 0)
}

// Times the scales of the values they weigh.
export function scaleWeights(weights: usize, from: u32, to: u32, scales: usize): void {
  let j = from
  for (; j + 4 <= to; j += 4) v128.store(weights + (j << 2), f32x4.mul(v128.load(weights + (j << 2)), v128.load(scales + (j << 2))))
  for (; j < to; j++) store<f32>(weights + (j << 2), load<f32>(weights + (j << 2)) * load<f32>(scales + (j << 2)))
}

// Weights of positions [from, to), multiples of 8, as integers of 16 bits, in place from the row's start on; each 32 have a scale at `scales`.
export function integerWeights(weights: usize, from: u32, to: u32, scales: usize): void {
  let j = from
  while (j < to) {
    const tile = j >> 5
    const end = min((tile + 1) << 5, to)
    let most = f32x4.splat(0)
    for (let i = j; i < end; i += 4) most = f32x4.pmax(most, v128.load(weights + (i << 2)))
    const m = maxLane(most)
    store<f32>(scales + (tile << 2), m / WEIGHT_MOST)
    const inverse = f32x4.splat(inverseOf(m, WEIGHT_MOST))
    for (; j < end; j += 8) {
      const low = nearestIntegers(f32x4.mul(v128.load(weights + (j << 2)), inverse))
      const high = nearestIntegers(f32x4.mul(v128.load(weights + (j << 2), 16), inverse))
      v128.store(weights + (j << 1), i16x8.narrow_i32x4_s(low, high))
    }
  }
}
