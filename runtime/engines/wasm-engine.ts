/** Layers and head on ONNX Runtime's WASM provider. It has no I/O binding: caches go in and come out of each run. */
import { HIDDEN } from '../../core/graph/emit.ts'
import { growsWithTokens, stateBytes, stateDims, type StateSpec } from '../../core/graph/graph-builder.ts'
import { elementCount } from '../../core/graph/onnx.ts'
import type { TokenSpan } from '../../core/graph/span-inputs.ts'
import type { ModelConfig } from '../../core/model/config.ts'
import { f16ToF32Array, f32ToF16Array } from '../../core/quant/float16.ts'
import { bytesOf } from '../../core/quant/stored.ts'
import type { HeadOutput } from '../../core/text/head-output.ts'
import { ClusterError } from '../../protocol/errors.ts'
import { onlySegment, type Engine, type HiddenRows } from '../engine.ts'
import type { Ort } from './ort.ts'
import { pick, releaseGraphs, spanFeeds, type OpenedGraph, type OpenedShard } from './open-graph.ts'

type Tensor = InstanceType<Ort['Tensor']>
/** Past tensors by input name. Each run replaces them; rows beyond the valid length are junk that attention ignores. */
export type WasmCache = Map<string, Tensor>

export type WasmEngineOptions = {
  readonly ort: Ort
  readonly config: ModelConfig
  readonly graphs: OpenedShard
}

const noRows = (): never => {
  throw new Error('no rows: runLayers comes first')
}

function floatData(tensor: Tensor | undefined): Float32Array {
  if (tensor?.data instanceof Float32Array) return tensor.data
  throw new Error('a graph output is not f32')
}

export function wasmEngine({ ort, config, graphs }: WasmEngineOptions): Engine<WasmCache> {
  const { hiddenSize, vocabSize } = config
  const states = graphs.layers.flatMap((graph) => graph.states)
  let rows: Float32Array | null = null
  /** Of a sequence that has not begun. */
  const empty = (state: StateSpec): Tensor => {
    const dims = stateDims(state, 0)
    return new ort.Tensor('float32', new Float32Array(elementCount(dims)), dims)
  }

  async function runHead(values: Float32Array): Promise<Float32Array> {
    if (graphs.head.length === 0) throw new ClusterError('invalid_value', 'this shard has no head')
    const count = values.length / hiddenSize
    const hidden = new ort.Tensor('float32', values, [1, count, hiddenSize])
    const pieces: Float32Array[] = []
    for (const head of graphs.head) pieces.push(floatData((await head.run({ [HIDDEN]: hidden }))[head.output]))
    const [only] = pieces
    if (only && pieces.length === 1) return only
    const logits = new Float32Array(count * vocabSize)
    for (const [i, { start, end }] of graphs.head.entries()) {
      const [piece, width] = [pieces[i] ?? noRows(), end - start]
      for (let row = 0; row < count; row++) logits.set(piece.subarray(row * width, (row + 1) * width), row * vocabSize + start)
    }
    return logits
  }

  /** Runs one group of layers over the hidden states that came out of the one before. */
  async function runGroup(graph: OpenedGraph, cache: WasmCache, hidden: Tensor, span: TokenSpan): Promise<Tensor> {
    const pasts = pick(
      graph.states.map(({ past }) => past),
      Object.fromEntries(cache),
    )
    const results = await graph.run({ ...pasts, ...spanFeeds(ort, graph, span), [HIDDEN]: hidden })
    for (const { past, present } of graph.states) {
      const state = results[present]
      if (!state) throw new Error(`the layers gave no ${present}`)
      cache.set(past, state)
    }
    return results[graph.output] ?? noRows()
  }

  return {
    canRewind: states.every(growsWithTokens),
    // A graph knows one past; and one row beside others would be computed by other kernels than alone.
    maxSegments: 1,
    openCache: () => new Map(states.map((state) => [state.past, empty(state)])),
    closeCache: (cache) => cache.clear(),
    cacheBytes: (cache) => [...cache.values()].reduce((sum, { dims }) => sum + 4 * elementCount(dims), 0),
    // It grows with its tokens.
    newCacheBytes: () => states.reduce((sum, state) => sum + stateBytes(state, 0), 0),
    runLayers: async (segments) => {
      const { cache, hidden, span } = onlySegment(segments)
      if (span.position === 0) for (const state of states) if (!growsWithTokens(state)) cache.set(state.past, empty(state))
      let values: Tensor = new ort.Tensor('float32', valuesOf(hidden), [1, span.count, hiddenSize])
      for (const graph of graphs.layers) values = await runGroup(graph, cache, values, span)
      rows = floatData(values)
    },
    readHidden: (_, numberType) => {
      const values = rows ?? noRows()
      return Promise.resolve(bytesOf(numberType === 'f16' ? f32ToF16Array(values) : values))
    },
    runHeads: async (wanted) => {
      const heads: HeadOutput[] = []
      for (const { row } of wanted) {
        const logits = await runHead((rows ?? noRows()).slice(row * hiddenSize, (row + 1) * hiddenSize))
        heads.push({ vocabSize, shortlist: null, readLogits: () => Promise.resolve(logits) })
      }
      return heads
    },
    runAllLogits: () => runHead(rows ?? noRows()),
    dispose: async () => {
      rows = null
      await releaseGraphs(graphs)
    },
  }
}

const valuesOf = (hidden: HiddenRows): Float32Array => (hidden.numberType === 'f32' ? hidden.values : f16ToF32Array(hidden.halves))
