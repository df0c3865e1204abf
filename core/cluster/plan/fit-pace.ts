/** What a device takes for a layer and beside its layers, told apart by shards of different sizes that it has had. */
import type { Pace } from './lap-model.ts'

/** A stage without its head, over laps of one token. */
export type StageSample = { readonly layers: number; readonly ms: number }

/** How far laps of the same shard lie apart, as a part of what they take. */
const NOISE = 0.1
/** How much the part beside the layers may be, by what all of them say: as a part of the largest stage. */
const LIKELY_FIXED = 0.1
/** Of the smallest stage, at most. */
const MOST_FIXED = 0.5
/** A newest sample so far off the line shows that the device has changed: the others count no more. */
const CHANGED = 0.25

/** Least squares of relative errors, drawn to `usualMs` where samples say little: two shards of nearly the same size tell nothing. */
function line(samples: readonly StageSample[], usualMs: number): Pace {
  const trust = 1 / Math.max(usualMs, LIKELY_FIXED * Math.max(...samples.map(({ ms }) => ms))) ** 2
  const sums = { w: trust, wx: 0, wxx: 0, wy: trust * usualMs, wxy: 0 }
  for (const { layers, ms } of samples) {
    const w = 1 / (NOISE * ms) ** 2
    sums.w += w
    sums.wx += w * layers
    sums.wxx += w * layers ** 2
    sums.wy += w * ms
    sums.wxy += w * layers * ms
  }
  const free = (sums.wy * sums.wxx - sums.wxy * sums.wx) / (sums.w * sums.wxx - sums.wx ** 2)
  const stageMs = Math.min(Math.max(0, free), MOST_FIXED * Math.min(...samples.map(({ ms }) => ms)))
  return { stageMs, layerMs: (sums.wxy - stageMs * sums.wx) / sums.wxx }
}

/**
 * @param samples of one device, the newest last; each took some time
 * @param usualMs what devices of its kind take beside their layers
 */
export function fitPace(samples: readonly StageSample[], usualMs: number): Pace {
  const pace = line(samples, usualMs)
  const newest = samples.at(-1)
  if (!newest || samples.length === 1) return pace
  const expected = pace.stageMs + pace.layerMs * newest.layers
  return Math.abs(expected - newest.ms) > CHANGED * newest.ms ? line([newest], usualMs) : pace
}
