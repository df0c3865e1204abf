import type { TokenLogprobs } from '../../protocol/ring.ts'
import { rankLogits } from './ranking.ts'

/** Log probabilities are no lower than this, as at OpenAI: JSON has no infinity. */
const FLOOR = -9999

/** @param raw logits [vocabSize] as the model gives them @param count likeliest tokens to tell */
export function logprobsOf(raw: ArrayLike<number>, tokenId: number, count: number): TokenLogprobs {
  const logits = Float64Array.from(raw)
  const highest = logits.reduce((most, logit) => Math.max(most, logit), -Infinity)
  const logSumExp = highest + Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - highest), 0))
  const logprob = (id: number): number => Math.max(FLOOR, Math.min(0, (logits[id] ?? -Infinity) - logSumExp))
  const { ids } = count > 0 ? rankLogits(logits, 1, Math.min(count, logits.length)) : { ids: [] }
  return { logprob: logprob(tokenId), top: Array.from(ids, (id): [number, number] => [id, logprob(id)]) }
}
