/** How long an answer is waited for, learned from the ones before. */
export type LapClock = {
  /** One lap took so many milliseconds. */
  readonly add: (ms: number) => void
  /** Milliseconds after which the next one is late: max(1 s, 4 × mean, 1.5 × 99th percentile). */
  readonly deadlineMs: () => number
}

/** Laps that the 99th percentile is taken of. */
const KEPT = 128
const MEAN_WEIGHT = 0.1
const LEAST_MS = 1_000

export function createLapClock(): LapClock {
  const laps: number[] = []
  let mean: number | null = null
  return {
    add: (ms) => {
      mean = mean === null ? ms : mean + MEAN_WEIGHT * (ms - mean)
      laps.push(ms)
      if (laps.length > KEPT) laps.shift()
    },
    deadlineMs: () => {
      const sorted = [...laps].sort((a, b) => a - b)
      return Math.max(LEAST_MS, 4 * (mean ?? 0), 1.5 * (sorted[Math.floor(0.99 * (sorted.length - 1))] ?? 0))
    },
  }
}
