/**
 * Chooses the next token. Order: penalties, logit bias, temperature, top-k, top-p, min-p, softmax; then one number of the counter
 * generator picks by inverse distribution in descending order. The choice never depends on how many logits were at hand.
 */
import { ClusterError } from '../../protocol/errors.ts'
import type { Sampling } from '../../protocol/ring.ts'
import { uniformAt } from './counter-random.ts'
import type { HeadOutput } from './head-output.ts'
import { rankLogits, rankShortlist, type Ranking } from './ranking.ts'

export type SamplingContext = {
  readonly promptIds: readonly number[]
  readonly generatedIds: readonly number[]
  /** Tokens sampled before this one: the counter of the generator. */
  readonly index: number
  /** One bit a token, lowest bit first: the only tokens that may be chosen. Absent: any. */
  readonly mask?: Int32Array
}

/** Candidates ranked first, then when those were too few; the whole vocabulary is sorted only as the last resort. */
const CANDIDATES = [256, 4096]

/** Whether tokens are chosen from other logits than the model's, so that a list of its largest never suffices. */
export const adjustsLogits = (sampling: Sampling): boolean =>
  sampling.repetitionPenalty !== 1 || sampling.presencePenalty !== 0 || sampling.frequencyPenalty !== 0 || sampling.logitBias.length > 0

const changesLogits = (sampling: Sampling, { mask }: SamplingContext): boolean => mask !== undefined || adjustsLogits(sampling)

/** @throws {ClusterError} internal when the logits are not numbers */
export async function sampleToken(head: HeadOutput, sampling: Sampling, context: SamplingContext): Promise<number> {
  const draw = sampling.temperature === 0 ? 0 : uniformAt(sampling.seed, context.index)
  if (!changesLogits(sampling, context)) {
    const ranking = rankShortlist(head, sampling.temperature || 1)
    const chosen = ranking && choose(ranking, sampling, draw)
    if (chosen !== null) return chosen
  }
  const raw = await head.readLogits()
  if (sampling.temperature === 0) return checked(highest(changesLogits(sampling, context) ? adjustLogits(raw, sampling, context) : raw))
  const logits = adjustLogits(raw, sampling, context)
  for (const size of [...CANDIDATES.filter((count) => count < logits.length), logits.length]) {
    const chosen = choose(rankLogits(logits, sampling.temperature, size), sampling, draw)
    if (chosen !== null) return chosen
  }
  return checked(null)
}

function checked(id: number | null): number {
  if (id !== null) return id
  throw new ClusterError('internal', 'the model computed logits that are not numbers; load the model anew or use another backend')
}

/** Greedy needs no ranking, which for a large vocabulary takes as long as a layer. The lowest id among ties; null where a logit is no number. */
function highest(logits: ArrayLike<number>): number | null {
  let best = -Infinity
  let id: number | null = null
  for (let i = 0; i < logits.length; i++) {
    const logit = logits[i] ?? Number.NaN
    if (Number.isNaN(logit)) return null
    if (logit <= best) continue
    best = logit
    id = i
  }
  return best === Infinity ? null : id
}

/** Logits in float64 after penalties, bias and mask. */
export function adjustLogits(raw: ArrayLike<number>, sampling: Sampling, context: SamplingContext): Float64Array {
  const logits = new Float64Array(raw)
  const inRange = (id: number): boolean => id < logits.length
  if (sampling.repetitionPenalty !== 1) {
    for (const id of new Set([...context.promptIds, ...context.generatedIds])) {
      if (!inRange(id)) continue
      const logit = logits[id] ?? 0
      logits[id] = logit > 0 ? logit / sampling.repetitionPenalty : logit * sampling.repetitionPenalty
    }
  }
  if (sampling.frequencyPenalty !== 0 || sampling.presencePenalty !== 0) {
    const counts = new Map<number, number>()
    for (const id of context.generatedIds) if (inRange(id)) counts.set(id, (counts.get(id) ?? 0) + 1)
    for (const [id, count] of counts) logits[id] = (logits[id] ?? 0) - (sampling.frequencyPenalty * count + sampling.presencePenalty)
  }
  for (const [id, bias] of sampling.logitBias) if (inRange(id)) logits[id] = (logits[id] ?? 0) + bias
  const { mask } = context
  if (mask) for (let id = 0; id < logits.length; id++) if ((((mask[id >>> 5] ?? 0) >>> (id & 31)) & 1) === 0) logits[id] = -Infinity
  return logits
}

/** What top-k, top-p and min-p leave: the first `length` of the ranking, plus `rest` where nothing cut it off. */
type Kept = { readonly length: number; readonly rest: Ranking['rest'] }
const NOTHING = { count: 0, low: 0, high: 0 } as const

/** Null when the ranking is too short to tell. */
function truncate(ranking: Ranking, sampling: Sampling): Kept | null {
  const { weights } = ranking
  let kept: Kept = { length: weights.length, rest: ranking.rest }
  const total = weights.length + ranking.rest.count
  if (sampling.topK > 0 && sampling.topK < total) {
    if (sampling.topK > weights.length) return null
    kept = { length: sampling.topK, rest: NOTHING }
  }
  if (sampling.topP < 1) {
    const length = nucleus(weights.subarray(0, kept.length), kept.rest, sampling.topP)
    if (length === null) return null
    kept = { length, rest: NOTHING }
  }
  if (sampling.minP > 0) {
    const floor = sampling.minP * (weights[0] ?? 0)
    const end = weights.subarray(0, kept.length).findIndex((weight) => weight < floor)
    if (end < 0 && kept.rest.count > 0) return null
    kept = { length: end < 0 ? kept.length : end, rest: NOTHING }
  }
  return kept
}

/** First index at which the running sum satisfies `reached`, or -1. */
function indexWhere(weights: Float64Array, reached: (mass: number) => boolean): number {
  let mass = 0
  return weights.findIndex((weight) => reached((mass += weight)))
}

const massOf = (weights: Float64Array): number => weights.reduce((total, weight) => total + weight, 0)

/** Length of the shortest prefix with at least `topP` of the mass; null when the bounds on the rest disagree about it. */
function nucleus(weights: Float64Array, rest: Ranking['rest'], topP: number): number | null {
  const mass = massOf(weights)
  const [low, high] = [rest.low, rest.high].map((extra) => indexWhere(weights, (sum) => sum >= topP * (mass + extra)))
  if (low === undefined || low !== high) return null
  if (low >= 0) return low + 1
  return rest.count === 0 ? weights.length : null
}

/** Null when the ranking is too short to tell, or its weights are not numbers. */
function choose(ranking: Ranking, sampling: Sampling, draw: number): number | null {
  if (ranking.weights.some(Number.isNaN) || Number.isNaN(ranking.rest.high)) return null
  if (sampling.temperature === 0) return ranking.ids[0] ?? null
  const kept = truncate(ranking, sampling)
  if (!kept) return null
  const weights = ranking.weights.subarray(0, kept.length)
  const mass = massOf(weights)
  const [low, high] = [kept.rest.low, kept.rest.high].map((extra) => indexWhere(weights, (sum) => sum > draw * (mass + extra)))
  if (low === undefined || low !== high) return null
  // Rounding may leave the sum a hair under draw times itself; the last kept token is then meant.
  const index = low < 0 && kept.rest.count === 0 ? kept.length - 1 : low
  return ranking.ids[index] ?? null
}

/** The final distribution, ids with probability only. For conformance tests and logprobs. */
export function finalDistribution(raw: ArrayLike<number>, sampling: Sampling, context: SamplingContext): ReadonlyMap<number, number> {
  const logits = adjustLogits(raw, sampling, context)
  const ranking = rankLogits(logits, sampling.temperature || 1, logits.length)
  if (sampling.temperature === 0) return new Map([[ranking.ids[0] ?? 0, 1]])
  const weights = ranking.weights.subarray(0, truncate(ranking, sampling)?.length ?? 0)
  const mass = massOf(weights)
  return new Map(Array.from(weights, (weight, i) => [ranking.ids[i] ?? 0, weight / mass] as const).filter(([, probability]) => probability > 0))
}
