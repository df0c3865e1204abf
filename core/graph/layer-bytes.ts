import type { ModelDescription } from '../model/model-description.ts'
import { emitLayers } from './emit.ts'
import type { EmitOptions } from './emit-options.ts'
import type { StateSpec } from './graph-builder.ts'
import { plannedBytes, type WeightPlan } from './weight-plan.ts'

/** Bytes of one layer by itself and of the tables it shares with others of its graph. */
type LayerBytes = { readonly own: number; readonly shared: ReadonlyMap<string, number>; readonly states: readonly StateSpec[] }
/** Placement asks for many ranges of one model; a layer's plan never changes. */
const known = new WeakMap<ModelDescription, Map<string, LayerBytes>>()

/** @throws {ClusterError} unsupported_backend, unsupported_model, bad_checkpoint */
export function layerBytes(model: ModelDescription, layer: number, options: EmitOptions): LayerBytes {
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
