/**
 * How much of a device's time chunks of prompts may take while other streams decode: a part of all time, and most of the time in which
 * nothing else waits. What a chunk adds to a pass is spent, and the next one waits until it is earned again.
 */
export type PrefillAllowance = {
  /** Whether a chunk may go. */
  readonly isEarned: () => boolean
  /** A chunk has taken so many milliseconds from the others. */
  readonly spend: (ms: number) => void
  /** Milliseconds until a chunk may go if nothing else comes. */
  readonly waitMs: () => number
  /** From now on so many prompts wait beside so many streams that decode. */
  readonly setCrowd: (prompts: number, streams: number) => void
  /** From now on the device computes steps, or nothing. */
  readonly setIdle: (isIdle: boolean) => void
}

/** Of all time, at least: others decode at 1 / (1 + share) of their speed. */
const LEAST_SHARE = 0.2
/** Each prompt has so much of what one of the streams has: several that come while one decodes do not wait for its end. */
const OF_A_STREAM = 0.8
/** Of idle time on top: a step that comes meanwhile waits for the rest of a chunk. */
const IDLE_SHARE = 0.4

export function createPrefillAllowance(now: () => number): PrefillAllowance {
  let owedMs = 0
  let at = now()
  let isIdle = true
  let share = LEAST_SHARE
  const rate = (): number => share + (isIdle ? IDLE_SHARE : 0)
  const settle = (): void => {
    const time = now()
    owedMs = Math.max(0, owedMs - (time - at) * rate())
    at = time
  }
  return {
    isEarned: () => {
      settle()
      return owedMs === 0
    },
    spend: (ms) => {
      settle()
      owedMs += ms
    },
    waitMs: () => {
      settle()
      return owedMs / (share + IDLE_SHARE)
    },
    setCrowd: (prompts, streams) => {
      settle()
      share = Math.max(LEAST_SHARE, (OF_A_STREAM * prompts) / Math.max(1, streams))
    },
    setIdle: (idle) => {
      settle()
      isIdle = idle
    },
  }
}
