/** Layers and head on ONNX Runtime's WASM provider. It has no I/O binding: caches go in and come out of each run. */
import { SEQLENS, TOTAL_LENGTH } from '../core/graph/attention.ts'
import { REACH } from '../core/graph/rotation.ts'
import { HIDDEN } from '../core/graph/emit.ts'
import { growsWithTokens, stateDims, type StateSpec } from '../core/graph/graph-builder.ts'
import { elementCount } from '../core/graph/onnx.ts'
import type { ModelConfig } from '../core/model/config.ts'
import { f16ToF32Array, f32ToF16Array } from '../core/quant/float16.ts'
import { bytesOf } from '../core/quant/stored.ts'
import { ClusterError } from '../protocol/errors.ts'
import type { Engine, HiddenRows } from './engine.ts'
import type { Ort } from './ort.ts'
import type { OpenedGraph } from './open-graph.ts'

type Tensor = InstanceType<Ort['Tensor']>
/** Past tensors by input name. Each run replaces them; rows beyond the valid length are junk that attention ignores. */
export type WasmCache = Map<string, Tensor>

export type WasmEngineOptions = {
  readonly ort: Ort
  readonly config: ModelConfig
  readonly body: OpenedGraph
  readonly head: OpenedGraph | null
}

const noRows = (): never => {
  throw new Error('no rows: runLayers comes first')
}

function floatData(tensor: Tensor | undefined): Float32Array {
  if (tensor?.data instanceof Float32Array) return tensor.data
  throw new Error('a graph output is not f32')
}

export function wasmEngine({ ort, config, body, head }: WasmEngineOptions): Engine<WasmCache> {
  const { hiddenSize, vocabSize } = config
  let rows: Float32Array | null = null
  /** Of a sequence that has not begun. */
  const empty = (state: StateSpec): Tensor => {
    const dims = stateDims(state, 0)
    return new ort.Tensor('float32', new Float32Array(elementCount(dims)), dims)
  }

  async function runHead(values: Float32Array): Promise<Float32Array> {
    if (!head) throw new ClusterError('invalid_value', 'this shard has no head')
    const hidden = new ort.Tensor('float32', values, [1, values.length / hiddenSize, hiddenSize])
    return floatData((await head.run({ [HIDDEN]: hidden }))[head.output])
  }

  return {
    canRewind: body.states.every(growsWithTokens),
    openCache: () => new Map(body.states.map((state) => [state.past, empty(state)])),
    closeCache: (cache) => cache.clear(),
    runLayers: async (cache, hidden, { position, count, reach }) => {
      const total = position + count
      if (position === 0) for (const state of body.states) if (!growsWithTokens(state)) cache.set(state.past, empty(state))
      const results = await body.run({
        ...Object.fromEntries(cache),
        [HIDDEN]: new ort.Tensor('float32', valuesOf(hidden), [1, count, hiddenSize]),
        [SEQLENS]: new ort.Tensor('int32', Int32Array.of(total - 1), [1]),
        [TOTAL_LENGTH]: new ort.Tensor('int32', Int32Array.of(total), [1]),
        ...(body.inputs.has(REACH) ? { [REACH]: new ort.Tensor('int32', Int32Array.of(reach), [1]) } : {}),
      })
      for (const { past, present } of body.states) {
        const state = results[present]
        if (!state) throw new Error(`the layers gave no ${present}`)
        cache.set(past, state)
      }
      rows = floatData(results[body.output])
    },
    readHidden: (numberType) => {
      const values = rows ?? noRows()
      return Promise.resolve(bytesOf(numberType === 'f16' ? f32ToF16Array(values) : values))
    },
    runHead: async () => {
      const logits = await runHead((rows ?? noRows()).slice(-hiddenSize))
      return { vocabSize, shortlist: null, readLogits: () => Promise.resolve(logits) }
    },
    runAllLogits: () => runHead(rows ?? noRows()),
    dispose: async () => {
      rows = null
      await body.release()
      await head?.release()
    },
  }
}

const valuesOf = (hidden: HiddenRows): Float32Array => (hidden.numberType === 'f32' ? hidden.values : f16ToF32Array(hidden.halves))
