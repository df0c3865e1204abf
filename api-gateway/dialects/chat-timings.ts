/** How fast a prompt was read and an answer written, as llama.cpp's server tells it. */
import { promptTokensOf, type JobEvent, type TextJob } from '../jobs/text-job.ts'

export type ChatTimings = {
  /** Sees every event of the job as it comes. */
  readonly event: (event: JobEvent) => void
  /** Of all choices together, until now. */
  readonly timings: () => object
  /** Of the prompt of `choice`. */
  readonly progress: (processed: number, total: number, cache: number) => object
}

/** @param now monotonic milliseconds */
export function createChatTimings(job: TextJob, now: () => number): ChatTimings {
  const start = now()
  let [tokens, cached, choices] = [0, 0, 0]
  let firstAt: number | null = null
  let lastAt = start
  const seen = new Set<number>()
  const perSecond = (count: number, ms: number): number => (ms > 0 ? (count * 1000) / ms : 0)
  return {
    event: (event) => {
      // One of these without text comes for each token.
      if (event.type !== 'text' || event.text !== '') return
      tokens++
      lastAt = now()
      firstAt ??= lastAt
      if (seen.has(event.choice)) return
      seen.add(event.choice)
      choices++
      if (event.choice % job.choicesPerPrompt === 0) cached += event.cached
    },
    timings: () => {
      const promptMs = (firstAt ?? now()) - start
      const predictedMs = firstAt === null ? 0 : lastAt - firstAt
      const computed = promptTokensOf(job) - cached
      return {
        cache_n: cached,
        prompt_n: computed,
        prompt_ms: promptMs,
        prompt_per_second: perSecond(computed, promptMs),
        predicted_n: tokens,
        predicted_ms: predictedMs,
        // The first token of each choice came with its prompt.
        predicted_per_second: perSecond(tokens - choices, predictedMs),
      }
    },
    progress: (processed, total, cache) => ({ prompt_progress: { total, cache, processed, time_ms: Math.round(now() - start) } }),
  }
}
