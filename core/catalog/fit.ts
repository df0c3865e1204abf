/** Whether a model fits on the devices that are here, by the placement that the ring itself would use. */
import { devicesOf, type ClusterView } from '../cluster/cluster-view.ts'
import { holdingOf } from '../cluster/format-choice.ts'
import { place } from '../cluster/placement.ts'
import type { ModelSizing } from '../cluster/sizing.ts'
import { takenMemory } from '../cluster/taken-memory.ts'
import { formatsOf } from '../graph/emit-options.ts'
import type { ModelDescription } from '../model/model-description.ts'
import { parameterCount, tensorBytes } from './stated-model.ts'
import type { Fit, ModelFacts } from '../../protocol/catalog.ts'
import { IDLE_STATUS, type Capabilities, type PeerEntry, type Quality, type Wish } from '../../protocol/cluster.ts'
import { peerId, type ModelId } from '../../protocol/ids.ts'

const BOUNDLESS = 2 ** 50
const imagined = (backend: 'webgpu' | 'wasm'): Capabilities => {
  const floatType = backend === 'webgpu' ? 'f16' : 'f32'
  return { backend, floatType, weightFormats: formatsOf(backend, floatType), memoryBytes: BOUNDLESS, threads: 1, hardware: '' }
}
/** Nobody's device, with all the memory there is: what the model takes when it is not split. */
const IMAGINED: readonly PeerEntry[] = (['webgpu', 'wasm'] as const).map((backend, joined) => ({
  id: peerId(`imagined-${backend}`),
  name: backend,
  role: 'device',
  joined,
  capabilities: imagined(backend),
  status: IDLE_STATUS,
}))

const wishOf = (model: ModelId, quality: Quality): Wish => ({
  model,
  source: '/',
  strategy: 'memory-weighted',
  quality,
  minDevices: 1,
  maxDevices: 1024,
  contextLength: null,
  localDevice: 'withdraw',
  state: 'serve',
})

/** Memory of one device that holds the whole model. */
function neededBytes(model: ModelId, sizing: ModelSizing, quality: Quality): number | null {
  for (const device of IMAGINED) {
    const { shards } = place({ wish: wishOf(model, quality), devices: [device], sizing, announcer: device.id, epoch: 0, isBrief: true })
    const [shard] = shards
    if (shard && device.capabilities) return sizing.shardBytes(shard, holdingOf(device.capabilities, shard.weightFormat))
  }
  return null
}

/** @throws {ClusterError} as estimates do for a broken checkpoint */
export function fitOf(model: ModelId, sizing: ModelSizing, view: ClusterView, quality: Quality): Fit {
  const devices = devicesOf(view).filter((device) => device.status.state !== 'paused')
  const [first] = devices
  const needed = neededBytes(model, sizing, quality)
  if (!first) return { state: 'no-devices', neededBytes: needed }
  const taken = takenMemory(view, view.placements.values(), model)
  const { shards, problem } = place({ wish: wishOf(model, quality), devices, sizing, announcer: first.id, epoch: 0, taken, isBrief: true })
  if (!problem) return { state: 'fits', devices: shards.length }
  if (problem.missingBytes === undefined) return { state: 'refused', reason: problem.message }
  return { state: 'short', missingBytes: problem.missingBytes, neededBytes: needed ?? problem.missingBytes }
}

export function factsOf(model: ModelDescription): ModelFacts {
  const { config } = model
  return {
    modelType: config.modelType,
    parameters: parameterCount(config),
    bytes: tensorBytes(model),
    layers: config.numLayers,
    hiddenSize: config.hiddenSize,
    heads: config.numHeads,
    kvHeads: config.numKvHeads,
    headDim: config.headDim,
    vocabSize: config.vocabSize,
    tied: config.tieWordEmbeddings,
    contextLength: model.contextLength,
  }
}
