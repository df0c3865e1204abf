/** Measures backends of this machine, and keeps what it found in a file. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { loadShard } from '../runtime/engines/load-shard.ts'
import type { RunMeasurement } from '../runtime/measure/choose-backend.ts'
import { parseMeasurements, remembering, type Measurements } from '../runtime/measure/known-measurements.ts'
import { measureBackend } from '../runtime/measure/measure-backend.ts'
import { superviseTrial } from '../runtime/measure/supervise-trial.ts'
import { systemClock } from '../runtime/system-clock.ts'
import { openRuntime } from './local-device-runtime.ts'
import { spawnWorker } from './spawn-worker.ts'

/** Kernels are tried where they will run, and leave nothing behind; ONNX Runtime in a thread that ends. */
const runMeasurement: RunMeasurement = (job, deadlineMs) => {
  if (job.capabilities.backend === 'simd') return measureBackend(job, { open: openRuntime, openShard: loadShard, now: systemClock.now })
  return superviseTrial(
    (onMessage, onError) => {
      const worker = spawnWorker(new URL('./local-device-measure-worker.ts', import.meta.url), { workerData: job })
      worker.on('message', onMessage)
      worker.on('error', (error) => onError(String(error)))
      return () => void worker.terminate()
    },
    deadlineMs,
    systemClock.timer,
  )
}

function read(file: string): string | null {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return null
  }
}

export function rememberedMeasurements(file: string, log: (message: string, fields: Record<string, unknown>) => void): RunMeasurement {
  const keep = (all: Measurements): void => {
    try {
      mkdirSync(path.dirname(file), { recursive: true })
      writeFileSync(file, JSON.stringify(all))
    } catch (error) {
      log('measurements could not be kept', { cause: String(error) })
    }
  }
  return remembering(runMeasurement, parseMeasurements(read(file)), `Node ${process.versions.node}`, keep)
}
