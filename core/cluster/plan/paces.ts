/** How fast devices are: from the laps of a ring at work, else from what they measured of a layer, else guessed. */
import type { Backend, LapReport, PeerEntry, Placement, WeightFormat } from '../../../protocol/cluster.ts'
import type { ModelId, PeerId } from '../../../protocol/ids.ts'
import type { ModelSizing } from '../sizing.ts'
import type { StageSample } from './fit-pace.ts'
import type { Pace } from './lap-model.ts'
import { median } from './median.ts'
import { headWork } from './stage-limits.ts'

/** A ring at work and what its head says of its laps. */
export type ObservedRing = { readonly placement: Placement; readonly laps: LapReport }

/** The known ring's laps, once it has any. */
export function observedRing(devices: readonly PeerEntry[], placement: Placement | undefined): ObservedRing | null {
  const head = placement?.shards[0] && devices.find(({ id }) => id === placement.shards[0]?.peerId)
  const laps = head?.status.laps.find(({ epoch }) => epoch === placement?.epoch)
  return placement && laps && laps.stages.length === placement.shards.length ? { placement, laps } : null
}

/** Laps before a measurement counts: the first ones warm up. */
export const LEAST_LAPS = 8

/** A stage without its head; `readBackMs` is what it takes beside computing, 0 on the last shard, where that is head and sampler. */
export type ObservedStage = StageSample & { readonly readBackMs: number }

/** What each device of a ring at work takes. */
export function observedStages({ placement, laps }: ObservedRing, sizing: ModelSizing): ReadonlyMap<PeerId, ObservedStage> {
  if (laps.laps < LEAST_LAPS) return new Map()
  return new Map(
    placement.shards.flatMap((shard, i) => {
      const stage = laps.stages[i]
      if (!stage || stage.computeMs === 0) return []
      const layers = sizing.work(shard) - (shard.last ? headWork(sizing) : 0)
      return [[shard.peerId, { layers, ms: stage.computeMs, readBackMs: shard.last ? 0 : stage.readBackMs }] as const]
    }),
  )
}

/** The sizing with the head at what it truly takes, in layers of the device that runs it. @param layerMs of that device; by default all that it computes is layers */
export function withObservedHead(sizing: ModelSizing, { placement, laps }: ObservedRing, layerMs?: number): ModelSizing {
  const [tail, stage] = [placement.shards.at(-1), laps.stages.at(-1)]
  const layers = tail ? sizing.work(tail) - headWork(sizing) : 0
  if (!stage || laps.laps < LEAST_LAPS || stage.computeMs === 0) return sizing
  const observed = stage.readBackMs / (layerMs ?? stage.computeMs / layers)
  const change = observed - headWork(sizing)
  return { ...sizing, work: (range) => sizing.work(range) + (range.endLayer === sizing.numLayers ? change : 0) }
}

const GUESSED_LAYER_MS: Readonly<Record<Backend, number>> = { webgpu: 1, simd: 2, wasm: 4 }
/** Submitting work to a GPU and waiting for its result; on the CPU a call. */
export const STAGE_MS: Readonly<Record<Backend, number>> = { webgpu: 3, simd: 0.3, wasm: 0.3 }

export type PaceSource = {
  readonly model: ModelId
  /** Of devices that are, or were lately, in a ring at work. */
  readonly observed: ReadonlyMap<PeerId, Pace>
}
/** @returns the pace of a device in one format, and whether it is only a guess */
export type PaceOf = (device: PeerEntry, weightFormat: WeightFormat) => Pace & { readonly isGuess: boolean }

function measuredPace({ id, capabilities }: PeerEntry, weightFormat: WeightFormat, { model, observed }: PaceSource): Pace | null {
  const known = observed.get(id)
  if (known || !capabilities) return known ?? null
  const offers = capabilities.layerSpeeds?.filter((speed) => speed.model === model) ?? []
  const offer = offers.find((speed) => speed.weightFormat === weightFormat) ?? offers[0]
  return offer ? { layerMs: offer.layerMs, stageMs: STAGE_MS[capabilities.backend] } : null
}

/** Guesses are made in proportion to what others measured, so that a device that has measured nothing yet is neither shunned nor preferred. */
export function pacesOf(devices: readonly PeerEntry[], source: PaceSource): PaceOf {
  const guessFor = (backend: Backend, threads: number): number => GUESSED_LAYER_MS[backend] / (backend === 'webgpu' ? 1 : Math.min(threads, 4))
  const ratios = devices.flatMap((device) => {
    const [format] = device.capabilities?.weightFormats ?? []
    const pace = format && measuredPace(device, format, source)
    return pace && device.capabilities ? [pace.layerMs / guessFor(device.capabilities.backend, device.capabilities.threads)] : []
  })
  const scale = median(ratios) ?? 1
  return (device, weightFormat) => {
    const measured = measuredPace(device, weightFormat, source)
    if (measured) return { ...measured, isGuess: false }
    const { backend, threads } = device.capabilities ?? { backend: 'wasm' as const, threads: 1 }
    return { layerMs: scale * guessFor(backend, threads), stageMs: STAGE_MS[backend], isGuess: true }
  }
}
