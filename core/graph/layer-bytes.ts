import type { ModelDescription } from '../model/model-description.ts'
import { emitLayers } from './emit.ts'
import type { EmitOptions } from './emit-options.ts'
import type { StateSpec } from './graph-builder.ts'
import { plannedBytes, type WeightPlan } from './weight-plan.ts'

/** Bytes of one layer by itself and of the tables it shares with others of its graph. */
type LayerBytes = { readonly own: number; readonly shared: ReadonlyMap<string, number>; readonly states: readonly StateSpec[] }
/** Placement asks for many ranges of one model; a layer's plan never changes. */
const known = new WeakMap<ModelDescription, Map<string, LayerBytes>>()
/** By layer: what its plan depends on. */
const kinds = new WeakMap<ModelDescription, readonly string[]>()

/** Layers of one configuration over tensors of the same names, shapes and stored types have the same plans: one of them is built. */
function kindsOf(model: ModelDescription): readonly string[] {
  const found = kinds.get(model)
  if (found) return found
  const { layers, experts, numLayers } = model.config
  const tensors = Array.from({ length: numLayers }, (): string[] => [])
  for (const [name, { type, shape }] of model.tensors) {
    const [, layer, rest] = /^model\.layers\.(\d+)\.(.+)$/.exec(name) ?? []
    if (layer !== undefined) tensors[Number(layer)]?.push(`${rest} ${type} ${shape.join()}`)
  }
  const stated = tensors.map((own, layer) => {
    // Without tensors of its own to tell it by, a layer is like no other.
    const told = own.length === 0 ? String(layer) : own.sort().join('|')
    return JSON.stringify([layers[layer], experts?.sparse[layer], told])
  })
  const ids = new Map<string, string>()
  const made = stated.map((kind, layer) => {
    const id = ids.get(kind) ?? String(layer)
    ids.set(kind, id)
    return id
  })
  kinds.set(model, made)
  return made
}

/** @throws {ClusterError} unsupported_backend, unsupported_model, bad_checkpoint */
export function layerBytes(model: ModelDescription, layer: number, options: EmitOptions): LayerBytes {
  const layers = known.get(model) ?? new Map<string, LayerBytes>()
  known.set(model, layers)
  const kind = kindsOf(model)[layer] ?? String(layer)
  const key = `${kind} ${options.backend} ${options.weightFormat} ${options.floatType} ${options.contextLength}`
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
