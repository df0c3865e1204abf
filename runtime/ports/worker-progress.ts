/** How far the worker behind a host is, as far as the host can know: a worker that is stuck says nothing any more. */
import type { WorkerProgress, WorkerPulse } from '../../core/link/link.ts'

export type ProgressMeter = {
  /** The worker says what it does; null: it serves nothing. */
  readonly hear: (pulse: WorkerPulse | null) => void
  /** It was handed a frame. */
  readonly given: () => void
  readonly progress: () => WorkerProgress
}

/** @param now monotonic milliseconds */
export function createProgressMeter(now: () => number): ProgressMeter {
  let last: (WorkerPulse & { readonly at: number }) | null = null
  /** Frames since the last word, and when the first of them was handed over. */
  let [frames, since] = [0, 0]
  return {
    hear: (pulse) => {
      last = pulse && { ...pulse, at: now() }
      frames = 0
    },
    given: () => {
      if (frames === 0) since = now()
      frames += 1
    },
    progress: () => {
      if (last === null) return { waiting: 0, stepMs: 0 }
      const waiting = last.waiting + frames
      if (last.stepMs !== null) return { waiting, stepMs: last.stepMs + now() - last.at }
      return { waiting, stepMs: frames === 0 ? 0 : now() - since }
    },
  }
}
