/**
 * A shard as several graphs: layers in groups, the head in pieces of its vocabulary. What is built of one graph lies in memory twice
 * until its session is there; parts that are small beside the whole keep loading near the memory that is held in the end.
 */
import type { LayerRange } from '../cluster/sizing.ts'
import type { ModelDescription } from '../model/model-description.ts'
import { emitHead, emitLayers } from './emit.ts'
import type { EmitOptions } from './emit-options.ts'
import type { EmittedGraph } from './graph-builder.ts'
import { headParts, planHead, type HeadPlan, type RowRange } from './head-plan.ts'
import { layerBytes } from './layer-bytes.ts'
import { partBytes, plannedBytes, storedParts, type WeightPlan } from './weight-plan.ts'

/** Parts of a shard: more of them save little memory and cost a run each for every token. */
const PARTS = 12
/** Below this a part is not worth a session of its own. */
const LEAST_PART_BYTES = 24 * 1024 * 1024
/** Kernels of several vendors take whole groups of rows. */
const ROW_MULTIPLE = 64

/** Logits [start, end) of the vocabulary. */
type HeadPiece = RowRange & { readonly graph: EmittedGraph }

/** Bytes that a head takes while it is built: as held or as stored, whichever is more. */
function headBytes(model: ModelDescription, options: EmitOptions): number {
  const whole = { start: 0, end: model.config.vocabSize }
  const weights = weightsOfHead(headOf(model, options, [whole]))
  const held = weights.reduce((sum, plan) => sum + plannedBytes(plan), 0)
  return Math.max(held, partBytes(storedParts(weights, model.tensors)))
}

const hasHead = ({ config }: ModelDescription, { endLayer }: LayerRange): boolean => endLayer === config.numLayers

function mostBytes(model: ModelDescription, range: LayerRange, options: EmitOptions): number {
  let total = hasHead(model, range) ? headBytes(model, options) : 0
  for (let layer = range.startLayer; layer < range.endLayer; layer++) total += layerBytes(model, layer, options).own
  return Math.max(options.leastPartBytes ?? LEAST_PART_BYTES, total / PARTS)
}

/** Consecutive ranges that make up `range`, each of a graph. @throws {ClusterError} as `emitLayers` */
export function layerGroups(model: ModelDescription, range: LayerRange, options: EmitOptions): readonly LayerRange[] {
  const most = mostBytes(model, range, options)
  const groups: LayerRange[] = []
  let [startLayer, bytes] = [range.startLayer, 0]
  for (let layer = range.startLayer; layer < range.endLayer; layer++) {
    const { own } = layerBytes(model, layer, options)
    if (bytes > 0 && bytes + own > most) {
      groups.push({ startLayer, endLayer: layer })
      ;[startLayer, bytes] = [layer, 0]
    }
    bytes += own
  }
  return [...groups, { startLayer, endLayer: range.endLayer }]
}

/** None where the range does not end with the last layer. */
function vocabularyPieces(model: ModelDescription, range: LayerRange, options: EmitOptions): readonly RowRange[] {
  if (!hasHead(model, range)) return []
  const { vocabSize } = model.config
  const count = Math.ceil(headBytes(model, options) / mostBytes(model, range, options))
  const rows = ROW_MULTIPLE * Math.ceil(vocabSize / count / ROW_MULTIPLE)
  return Array.from({ length: Math.ceil(vocabSize / rows) }, (_, i) => ({ start: i * rows, end: Math.min(vocabSize, (i + 1) * rows) }))
}

/** Graphs on WASM; on WebGPU what our kernels take. */
type ShardHead = { readonly head: readonly HeadPiece[]; readonly gpuHead: HeadPlan | null }

function headOf(model: ModelDescription, options: EmitOptions, pieces: readonly RowRange[]): ShardHead {
  if (pieces.length === 0) return { head: [], gpuHead: null }
  if (options.backend === 'webgpu') return { head: [], gpuHead: planHead(model, options, pieces) }
  return { head: pieces.map((piece) => ({ ...piece, graph: emitHead(model, options, piece) })), gpuHead: null }
}

/** Parts of a head that are built one after the other. */
type Part = { readonly weights: readonly WeightPlan[] }
const partsOfHead = ({ head, gpuHead }: ShardHead): readonly Part[] => [...head.map(({ graph }) => graph), ...(gpuHead ? headParts(gpuHead) : [])]
const weightsOfHead = (head: ShardHead): readonly WeightPlan[] => partsOfHead(head).flatMap(({ weights }) => weights)

/** None where the range does not end with the last layer. @throws {ClusterError} as `emitHead` and `planHead` */
const shardHead = (model: ModelDescription, range: LayerRange, options: EmitOptions): ShardHead =>
  headOf(model, options, vocabularyPieces(model, range, options))

/** Bytes of weights in each part of the head. @throws {ClusterError} as `emitHead` and `planHead` */
export const headPartBytes = (model: ModelDescription, range: LayerRange, options: EmitOptions): readonly number[] =>
  partsOfHead(shardHead(model, range, options)).map(({ weights }) => weights.reduce((sum, plan) => sum + plannedBytes(plan), 0))

/** Layers in the order they run. */
export type ShardGraphs = ShardHead & { readonly layers: readonly EmittedGraph[] }

/** In the order they are built. */
export const partsOfShard = (graphs: ShardGraphs): readonly Part[] => [...graphs.layers, ...partsOfHead(graphs)]

/** @throws {ClusterError} as `emitLayers`, `emitHead` and `planHead` */
export const emitShard = (model: ModelDescription, range: LayerRange, options: EmitOptions): ShardGraphs => ({
  layers: layerGroups(model, range, options).map((group) => emitLayers(model, group, options)),
  ...shardHead(model, range, options),
})
