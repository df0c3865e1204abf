import { architectureOf } from '../arch/registry.ts'
import type { Holding, LayerRange } from '../cluster/sizing.ts'
import type { ModelDescription } from '../model/model-description.ts'
import { simdSharesTable, simdStateBytes, simdWeightBytes } from '../simd/held-bytes.ts'
import { floatTypeOf, type EmitOptions } from './emit-options.ts'
import { stateBytes } from './graph-builder.ts'
import { layerBytes } from './layer-bytes.ts'
import { headPartBytes, layerGroups } from './shard-graphs.ts'

export type HeldBytesOptions = Holding & {
  /** Rows of the rotary tables. */
  readonly contextLength: number
  readonly leastPartBytes?: EmitOptions['leastPartBytes']
}

/** @throws {ClusterError} unsupported_backend */
function emitOptionsOf(model: ModelDescription, held: HeldBytesOptions): EmitOptions {
  const { backend, weightFormat, contextLength } = held
  if (backend === 'simd') throw new Error('the simd backend has no graphs')
  const floatType = floatTypeOf(held, architectureOf(model.config.modelType).needsF32 ?? false)
  const options: EmitOptions = { backend, weightFormat, floatType, contextLength }
  return held.leastPartBytes === undefined ? options : { ...options, leastPartBytes: held.leastPartBytes }
}

/** Bytes of one sequence's states of `tokens` tokens: KV caches, and what layers of other kinds keep. @throws {ClusterError} unsupported_backend */
export function heldStateBytes(model: ModelDescription, range: LayerRange, tokens: number, held: HeldBytesOptions): number {
  if (held.backend === 'simd') return simdStateBytes(model, range, tokens, held)
  const options = emitOptionsOf(model, held)
  let bytes = 0
  for (let layer = range.startLayer; layer < range.endLayer; layer++) {
    for (const state of layerBytes(model, layer, options).states) bytes += stateBytes(state, tokens)
  }
  return bytes
}

const sum = (values: Iterable<number>): number => [...values].reduce((total, value) => total + value, 0)

/** Tables that layers share are held once a graph. */
function groupBytes(model: ModelDescription, { startLayer, endLayer }: LayerRange, options: EmitOptions): number {
  const layers = Array.from({ length: endLayer - startLayer }, (_, i) => layerBytes(model, startLayer + i, options))
  const shared = new Map(layers.flatMap((layer) => [...layer.shared]))
  return sum(layers.map(({ own }) => own)) + sum(shared.values())
}

/** Bytes of weights in each graph of a shard, and in each part of its head, in the order they are built. */
export type HeldByGraph = { readonly layers: readonly number[]; readonly head: readonly number[] }

/** Of the backends that run graphs. @throws {ClusterError} unsupported_backend */
export function heldByGraph(model: ModelDescription, range: LayerRange, held: HeldBytesOptions): HeldByGraph {
  const options = emitOptionsOf(model, held)
  return {
    layers: layerGroups(model, range, options).map((group) => groupBytes(model, group, options)),
    head: headPartBytes(model, range, options),
  }
}

/** The table as stored, on the first shard. */
function embeddingBytes(model: ModelDescription, range: LayerRange): number {
  if (range.startLayer !== 0) return 0
  const table = model.tensors.get(architectureOf(model.config.modelType).embedding(model.config).weight.tensor)
  return table ? table.end - table.start : 0
}

/**
 * Bytes of weights that a shard truly holds, from the same plans that build them: layers, rotary tables, the embedding table as
 * stored on the first shard unless the head's matrix is it, norm and head on the last.
 * @throws {ClusterError} unsupported_backend
 */
export function heldWeightBytes(model: ModelDescription, range: LayerRange, held: HeldBytesOptions): number {
  if (held.backend === 'simd') return simdWeightBytes(model, range, held) + (simdSharesTable(model, range, held) ? 0 : embeddingBytes(model, range))
  const { layers, head } = heldByGraph(model, range, held)
  return sum(layers) + sum(head) + embeddingBytes(model, range)
}
