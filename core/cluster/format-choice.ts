/** Which format each device holds a model in: a pure choice from what it can hold, its memory, and what the wish puts first. */
import { weightFormatSchema, type Backend, type Capabilities, type Quality, type WeightFormat } from '../../protocol/cluster.ts'
import type { PeerId } from '../../protocol/ids.ts'
import { splitMemoryWeighted, type Candidate, type Split } from './memory-weighted.ts'
import type { Holding, ModelSizing } from './sizing.ts'

/** Shares the layers out over devices that each hold them in one way. */
export type Splitter = (devices: readonly Candidate[], sizing: ModelSizing, maxDevices: number) => Split
export type Lender = { readonly peerId: PeerId; readonly capabilities: Capabilities }

/** From the most exact to the smallest. */
const BY_EXACTNESS = weightFormatSchema.options

/**
 * Each backend's own order. WebGPU: half the memory of f32 at no loss that shows. WASM: f32 is also ONNX Runtime's fastest, several times
 * so at one token.
 */
const BALANCED: Readonly<Record<Backend, readonly WeightFormat[]>> = {
  webgpu: ['f16', 'f32', 'int8', 'int4'],
  simd: ['int8', 'int4', 'f16', 'f32'],
  wasm: ['f32', 'int8'],
}

/** A model that takes no more than this in f32 gains nothing by less: its weights stay in caches, and its answers exact. */
const SMALL_MODEL_BYTES = 64 * 1024 * 1024

/** Whether the whole model, exact, would take no memory worth saving. */
function isSmall(capabilities: Capabilities, sizing: ModelSizing): boolean {
  const exact = holdingOf(capabilities, 'f32')
  return sizing.refusal(exact) === null && sizing.shardBytes({ startLayer: 0, endLayer: sizing.numLayers }, exact) <= SMALL_MODEL_BYTES
}

function orderFor(backend: Backend, quality: Quality): readonly WeightFormat[] {
  switch (quality) {
    case 'quality':
      return BY_EXACTNESS
    case 'balanced':
      return BALANCED[backend]
    case 'small':
      return BY_EXACTNESS.toReversed()
  }
}

export const holdingOf = ({ backend, floatType }: Capabilities, weightFormat: WeightFormat): Holding => ({ backend, floatType, weightFormat })

/** Formats to try on a device, the wished one first; each later one is smaller. Empty where the model does not run on the device. */
export function formatsToTry(capabilities: Capabilities, quality: Quality, sizing: ModelSizing): readonly WeightFormat[] {
  const { backend, weightFormats } = capabilities
  const runs = (format: WeightFormat): boolean => weightFormats.includes(format) && sizing.refusal(holdingOf(capabilities, format)) === null
  const tried: WeightFormat[] = []
  const order = orderFor(backend, quality === 'balanced' && isSmall(capabilities, sizing) ? 'quality' : quality)
  for (const format of order.filter(runs)) {
    const last = tried.at(-1)
    if (last === undefined || BY_EXACTNESS.indexOf(format) > BY_EXACTNESS.indexOf(last)) tried.push(format)
  }
  return tried
}

export type FormattedSplit =
  | (Extract<Split, { fits: true }> & { readonly formats: ReadonlyMap<PeerId, WeightFormat> })
  | (Extract<Split, { fits: false }> & { readonly refusals: ReadonlyMap<PeerId, string> })

/** The reasons of devices on which the model runs in no format they hold. */
function refusalsOf(devices: readonly Lender[], sizing: ModelSizing): ReadonlyMap<PeerId, string> {
  return new Map(
    devices.map(({ peerId, capabilities }) => {
      const reasons = capabilities.weightFormats.map((format) => sizing.refusal(holdingOf(capabilities, format)) ?? '')
      return [peerId, reasons.find((reason) => reason !== '') ?? '']
    }),
  )
}

/**
 * A split in the wished formats, by `splitLayers`; where the model does not fit in these, every device takes its next smaller one, and so on. Devices
 * whose share turns out to fit in a more exact one keep that. Devices on which the model does not run become spares.
 */
export function splitInFormats(
  devices: readonly Lender[],
  sizing: ModelSizing,
  quality: Quality,
  maxDevices: number,
  splitLayers: Splitter = splitMemoryWeighted,
): FormattedSplit {
  const tries = new Map(devices.map(({ peerId, capabilities }) => [peerId, formatsToTry(capabilities, quality, sizing)]))
  const able = devices.filter(({ peerId }) => (tries.get(peerId)?.length ?? 0) > 0)
  const unable = devices.filter((device) => !able.includes(device))
  const candidatesAt = (step: number): readonly Candidate[] =>
    able.flatMap(({ peerId, capabilities }) => {
      const formats = tries.get(peerId) ?? []
      const format = formats[Math.min(step, formats.length - 1)]
      return format ? [{ peerId, memoryBytes: capabilities.memoryBytes, holding: holdingOf(capabilities, format) }] : []
    })
  const steps = Math.max(1, ...[...tries.values()].map((formats) => formats.length))
  for (let step = 0; ; step++) {
    const candidates = candidatesAt(step)
    const split = splitLayers(candidates, sizing, maxDevices)
    if (!split.fits && step + 1 < steps) continue
    if (!split.fits) return { ...split, refusals: refusalsOf(unable, sizing) }
    const formats = new Map(able.flatMap((device) => formatFor(device, tries.get(device.peerId) ?? [], split, sizing)))
    return { ...split, spares: [...split.spares, ...unable.map(({ peerId }) => peerId)], formats }
  }
}

/** The first format in which the device's share fits. */
function formatFor(
  { peerId, capabilities }: Lender,
  formats: readonly WeightFormat[],
  split: Extract<Split, { fits: true }>,
  sizing: ModelSizing,
): readonly (readonly [PeerId, WeightFormat])[] {
  const range = split.ranges.get(peerId)
  if (!range) return []
  const fitting = formats.find((format) => sizing.shardBytes(range, holdingOf(capabilities, format)) <= capabilities.memoryBytes)
  return fitting ? [[peerId, fitting]] : []
}
