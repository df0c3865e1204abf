/**
 * What becomes of a device whose GPU was lost: it is opened once more, with the weights that the browser keeps; lost again, the
 * device goes on with its CPU. Nothing here ever destroys a GPU device, so a loss is never meant, whatever reason the browser gives.
 */
import type { LendOptions } from './page-engine.ts'

/** Losses that are answered by opening the GPU anew; after so long without one the next counts as the first. */
const REBUILDS = 1
const FORGOTTEN_AFTER_MS = 10 * 60_000

export type GpuRecovery = { readonly options: LendOptions; readonly sentence: string }

/** @param now monotonic milliseconds */
export function createGpuRecovery(now: () => number): (options: LendOptions) => GpuRecovery {
  let losses: readonly number[] = []
  return (options) => {
    losses = [...losses.filter((at) => now() - at < FORGOTTEN_AFTER_MS), now()]
    if (losses.length <= REBUILDS)
      return { options, sentence: 'The browser lost the graphics processor. It was opened again, with the weights that this browser keeps.' }
    return {
      options: { ...options, backend: 'simd' },
      sentence: 'The browser lost the graphics processor again. This device goes on with its processor; join anew to use graphics.',
    }
  }
}
