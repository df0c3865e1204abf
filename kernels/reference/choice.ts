/** Plain references of what chooses: experts of a token, and the largest logits. */
import * as code from '../opcodes.ts'

export type Routing = {
  readonly kind: number
  readonly chosen: number
  readonly choiceBias: ArrayLike<number> | null
  /** 0: none. */
  readonly groups: number
  readonly groupsChosen: number
  readonly normalize: boolean
  readonly scale: number
}

function softmax(values: readonly number[]): number[] {
  const largest = Math.max(...values)
  const exponentials = values.map((value) => Math.exp(value - largest))
  const total = exponentials.reduce((sum, value) => sum + value, 0)
  return exponentials.map((value) => value / total)
}

/** Indices of the largest, the lower index first among equals. */
export const largestOf = (values: ArrayLike<number>, count: number): number[] =>
  Array.from({ length: values.length }, (_, i) => i)
    .sort((a, b) => (values[b] ?? 0) - (values[a] ?? 0) || a - b)
    .slice(0, count)

/** Experts that `scores` choose, with their weights. */
export function route(scores: readonly number[], options: Routing): { readonly ids: number[]; readonly weights: number[] } {
  const { kind, chosen, choiceBias, groups, groupsChosen, normalize, scale } = options
  const all = kind === code.ROUTE_SOFTMAX ? softmax(scores) : kind === code.ROUTE_SIGMOID ? scores.map((score) => 1 / (1 + Math.exp(-score))) : scores
  const choice = all.map((value, i) => value + (choiceBias?.[i] ?? 0))
  const size = groups > 0 ? scores.length / groups : scores.length
  const quality = Array.from({ length: groups }, (_, group) => {
    const [first = 0, second = 0] = choice.slice(group * size, (group + 1) * size).sort((a, b) => b - a)
    return size > 1 ? first + second : first
  })
  const open = new Set(largestOf(quality, groupsChosen))
  const ids = largestOf(
    choice.map((value, i) => (groups > 0 && !open.has(Math.floor(i / size)) ? -3e38 : value)),
    chosen,
  )
  const kept = ids.map((id) => all[id] ?? 0)
  if (kind === code.ROUTE_SOFTMAX_OF_CHOSEN) return { ids, weights: softmax(kept).map((weight) => weight * scale) }
  const total = normalize ? kept.reduce((sum, weight) => sum + weight, 0) : 1
  return { ids, weights: kept.map((weight) => (weight / total) * scale) }
}

export function logSumExp(logits: ArrayLike<number>): number {
  const values = Float64Array.from(logits)
  const largest = values.reduce((most, value) => Math.max(most, value), -Infinity)
  return largest + Math.log(values.reduce((sum, value) => sum + Math.exp(value - largest), 0))
}
