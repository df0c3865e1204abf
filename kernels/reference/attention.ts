/** Plain reference of attention: one query over the positions it sees, in f64. */
import { dot } from './product.ts'

export type Attention = {
  readonly scale: number
  /** 0: none. */
  readonly softcap: number
  /** 0: none. */
  readonly window: number
  readonly sink: number | null
}

/** @param keys and values of positions 0 to the query's own, which is the last */
export function attend(
  q: ArrayLike<number>,
  keys: readonly ArrayLike<number>[],
  values: readonly ArrayLike<number>[],
  options: Attention,
): Float64Array {
  const { scale, softcap, window, sink } = options
  const first = window > 0 ? Math.max(0, keys.length - window) : 0
  const scores = keys.slice(first).map((key) => {
    const score = dot(q, key) * scale
    return softcap === 0 ? score : softcap * Math.tanh(score / softcap)
  })
  const largest = Math.max(...scores, sink ?? -Infinity)
  const weights = scores.map((score) => Math.exp(score - largest))
  const total = weights.reduce((sum, weight) => sum + weight, sink === null ? 0 : Math.exp(sink - largest))
  const out = new Float64Array(values[0]?.length ?? 0)
  for (const [j, weight] of weights.entries())
    for (let i = 0; i < out.length; i++) out[i] = (out[i] ?? 0) + (weight / total) * (values[first + j]?.[i] ?? 0)
  return out
}
