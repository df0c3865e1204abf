import type { HeadOutput } from './head-output.ts'

/**
 * The most likely tokens, highest logit first and lower id first on ties, with bounds on the mass of all others. Weights are
 * exp((logit - highest) / temperature), so the first is 1.
 */
export type Ranking = {
  readonly ids: ArrayLike<number>
  readonly weights: Float64Array
  readonly rest: { readonly count: number; readonly low: number; readonly high: number }
}

/** Relative error allowed in a float32 log-sum-exp over a large vocabulary. */
const LOG_SUM_TOLERANCE = 1e-5
const NO_REST = { count: 0, low: 0, high: 0 } as const

const weightsOf = (logits: ArrayLike<number>, temperature: number): Float64Array =>
  Float64Array.from(logits, (logit) => Math.exp((logit - (logits[0] ?? 0)) / temperature))

const sum = (values: Float64Array): number => values.reduce((total, value) => total + value, 0)

/**
 * Ranks the `size` largest of all logits; the mass of the rest is exact.
 * @param logits [vocabSize], penalties and bias applied
 */
export function rankLogits(logits: Float64Array, temperature: number, size: number): Ranking {
  const ids = size >= logits.length ? sortAll(logits) : largest(logits, size)
  const top = logits[ids[0] ?? 0] ?? 0
  const weights = Float64Array.from(ids, (id) => Math.exp(((logits[id] ?? 0) - top) / temperature))
  const count = logits.length - ids.length
  if (count === 0) return { ids, weights, rest: NO_REST }
  let total = 0
  for (const logit of logits) total += Math.exp((logit - top) / temperature)
  const rest = Math.max(0, total - sum(weights))
  return { ids, weights, rest: { count, low: rest, high: rest } }
}

function sortAll(logits: Float64Array): Int32Array {
  return Int32Array.from(logits, (_, id) => id).sort((a, b) => (logits[b] ?? 0) - (logits[a] ?? 0) || a - b)
}

/** Insertion into a short sorted list: most logits fail the first comparison. */
function largest(logits: Float64Array, size: number): Int32Array {
  const ids = new Int32Array(size)
  let filled = 0
  for (let id = 0; id < logits.length; id++) {
    const logit = logits[id] ?? 0
    if (filled === size && logit <= (logits[ids[size - 1] ?? 0] ?? 0)) continue
    let low = 0
    let high = filled
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((logits[ids[middle] ?? 0] ?? 0) >= logit) low = middle + 1
      else high = middle
    }
    filled = Math.min(size, filled + 1)
    ids.copyWithin(low + 1, low, filled - 1)
    ids[low] = id
  }
  return ids
}

/**
 * Ranks what a backend's shortlist settles: entries that tie with its last one are left to the rest, because a tie may go on
 * outside. Null when nothing is settled.
 */
export function rankShortlist(head: HeadOutput, temperature: number): Ranking | null {
  const { shortlist, vocabSize } = head
  if (!shortlist || shortlist.ids.length === 0) return null
  const logits = Float64Array.from(shortlist.logits)
  const order = Int32Array.from(logits, (_, i) => i).sort(
    (a, b) => (logits[b] ?? 0) - (logits[a] ?? 0) || (shortlist.ids[a] ?? 0) - (shortlist.ids[b] ?? 0),
  )
  const sorted = Float64Array.from(order, (i) => logits[i] ?? 0)
  const ids = Int32Array.from(order, (i) => shortlist.ids[i] ?? 0)
  if (ids.length >= vocabSize) return { ids, weights: weightsOf(sorted, temperature), rest: NO_REST }
  const last = sorted[sorted.length - 1] ?? 0
  const settled = sorted.findIndex((logit) => logit <= last)
  if (settled <= 0) return null
  const kept = sorted.subarray(0, settled)
  const rest = boundRest(kept, last, vocabSize - settled, shortlist.logSumExp, temperature)
  return { ids: ids.subarray(0, settled), weights: weightsOf(kept, temperature), rest }
}

/**
 * Bounds the mass at `temperature` of `count` logits that are at most `ceiling`, given their mass at temperature 1.
 * t <= 1: exp(x/t) = exp(x) exp(x (1/t - 1)), and x <= ceiling. t > 1: exp(x/t) is concave in exp(x), so equal shares are the most.
 * t = 1: both are equalities up to the error of the log-sum-exp.
 */
function boundRest(kept: Float64Array, ceiling: number, count: number, logSumExp: number, temperature: number): Ranking['rest'] {
  const top = kept[0] ?? 0
  const total = Math.exp(logSumExp - top)
  const mass = total - sum(weightsOf(kept, 1))
  const error = total * LOG_SUM_TOLERANCE
  const most = Math.max(0, mass + error)
  const ceilingWeight = Math.exp((ceiling - top) / temperature)
  if (temperature === 1) return { count, low: Math.max(0, mass - error), high: Math.min(most, count * ceilingWeight) }
  const byMass =
    temperature < 1 ? most * Math.exp((ceiling - top) * (1 / temperature - 1)) : count ** (1 - 1 / temperature) * most ** (1 / temperature)
  return { count, low: 0, high: Math.min(byMass, count * ceilingWeight) }
}
