/** What was measured once on this machine is not measured again. */
import { z } from 'zod'
import { weightRefs } from '../../core/arch/weight-refs.ts'
import { weightFormatSchema } from '../../protocol/cluster.ts'
import type { RunMeasurement } from './choose-backend.ts'
import type { MeasureJob } from './measure-backend.ts'
import { measuredLayers } from './measured-layers.ts'

const measurementSchema = z.discriminatedUnion('outcome', [
  z.object({ outcome: z.literal('timed'), speeds: z.array(z.object({ weightFormat: weightFormatSchema, layerMs: z.number().positive() })).min(1) }),
  z.object({ outcome: z.literal('out'), reason: z.string() }),
])
/** By what was measured on which device. */
const measurementsSchema = z.record(z.string(), measurementSchema)
export type Measurements = z.infer<typeof measurementsSchema>

/** More are not kept: the oldest go. */
const MOST = 64
/** Grows when measuring changes. */
const VERSION = 2

/** @param text what a store gave; anything else than measurements is none */
export function parseMeasurements(text: string | null): Measurements {
  try {
    return measurementsSchema.safeParse(JSON.parse(text ?? '{}')).data ?? {}
  } catch {
    return {}
  }
}

/** Two models with equal layers have one key. @param machine what else decides: the browser's version */
export function measurementKey({ model, capabilities, formats, checks }: MeasureJob, machine: string): string {
  const { backend, threads, floatType, hardware } = capabilities
  const { numLayers, vocabSize: _, ...shape } = model.config
  const headless = { ...model.config, numLayers: numLayers + 1 }
  const weights = formats.map((format) =>
    weightRefs(headless, measuredLayers(model.config, format).range).map(({ tensor, shape: dims }) => [model.tensors.get(tensor)?.type, dims]),
  )
  return JSON.stringify([VERSION, machine, backend, threads, floatType, hardware, formats, checks, hash(JSON.stringify([shape, weights]))])
}

/** FNV-1a, twice 32 bits. */
function hash(text: string): string {
  let [low, high] = [0x811c9dc5, 0x01000193]
  for (let i = 0; i < text.length; i++) {
    low = Math.imul(low ^ text.charCodeAt(i), 0x01000193)
    high = Math.imul(high ^ text.charCodeAt(i), 0x85ebca6b)
  }
  return `${(low >>> 0).toString(16)}${(high >>> 0).toString(16)}`
}

/** `run`, but for what is known. @param keep called with all that is known when something was added */
export function remembering(run: RunMeasurement, known: Measurements, machine: string, keep: (all: Measurements) => void): RunMeasurement {
  let all = known
  return async (job, deadlineMs) => {
    const key = measurementKey(job, machine)
    const before = all[key]
    if (before) return before
    const measurement = await run(job, deadlineMs)
    const entries = [...Object.entries(all), [key, measurement] as const].slice(-MOST)
    all = measurementsSchema.parse(Object.fromEntries(entries))
    keep(all)
    return measurement
  }
}
