import type { Clock } from '../../core/link/clock.ts'
import type { Measurement, TrialMessage } from './measure-backend.ts'

/** What a backend runs on may have to be downloaded first. */
const OPENING_MS = 60_000

/**
 * Waits for a trial in a worker, and ends it.
 * @param start begins it and gives the way to end it
 * @param deadlineMs from when what the backend runs on is there
 */
export function superviseTrial(
  start: (onMessage: (message: TrialMessage) => void, onError: (cause: string) => void) => () => void,
  deadlineMs: number,
  timer: Clock['timer'],
): Promise<Measurement> {
  return new Promise((resolve) => {
    const wait = (ms: number): (() => void) =>
      timer(ms, () => finish({ outcome: 'out', reason: `it had not run a layer after ${Math.round(ms / 1000)} s` }))
    let stopTimer = wait(OPENING_MS)
    const finish = (measurement: Measurement): void => {
      stopTimer()
      end()
      resolve(measurement)
    }
    const end = start(
      (message) => {
        if (message.type === 'done') return finish(message.measurement)
        stopTimer()
        stopTimer = wait(deadlineMs)
      },
      (cause) => finish({ outcome: 'out', reason: `it did not start: ${cause}` }),
    )
  })
}
