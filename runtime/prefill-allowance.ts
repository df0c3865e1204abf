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
  /** From now on the device computes steps, or nothing. */
  readonly setIdle: (isIdle: boolean) => void
}

/** Of all time: others decode at 1 / (1 + SHARE) of their speed or better. */
const SHARE = 0.2
/** Of idle time on top: a step that comes meanwhile waits for the rest of a chunk. */
const IDLE_SHARE = 0.4

export function createPrefillAllowance(now: () => number): PrefillAllowance {
  let owedMs = 0
  let at = now()
  let isIdle = true
  const rate = (): number => SHARE + (isIdle ? IDLE_SHARE : 0)
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
      return owedMs / (SHARE + IDLE_SHARE)
    },
    setIdle: (idle) => {
      settle()
      isIdle = idle
    },
  }
}
