import type { Clock } from '../core/link/clock.ts'

/** Time of browsers, workers and Node. */
export const systemClock: Clock = {
  now: () => performance.now(),
  timer: (delayMs, callback) => {
    const timer = setTimeout(callback, delayMs)
    return () => clearTimeout(timer)
  },
}
