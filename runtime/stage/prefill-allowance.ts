/**
 * How much slower chunks of prompts may make other streams: a part of all time. What laps lose to chunks is spent, and the next chunk waits until
 * that is earned again.
 */
export type PrefillAllowance = {
  /** Whether a chunk may go: what is owed will be earned in so many milliseconds. */
  readonly isEarned: (withinMs: number) => boolean
  /** The streams have lost so many milliseconds; negative when they came sooner than usual. */
  readonly spend: (ms: number) => void
  /** From now on so many prompts wait beside so many streams that decode. */
  readonly setCrowd: (prompts: number, streams: number) => void
  /** Of a lap without chunks, what may be lost in it on average. */
  readonly ofLap: (lapMs: number) => number
}

/** Of all time, at least: others keep the rest of their speed. */
const LEAST_SHARE = 0.2
/** Each prompt has so much of what one of the streams has: several that come while one decodes do not wait for its end. */
const OF_A_STREAM = 0.8

/** @param now monotonic milliseconds */
export function createPrefillAllowance(now: () => number): PrefillAllowance {
  let owedMs = 0
  let at = now()
  let share = LEAST_SHARE
  const settle = (): void => {
    const time = now()
    owedMs = Math.max(0, owedMs - (time - at) * share)
    at = time
  }
  return {
    isEarned: (withinMs) => {
      settle()
      return owedMs <= withinMs * share
    },
    spend: (ms) => {
      settle()
      owedMs += ms
    },
    setCrowd: (prompts, streams) => {
      settle()
      const ofPrompts = OF_A_STREAM * prompts
      share = Math.max(LEAST_SHARE, ofPrompts / (ofPrompts + Math.max(1, streams)))
    },
    ofLap: (lapMs) => (lapMs * share) / (1 - share),
  }
}
