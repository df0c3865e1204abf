/** What the head of a ring learns of its laps from the timings that come back with each token. */
import type { LapReport, StageTiming } from '../../protocol/cluster.ts'
import type { HopTiming } from '../../protocol/hops.ts'
import { createSmoothed, type Smoothed } from './smoothed.ts'

export type LapMeter = {
  /** One lap of one token. Timings that do not cover the whole ring count for the lap alone. */
  readonly add: (lapMs: number, hops: readonly HopTiming[]) => void
  /** Null before the first lap. */
  readonly report: () => LapReport | null
}

type Stage = { readonly [Part in keyof HopTiming]: Smoothed } & { readonly workMs: Smoothed }

const createStage = (): Stage => ({
  queueMs: createSmoothed(),
  computeMs: createSmoothed(),
  readBackMs: createSmoothed(),
  sendMs: createSmoothed(),
  workMs: createSmoothed(),
})

/** Means follow what changes within about so long, and never by less than a few laps or more than a hundred. */
const MEMORY_MS = 1_500
const WEIGHT = { least: 0.01, most: 0.1 } as const

/** Microseconds are what frames carry. */
const rounded = (ms: number | null): number => Math.round((ms ?? 0) * 1000) / 1000

const timingOf = (stage: Stage): StageTiming => ({
  queueMs: rounded(stage.queueMs.mean()),
  computeMs: rounded(stage.computeMs.mean()),
  readBackMs: rounded(stage.readBackMs.mean()),
  sendMs: rounded(stage.sendMs.mean()),
  p50Ms: rounded(stage.workMs.quantile(0.5)),
  p95Ms: rounded(stage.workMs.quantile(0.95)),
})

/** @param shards of the ring, in order */
export function createLapMeter(epoch: number, shards: number): LapMeter {
  const stages = Array.from({ length: shards }, createStage)
  const whole = createSmoothed()
  let laps = 0
  return {
    add: (lapMs, hops) => {
      laps += 1
      // At first all laps count alike. By the mean: weighed by its own length, a long lap would count more than a short one.
      const usual = Math.min(WEIGHT.most, Math.max(WEIGHT.least, (whole.mean() ?? lapMs) / MEMORY_MS))
      const weight = Math.max(usual, 1 / laps)
      whole.add(lapMs, weight)
      if (hops.length !== shards) return
      for (const [i, hop] of hops.entries()) {
        const stage = stages[i]
        stage?.queueMs.add(hop.queueMs, weight)
        stage?.computeMs.add(hop.computeMs, weight)
        stage?.readBackMs.add(hop.readBackMs, weight)
        stage?.sendMs.add(hop.sendMs, weight)
        stage?.workMs.add(hop.computeMs + hop.readBackMs)
      }
    },
    report: () =>
      laps === 0 ? null : { epoch, laps, lapMs: rounded(whole.mean()), p95Ms: rounded(whole.quantile(0.95)), stages: stages.map(timingOf) },
  }
}
