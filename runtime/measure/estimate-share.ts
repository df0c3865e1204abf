/** What a device could hold of a model, and how fast, before anything of it is downloaded. */
import { devicesOf, type ClusterView } from '../../core/cluster/cluster-view.ts'
import { holdingOf } from '../../core/cluster/format-choice.ts'
import { capAt } from '../../core/cluster/memory-weighted.ts'
import { modelSizing } from '../../core/cluster/model-sizing.ts'
import { place } from '../../core/cluster/placement.ts'
import { takenMemory } from '../../core/cluster/taken-memory.ts'
import { IDLE_STATUS, type Capabilities, type PeerEntry, type WeightFormat } from '../../protocol/cluster.ts'
import { ClusterError } from '../../protocol/errors.ts'
import type { ModelId, PeerId } from '../../protocol/ids.ts'
import { chooseBackend, type RunMeasurement } from './choose-backend.ts'
import { measuredModel, type ChoiceOptions } from './chosen-capabilities.ts'

export type ShareEstimate = {
  readonly capabilities: Capabilities
  /** Null where nobody has wished for a model yet: a small one stands for all. */
  readonly model: ModelId | null
  readonly weightFormat: WeightFormat
  /** Milliseconds a layer takes for a token, measured. */
  readonly layerMs: number
  readonly numLayers: number
  /** Layers that fit into the memory lent, were the device to hold the model's beginning. */
  readonly mostLayers: number
  /** What it would get if it joined now; null where it would wait as a spare, or the model does not fit yet. */
  readonly range: { readonly startLayer: number; readonly endLayer: number } | null
}

/** The device as others would see it. */
const asJoining = (self: PeerId, capabilities: Capabilities): PeerEntry => ({
  id: self,
  name: 'this device',
  role: 'device',
  joined: Number.MAX_SAFE_INTEGER,
  capabilities,
  status: IDLE_STATUS,
})

/** The ring as it would be with the device in it. */
function rangeIn(view: ClusterView, self: PeerId, capabilities: Capabilities, model: ModelId, sizing: ReturnType<typeof modelSizing>) {
  const wish = view.wishes.get(model)
  if (!wish) return null
  const others = devicesOf(view).filter((device) => device.id !== self && device.status.state !== 'paused')
  const taken = takenMemory(view, view.placements.values(), model)
  const placement = place({ wish, devices: [...others, asJoining(self, capabilities)], sizing, announcer: self, epoch: 1, taken, isBrief: true })
  const shard = placement.shards.find(({ peerId }) => peerId === self)
  return shard ? { startLayer: shard.startLayer, endLayer: shard.endLayer } : null
}

/**
 * Measures one layer with each of `candidates` and places the winner, as if it had joined.
 * @throws {ClusterError} unsupported_backend when no candidate computes right
 */
export async function estimateShare(
  candidates: readonly Capabilities[],
  options: Omit<ChoiceOptions, 'network'> & {
    readonly network: ChoiceOptions['network'] & { readonly self: PeerId }
    readonly measure: RunMeasurement
  },
): Promise<ShareEstimate> {
  const measured = await measuredModel(options)
  const { description, model, contextLength } = measured
  let best: ShareEstimate['layerMs'] | null = null
  let weightFormat: WeightFormat | null = null
  // Of a model that nobody wished for no speed becomes part of what a device offers: it is heard of here.
  const watching: RunMeasurement = async (job, deadlineMs) => {
    const measurement = await options.measure(job, deadlineMs)
    const [first] = measurement.outcome === 'timed' ? measurement.speeds : []
    if (first && (best === null || first.layerMs < best)) ({ layerMs: best, weightFormat } = first)
    return measurement
  }
  const capabilities = await chooseBackend(candidates, measured, watching)
  if (best === null || weightFormat === null) throw new ClusterError('internal', 'a backend was chosen without a measurement')
  const sizing = modelSizing(description, contextLength)
  const { memoryBytes } = capabilities
  const { self } = options.network
  const candidate = { peerId: self, memoryBytes, holding: holdingOf(capabilities, weightFormat) }
  const mostLayers = capAt('only', candidate, sizing) || capAt('first', candidate, sizing)
  const range = model === null ? null : rangeIn(options.network.view(), self, capabilities, model, sizing)
  return { capabilities, model, weightFormat, layerMs: best, numLayers: sizing.numLayers, mostLayers, range }
}
