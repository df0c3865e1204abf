import { architectureOf } from '../arch/registry.ts'
import type { Holding, LayerRange } from '../cluster/sizing.ts'
import type { ModelDescription } from '../model/model-description.ts'
import { ClusterError } from '../../protocol/errors.ts'
import { emitHead, emitLayers } from './emit.ts'
import { floatTypeOf, type EmitOptions } from './emit-options.ts'
import { stateBytes, type StateSpec } from './graph-builder.ts'
import { plannedBytes, type WeightPlan } from './weight-plan.ts'

export type HeldBytesOptions = Holding & {
  /** Rows of the rotary tables. */
  readonly contextLength: number
}

/** Bytes of one layer by itself and of the tables it shares with others of the shard. */
type LayerBytes = { readonly own: number; readonly shared: ReadonlyMap<string, number>; readonly states: readonly StateSpec[] }
/** Placement asks for many ranges of one model; a layer's plan never changes. */
const known = new WeakMap<ModelDescription, Map<string, LayerBytes>>()

function layerBytes(model: ModelDescription, layer: number, options: EmitOptions): LayerBytes {
  const layers = known.get(model) ?? new Map<string, LayerBytes>()
  known.set(model, layers)
  const key = `${layer} ${options.backend} ${options.weightFormat} ${options.floatType} ${options.contextLength}`
  const held = layers.get(key)
  if (held) return held
  const { weights, states } = emitLayers(model, { startLayer: layer, endLayer: layer + 1 }, options)
  const isShared = (plan: WeightPlan): boolean => plan.recipe === 'rope'
  const own = weights.filter((plan) => !isShared(plan)).reduce((sum, plan) => sum + plannedBytes(plan), 0)
  const bytes = {
    own,
    shared: new Map(weights.filter(isShared).map((plan) => [plan.tensors[0]?.name ?? '', plannedBytes(plan)])),
    states,
  }
  layers.set(key, bytes)
  return bytes
}

/** @throws {ClusterError} unsupported_backend */
function emitOptionsOf(model: ModelDescription, held: HeldBytesOptions): EmitOptions {
  const { backend, weightFormat, contextLength } = held
  if (backend === 'simd') throw new ClusterError('unsupported_backend', 'the simd backend does not exist yet; supported are webgpu and wasm')
  const floatType = floatTypeOf(held, architectureOf(model.config.modelType).needsF32 ?? false)
  return { backend, weightFormat, floatType, contextLength }
}

/** Bytes of one sequence's states of `tokens` tokens: KV caches, and what layers of other kinds keep. @throws {ClusterError} unsupported_backend */
export function heldStateBytes(model: ModelDescription, range: LayerRange, tokens: number, held: HeldBytesOptions): number {
  const options = emitOptionsOf(model, held)
  let bytes = 0
  for (let layer = range.startLayer; layer < range.endLayer; layer++) {
    for (const state of layerBytes(model, layer, options).states) bytes += stateBytes(state, tokens)
  }
  return bytes
}

/**
 * Bytes of weights that a shard truly holds, from the same plans that build them: layers, rotary tables, the embedding table as
 * stored on the first shard, norm and head on the last.
 * @throws {ClusterError} unsupported_backend
 */
export function heldWeightBytes(model: ModelDescription, range: LayerRange, held: HeldBytesOptions): number {
  const options = emitOptionsOf(model, held)
  const shared = new Map<string, number>()
  let bytes = 0
  for (let layer = range.startLayer; layer < range.endLayer; layer++) {
    const one = layerBytes(model, layer, options)
    bytes += one.own
    for (const [name, size] of one.shared) shared.set(name, size)
  }
  for (const size of shared.values()) bytes += size
  if (range.startLayer === 0) {
    const table = model.tensors.get(architectureOf(model.config.modelType).embedding(model.config).weight.tensor)
    bytes += table ? table.end - table.start : 0
  }
  if (range.endLayer === model.config.numLayers) bytes += emitHead(model, options).weights.reduce((sum, plan) => sum + plannedBytes(plan), 0)
  return bytes
}
