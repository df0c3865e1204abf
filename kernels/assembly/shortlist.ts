// The k largest logits, highest first, the lower id first among equals, and the log-sum-exp of all.
// A list: count, ids [k], logits [k], largest, Σ exp(logit - largest). Each part makes one of its own range; the merge makes one of them.
import { exp, sum } from './lanes'
import { frameRows, share, word } from './memory'

function insert(list: usize, k: u32, id: u32, value: f32): void {
  const ids = list + 4
  const values = ids + (<usize>k << 2)
  const count = load<u32>(list)
  let at = min(count, k - 1)
  while (at > 0 && load<f32>(values + ((at - 1) << 2)) < value) {
    store<f32>(values + (at << 2), load<f32>(values + ((at - 1) << 2)))
    store<u32>(ids + (at << 2), load<u32>(ids + ((at - 1) << 2)))
    at--
  }
  store<f32>(values + (at << 2), value)
  store<u32>(ids + (at << 2), id)
  if (count < k) store<u32>(list, count + 1)
}

function collect(list: usize, k: u32, logits: usize, from: u32, to: u32): void {
  const lowest = list + 4 + (<usize>(2 * k - 1) << 2)
  let i = from
  while (i < to) {
    if (load<u32>(list) == k) {
      const bound = v128.load32_splat(lowest)
      while (i + 4 <= to && !v128.any_true(f32x4.gt(v128.load(logits + (i << 2)), bound))) i += 4
      if (i >= to) return
    }
    const end = min(i + 4, to)
    for (; i < end; i++) {
      const value = load<f32>(logits + (i << 2))
      if (value == value && (load<u32>(list) < k || value > load<f32>(lowest))) insert(list, k, i, value)
    }
  }
}

function expSum(logits: usize, from: u32, to: u32, most: f32): f32 {
  const shift = f32x4.splat(most)
  let total = f32x4.splat(0)
  let i = from
  for (; i + 4 <= to; i += 4) total = f32x4.add(total, exp(f32x4.sub(v128.load(logits + (i << 2)), shift)))
  let rest = sum(total)
  for (; i < to; i++) rest += f32x4.extract_lane(exp(f32x4.splat(load<f32>(logits + (i << 2)) - most)), 0)
  return rest
}

// Of the last row. Words: logits, stride, n, k, lists, listBytes.
export function shortlist(frame: usize, args: usize, part: u32, parts: u32): void {
  const n = word(args, 2)
  const k = word(args, 3)
  const logits = <usize>word(args, 0) + (frameRows(frame) - 1) * word(args, 1)
  const list = <usize>word(args, 4) + part * word(args, 5)
  const from = share(n, part, parts)
  const to = share(n, part + 1, parts)
  store<u32>(list, 0)
  collect(list, k, logits, from, to)
  const values = list + 4 + (<usize>k << 2)
  const most: f32 = load<u32>(list) ? load<f32>(values) : NaN
  store<f32>(values + (<usize>k << 2), most)
  store<f32>(values + (<usize>k << 2), from < to ? expSum(logits, from, to, most) : 0, 4)
}

// Merges the parts' lists into a last one, by the first part alone. Words: k, lists, listBytes, merged.
export function mergeShortlists(args: usize, part: u32, parts: u32): void {
  if (part != 0) return
  const k = word(args, 0)
  const merged = <usize>word(args, 3)
  const values = merged + 4 + (<usize>k << 2)
  store<u32>(merged, 0)
  for (let i: u32 = 0; i < parts; i++) {
    const list = <usize>word(args, 1) + i * word(args, 2)
    const count = load<u32>(list)
    for (let j: u32 = 0; j < count; j++) {
      const value = load<f32>(list + 4 + ((k + j) << 2))
      if (load<u32>(merged) < k || value > load<f32>(values + ((k - 1) << 2))) insert(merged, k, load<u32>(list + 4 + (j << 2)), value)
    }
  }
  const most: f32 = load<u32>(merged) ? load<f32>(values) : NaN
  let total: f32 = 0
  for (let i: u32 = 0; i < parts; i++) {
    const tail = <usize>word(args, 1) + i * word(args, 2) + 4 + (<usize>(2 * k) << 2)
    const own = load<f32>(tail)
    if (load<f32>(tail, 4) != 0) total += load<f32>(tail, 4) * f32x4.extract_lane(exp(f32x4.splat(own - most)), 0)
  }
  store<f32>(values + (<usize>k << 2), most)
  store<f32>(values + (<usize>k << 2), total, 4)
}
