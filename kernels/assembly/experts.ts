// Which experts a token goes through, and the sum of what they give.
import { ROUTE_SIGMOID, ROUTE_SOFTMAX, ROUTE_SOFTMAX_OF_CHOSEN } from '../opcodes'
import { exp, sigmoid } from './lanes'
import { float, frameRows, share, word } from './memory'

// @ts-ignore: decorator
@inline
function expOf(x: f32): f32 {
  return f32x4.extract_lane(exp(f32x4.splat(x)), 0)
}

function softmax(scores: usize, count: u32): void {
  let most: f32 = -Infinity
  for (let i: u32 = 0; i < count; i++) most = max(most, load<f32>(scores + (i << 2)))
  let total: f32 = 0
  for (let i: u32 = 0; i < count; i++) {
    const e = expOf(load<f32>(scores + (i << 2)) - most)
    store<f32>(scores + (i << 2), e)
    total += e
  }
  for (let i: u32 = 0; i < count; i++) store<f32>(scores + (i << 2), load<f32>(scores + (i << 2)) / total)
}

// Index of the largest; the lowest among equals.
function largest(values: usize, count: u32): u32 {
  let best: u32 = 0
  for (let i: u32 = 1; i < count; i++) if (load<f32>(values + (i << 2)) > load<f32>(values + (best << 2))) best = i
  return best
}

// A group is as good as its best two together; the experts of groups that are not chosen come after all others.
function closeGroups(choice: usize, experts: u32, groups: u32, chosen: u32, quality: usize): void {
  const size = experts / groups
  for (let group: u32 = 0; group < groups; group++) {
    let first: f32 = -Infinity
    let second: f32 = -Infinity
    for (let i: u32 = 0; i < size; i++) {
      const value = load<f32>(choice + ((group * size + i) << 2))
      if (value > first) {
        second = first
        first = value
      } else if (value > second) second = value
    }
    store<f32>(quality + (group << 2), size > 1 ? first + second : first)
  }
  for (let i: u32 = 0; i < chosen; i++) store<f32>(quality + (largest(quality, groups) << 2), -Infinity)
  for (let group: u32 = 0; group < groups; group++) {
    const isOpen = load<f32>(quality + (group << 2)) == -Infinity
    if (!isOpen) for (let i: u32 = 0; i < size; i++) store<f32>(choice + ((group * size + i) << 2), -f32.MAX_VALUE)
  }
}

// Words: scores, scoresStride, experts, chosen, kind, choiceBias, groups, groupsChosen, normalize, scale, choice, choiceStride, ids, weights.
// `scores` become weights; `choice` is room for experts + groups; ids and weights are [rows, chosen].
export function route(frame: usize, args: usize, part: u32, parts: u32): void {
  const rows = frameRows(frame)
  const end = share(rows, part + 1, parts)
  for (let row = share(rows, part, parts); row < end; row++) routeRow(args, row)
}

function choices(args: usize, scores: usize, choice: usize): void {
  const experts = word(args, 2)
  const kind = word(args, 4)
  const bias = <usize>word(args, 5)
  if (kind == ROUTE_SOFTMAX) softmax(scores, experts)
  for (let i: u32 = 0; i < experts; i++) {
    const at = <usize>i << 2
    if (kind == ROUTE_SIGMOID) store<f32>(scores + at, f32x4.extract_lane(sigmoid(v128.load32_splat(scores + at)), 0))
    store<f32>(choice + at, load<f32>(scores + at) + (bias ? load<f32>(bias + at) : 0))
  }
  if (word(args, 6)) closeGroups(choice, experts, word(args, 6), word(args, 7), choice + (experts << 2))
}

function routeRow(args: usize, row: u32): void {
  const scores = <usize>word(args, 0) + row * word(args, 1)
  const choice = <usize>word(args, 10) + row * word(args, 11)
  const experts = word(args, 2)
  const chosen = word(args, 3)
  const ids = <usize>word(args, 12) + ((row * chosen) << 2)
  const weights = <usize>word(args, 13) + ((row * chosen) << 2)
  choices(args, scores, choice)
  let total: f32 = 0
  for (let i: u32 = 0; i < chosen; i++) {
    const best = largest(choice, experts)
    store<u32>(ids + (i << 2), best)
    const weight = load<f32>(scores + (best << 2))
    store<f32>(weights + (i << 2), weight)
    total += weight
    store<f32>(choice + (best << 2), -Infinity)
  }
  const isSoftmaxed = word(args, 4) == ROUTE_SOFTMAX_OF_CHOSEN
  if (isSoftmaxed) softmax(weights, chosen)
  const factor: f32 = word(args, 8) && !isSoftmaxed ? float(args, 9) / total : float(args, 9)
  for (let i: u32 = 0; i < chosen; i++) store<f32>(weights + (i << 2), load<f32>(weights + (i << 2)) * factor)
}

// y = Σ weight · x of the token's slots. Words: x, xStride, weights, chosen, width, y, yStride.
export function combine(frame: usize, args: usize, part: u32, parts: u32): void {
  const chosen = word(args, 3)
  const width = word(args, 4)
  const rows = frameRows(frame)
  const from = share(width, part, parts)
  const to = share(width, part + 1, parts)
  for (let row: u32 = 0; row < rows; row++) {
    const x = <usize>word(args, 0) + row * chosen * word(args, 1)
    const weights = <usize>word(args, 2) + ((row * chosen) << 2)
    const y = <usize>word(args, 5) + row * word(args, 6)
    for (let i = from; i < to; i++) {
      let total: f32 = 0
      for (let slot: u32 = 0; slot < chosen; slot++) total += load<f32>(weights + (slot << 2)) * load<f32>(x + slot * word(args, 1) + (i << 2))
      store<f32>(y + (i << 2), total)
    }
  }
}
