/**
 * Layers and head on ONNX Runtime's native WebGPU provider, on a device that our kernels share. Hidden states stay on the GPU
 * between layers and head; a cache is one buffer a layer and side, fed as past and fetched as present, so that nothing is copied.
 */
import { HIDDEN } from '../../core/graph/emit.ts'
import { growsWithTokens, stateBytes, stateDims } from '../../core/graph/graph-builder.ts'
import type { ModelConfig } from '../../core/model/config.ts'
import { f16ToF32Array, f32ToF16Array } from '../../core/quant/float16.ts'
import { asUint16, bytesOf } from '../../core/quant/stored.ts'
import type { HeadOutput } from '../../core/text/head-output.ts'
import type { FloatType } from '../../protocol/cluster.ts'
import { ClusterError } from '../../protocol/errors.ts'
import { onlySegment, type Engine, type HiddenRows, type HeadRow, type Segment } from '../engine.ts'
import type { GpuHead, HiddenBuffer } from './gpu-head.ts'
import type { RunnerGpu } from './gpu-kernels.ts'
import { createGpuMemory, type GpuMemory, type GrowingBuffer } from './gpu-memory.ts'
import { pick, releaseGraphs, spanFeeds, type OpenedShard, type SessionOptions } from './open-graph.ts'
import type { Ort } from './ort.ts'

type Tensor = InstanceType<Ort['Tensor']>
export type WebgpuCache = {
  readonly buffers: readonly GPUBuffer[]
  /** Those that begin as zeros. */
  readonly fixed: readonly GPUBuffer[]
  /** By name of the past input and of the present output: the same tensors. */
  readonly pasts: Readonly<Record<string, Tensor>>
  readonly presents: Readonly<Record<string, Tensor>>
  /** Resolves to what the device said to the allocation. */
  readonly allocated: Promise<GPUError | null>
}

export type WebgpuEngineOptions = {
  readonly ort: Ort
  readonly gpu: RunnerGpu
  readonly config: ModelConfig
  readonly floatType: FloatType
  readonly graphs: OpenedShard
}

/** @throws {ClusterError} unsupported_backend */
export function gpuOf(gpu: RunnerGpu | undefined): RunnerGpu {
  if (gpu) return gpu
  throw new ClusterError('unsupported_backend', 'the webgpu backend needs a GPU device')
}

/** Own device, outputs left on the GPU, and no node on the CPU: a graph that would fall back is refused at creation. */
export const webgpuSessionOptions = (gpu: RunnerGpu | undefined): SessionOptions => ({
  executionProviders: [{ name: 'webgpu', device: gpuOf(gpu).device, validationMode: 'disabled' }],
  preferredOutputLocation: 'gpu-buffer',
  extra: { session: { disable_cpu_ep_fallback: '1' } },
})

const ELEMENT_BYTES = { f32: 4, f16: 2 } as const
const ORT_TYPE = { f32: 'float32', f16: 'float16' } as const
/** Rows in the graph's float type. */
function encodeRows(hidden: HiddenRows, type: FloatType): Float32Array | Uint16Array {
  if (type === 'f32') return hidden.numberType === 'f32' ? hidden.values : f16ToF32Array(hidden.halves)
  return hidden.numberType === 'f16' ? hidden.halves : f32ToF16Array(hidden.values)
}

type Scratch = {
  readonly input: GrowingBuffer
  readonly rows: GrowingBuffer
  readonly packed: GrowingBuffer
}

function openWebgpuCache({ ort, graphs, floatType }: WebgpuEngineOptions, memory: GpuMemory, maxTokens: number): WebgpuCache {
  const pasts: Record<string, Tensor> = {}
  const presents: Record<string, Tensor> = {}
  const fixed: GPUBuffer[] = []
  const states = graphs.layers.flatMap((graph) => graph.states)
  const { buffers, allocated } = memory.allocate(states.map((state) => ({ label: `state.${state.past}`, bytes: stateBytes(state, maxTokens) })))
  for (const [i, state] of states.entries()) {
    const buffer = buffers[i]
    if (!buffer) throw new Error('a state without a buffer')
    const tensor = ort.Tensor.fromGpuBuffer(buffer, { dataType: ORT_TYPE[floatType], dims: stateDims(state, maxTokens) })
    pasts[state.past] = tensor
    presents[state.present] = tensor
    if (!growsWithTokens(state)) fixed.push(buffer)
  }
  return { buffers, fixed, pasts, presents, allocated }
}

export function webgpuEngine(options: WebgpuEngineOptions): Engine<WebgpuCache> {
  const { ort, gpu, config, floatType, graphs } = options
  const { hiddenSize, vocabSize } = config
  const memory = createGpuMemory(gpu.device)
  const scratch: Scratch = {
    input: memory.growing('runner.input'),
    rows: memory.growing('runner.rows'),
    packed: memory.growing('runner.packed'),
  }
  const rowBytes = hiddenSize * ELEMENT_BYTES[floatType]
  let count = 0

  const onGpu = (buffer: GPUBuffer, type: FloatType, dims: readonly number[]): Tensor =>
    ort.Tensor.fromGpuBuffer(buffer, { dataType: ORT_TYPE[type], dims })

  async function runLayers(segments: readonly Segment<WebgpuCache>[]): Promise<void> {
    const { cache, hidden, span } = onlySegment(segments)
    const { position, count: tokens } = span
    if (await cache.allocated) throw new ClusterError('not_enough_memory', 'the GPU has no memory left for the KV cache of another sequence')
    const rows = scratch.rows.atLeast(tokens * rowBytes)
    // Groups read one buffer and write the other in turn, so that the last one writes `rows`.
    let [from, to] = [scratch.input.atLeast(tokens * rowBytes), rows]
    if (graphs.layers.length % 2 === 0) [from, to] = [to, from]
    memory.write(from, bytesOf(encodeRows(hidden, floatType)))
    if (position === 0 && cache.fixed.length > 0) memory.encode((encoder) => cache.fixed.forEach((buffer) => encoder.clearBuffer(buffer)))
    const dims = [1, tokens, hiddenSize]
    for (const graph of graphs.layers) {
      const fetches = {
        ...pick(
          graph.states.map(({ present }) => present),
          cache.presents,
        ),
        [graph.output]: onGpu(to, floatType, dims),
      }
      const pasts = pick(
        graph.states.map(({ past }) => past),
        cache.pasts,
      )
      await graph.run({ ...pasts, ...spanFeeds(ort, graph, span), [HIDDEN]: onGpu(from, floatType, dims) }, fetches)
      ;[from, to] = [to, from]
    }
    count = tokens
  }

  async function readHidden(numberType: 'f16' | 'f32'): Promise<Uint8Array> {
    const rows = scratch.rows.atLeast(0)
    if (numberType === floatType) return memory.read(rows, count * rowBytes)
    if (numberType === 'f32') return bytesOf(f16ToF32Array(asUint16(await memory.read(rows, count * rowBytes))))
    const elements = count * hiddenSize
    const packed = scratch.packed.atLeast(elements * 2)
    memory.encode((encoder) => gpu.kernels.packF16(encoder, rows, elements, packed))
    return memory.read(packed, elements * 2)
  }

  /** The rows of the last run where they are. */
  const lastRows = (): HiddenBuffer => ({ buffer: scratch.rows.atLeast(0), tokens: count })

  function headOf(): GpuHead {
    if (graphs.gpuHead) return graphs.gpuHead
    throw new ClusterError('invalid_value', 'this shard has no head')
  }

  async function runHeads(rows: readonly HeadRow[]): Promise<readonly HeadOutput[]> {
    const indices = rows.map(({ row }) => row)
    // Rows of one sequence: all are read alike.
    const heads = await headOf().heads(
      lastRows(),
      indices,
      rows.some(({ readsLogits }) => readsLogits),
    )
    // Where nobody said that they would be read they are computed again.
    return heads.map(({ shortlist, logits }, i) => {
      let all = logits && Promise.resolve(logits)
      return { vocabSize, shortlist, readLogits: () => (all ??= headOf().logits(lastRows(), indices.slice(i, i + 1))) }
    })
  }

  const runAllLogits = (): Promise<Float32Array> =>
    headOf().logits(
      lastRows(),
      Array.from({ length: count }, (_, row) => row),
    )

  return {
    canRewind: graphs.layers.every(({ states }) => states.every(growsWithTokens)),
    // A graph is bound to the buffers of one cache.
    maxSegments: 1,
    openCache: (maxTokens) => openWebgpuCache(options, memory, maxTokens),
    closeCache: (cache) => {
      for (const buffer of cache.buffers) buffer.destroy()
    },
    cacheBytes: (cache) => cache.buffers.reduce((sum, { size }) => sum + size, 0),
    newCacheBytes: (maxTokens) => graphs.layers.flatMap((graph) => graph.states).reduce((sum, state) => sum + stateBytes(state, maxTokens), 0),
    runLayers,
    readHidden: (_, numberType) => readHidden(numberType),
    runHeads,
    runAllLogits,
    dispose: async () => {
      await releaseGraphs(graphs)
      memory.destroy()
    },
  }
}
