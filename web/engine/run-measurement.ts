import { superviseTrial } from '../../runtime/measure/supervise-trial.ts'
import type { RunMeasurement } from '../../runtime/measure/choose-backend.ts'
import type { TrialMessage } from '../../runtime/measure/measure-backend.ts'
import { systemClock } from '../../runtime/system-clock.ts'

/** A worker for each trial. */
export const runMeasurement: RunMeasurement = (job, deadlineMs) =>
  superviseTrial(
    (onMessage, onError) => {
      const worker = new Worker(new URL('./measure-worker.ts', import.meta.url), { type: 'module', name: 'ringlet-measure' })
      worker.addEventListener('message', ({ data }: MessageEvent<TrialMessage>) => onMessage(data))
      worker.addEventListener('error', ({ message }) => onError(message))
      worker.postMessage(job)
      return () => worker.terminate()
    },
    deadlineMs,
    systemClock.timer,
  )
