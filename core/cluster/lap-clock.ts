import { createSmoothed } from './smoothed.ts'

/** How long an answer is waited for, learned from the ones before. */
export type LapClock = {
  /** One lap took so many milliseconds. */
  readonly add: (ms: number) => void
  /** Milliseconds after which the next one is late: max(1 s, 4 × mean, 1.5 × 99th percentile). */
  readonly deadlineMs: () => number
}

const LEAST_MS = 1_000

export function createLapClock(): LapClock {
  const laps = createSmoothed()
  return {
    add: laps.add,
    deadlineMs: () => Math.max(LEAST_MS, 4 * (laps.mean() ?? 0), 1.5 * laps.quantile(0.99)),
  }
}
