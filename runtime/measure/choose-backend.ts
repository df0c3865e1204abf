/** Which backend a device computes with: each possible one is tried on a real layer, and the fastest right one is taken. */
import { formatsToTry, holdingOf } from '../../core/cluster/format-choice.ts'
import { modelSizing } from '../../core/cluster/model-sizing.ts'
import type { ModelDescription } from '../../core/model/model-description.ts'
import type { Backend, Capabilities, LayerSpeed, Quality } from '../../protocol/cluster.ts'
import { ClusterError } from '../../protocol/errors.ts'
import type { ModelId } from '../../protocol/ids.ts'
import type { FormatSpeed, Measurement, MeasureJob } from './measure-backend.ts'

/** Tries a backend where it can be stopped: in a worker of its own. @param deadlineMs from when what it runs on is there */
export type RunMeasurement = (job: MeasureJob, deadlineMs: number) => Promise<Measurement>

/** What a device is measured on. */
export type MeasuredModel = {
  readonly description: ModelDescription
  /** Null where it stands for models that nobody has wished for yet. */
  readonly model: ModelId | null
  readonly quality: Quality
  readonly contextLength: number | null
}

/** A backend that has not answered by then is not worth waiting for, where another one has; a sole one gets longer. */
const DEADLINE_MS = 6_000
const SOLE_DEADLINE_MS = 60_000
/** For what a device already computes with: a figure, not a choice. */
export const WISH_DEADLINE_MS = 6_000

export const BACKEND_TITLES: Readonly<Record<Backend, string>> = {
  webgpu: 'the GPU',
  simd: 'the processor (SIMD)',
  wasm: 'ONNX Runtime on the processor',
}

type Tried = { readonly capabilities: Capabilities; readonly measurement: Measurement }
type Right = { readonly capabilities: Capabilities; readonly speeds: readonly [FormatSpeed, ...FormatSpeed[]] }

/** What a backend would be asked; or why the model does not run on it. */
export function jobFor(capabilities: Capabilities, { description, quality, contextLength }: MeasuredModel, checks: boolean): MeasureJob | string {
  const sizing = modelSizing(description, contextLength)
  const formats = formatsToTry(capabilities, quality, sizing)
  if (formats.length > 0) return { model: description, capabilities, formats, checks }
  const reasons = capabilities.weightFormats.map((format) => sizing.refusal(holdingOf(capabilities, format)))
  return reasons.find((reason) => reason !== null) ?? 'the model does not run on it'
}

const milliseconds = (value: number): string => `${value >= 10 ? Math.round(value) : value.toPrecision(2)} ms`

function rightOnes(tried: readonly Tried[]): readonly Right[] {
  return tried.flatMap(({ capabilities, measurement }) => {
    if (measurement.outcome === 'out') return []
    const [first, ...rest] = measurement.speeds
    return first ? [{ capabilities, speeds: [first, ...rest] as const }] : []
  })
}

/** What was tried; with its threads where one backend was tried with several numbers of them. */
function titleOf({ backend, threads }: Capabilities, candidates: readonly Capabilities[]): string {
  const isOne = candidates.filter((one) => one.backend === backend).length === 1
  return isOne ? BACKEND_TITLES[backend] : `${BACKEND_TITLES[backend]} with ${threads === 1 ? 'one thread' : `${threads} threads`}`
}

function sentence(chosen: Right, others: readonly Tried[], model: string): string {
  const candidates = [chosen, ...others].map(({ capabilities }) => capabilities)
  const [{ layerMs, weightFormat }] = chosen.speeds
  const said = others.map(({ capabilities, measurement }) => {
    const name = titleOf(capabilities, candidates)
    if (measurement.outcome === 'out') return `${name} is out: ${measurement.reason}`
    return `${name} took ${milliseconds(measurement.speeds[0]?.layerMs ?? NaN)}`
  })
  const compared = said.length > 0 ? said.join('; ') : 'nothing else runs here'
  return `Takes ${titleOf(chosen.capabilities, candidates)}: ${milliseconds(layerMs)} a layer of ${model} in ${weightFormat}; ${compared}.`.slice(
    0,
    400,
  )
}

/**
 * Candidates are tried one after the other, so that none disturbs another.
 * @returns the winner's capabilities with its speeds and the reason in words
 * @throws {ClusterError} unsupported_backend when none is right, with what each said
 */
export async function chooseBackend(candidates: readonly Capabilities[], measured: MeasuredModel, run: RunMeasurement): Promise<Capabilities> {
  const tried: Tried[] = []
  for (const capabilities of candidates) {
    const job = jobFor(capabilities, measured, true)
    const deadline = rightOnes(tried).length > 0 ? DEADLINE_MS : SOLE_DEADLINE_MS
    const measurement: Measurement = typeof job === 'string' ? { outcome: 'out', reason: job } : await run(job, deadline)
    tried.push({ capabilities, measurement })
  }
  const [fastest] = rightOnes(tried).toSorted((a, b) => a.speeds[0].layerMs - b.speeds[0].layerMs)
  if (!fastest) {
    const said = tried.map(
      ({ capabilities: { backend }, measurement }) => `${BACKEND_TITLES[backend]}: ${measurement.outcome === 'out' ? measurement.reason : ''}`,
    )
    throw new ClusterError('unsupported_backend', `this device computes right with none of its backends. ${said.join('; ')}`)
  }
  const others = tried.filter(({ capabilities }) => capabilities !== fastest.capabilities)
  const layerSpeeds = speedsOf(measured.model, fastest.speeds)
  return {
    ...fastest.capabilities,
    backendReason: sentence(fastest, others, measured.model ?? 'a small model'),
    ...(layerSpeeds.length > 0 ? { layerSpeeds } : {}),
  }
}

/** As a device offers them. */
export const speedsOf = (model: ModelId | null, speeds: readonly FormatSpeed[]): readonly LayerSpeed[] =>
  model === null ? [] : speeds.map((speed) => ({ model, ...speed }))
