/**
 * Layers and head on ONNX Runtime's native WebGPU provider, on a device that our kernels share. Hidden states stay on the GPU
 * between layers and head; a cache is one buffer a layer and side, fed as past and fetched as present, so that nothing is copied.
 */
import { HIDDEN } from '../core/graph/emit.ts'
import { growsWithTokens, stateBytes, stateDims } from '../core/graph/graph-builder.ts'
import type { ModelConfig } from '../core/model/config.ts'
import { f16ToF32Array, f32ToF16Array } from '../core/quant/float16.ts'
import { asFloat32, asUint16, bytesOf } from '../core/quant/stored.ts'
import type { HeadOutput } from '../core/text/head-output.ts'
import type { FloatType } from '../protocol/cluster.ts'
import { ClusterError } from '../protocol/errors.ts'
import { onlySegment, type Engine, type HiddenRows, type Segment, type SegmentRow } from './engine.ts'
import { mergeShortlists, readShortlist } from './merge-shortlists.ts'
import { createGpuMemory, type GpuMemory, type GrowingBuffer } from './gpu-memory.ts'
import { pick, releaseGraphs, spanFeeds, type OpenedShard, type SessionOptions } from './open-graph.ts'
import type { Ort } from './ort.ts'

/** Our kernels, compiled on the device that ORT runs on. */
export type RunnerKernels = {
  /** Entries of a shortlist. */
  readonly shortlistSize: number
  /** `logits` f32 [vocabSize] → `output`: ids u32 [shortlistSize], logits f32 [shortlistSize], log-sum-exp f32. Highest first. */
  readonly topK: (encoder: GPUCommandEncoder, logits: GPUBuffer, vocabSize: number, output: GPUBuffer) => void
  /** `input` f32 [count] → `output` f16 [count], rounded to nearest even. */
  readonly packF16: (encoder: GPUCommandEncoder, input: GPUBuffer, count: number, output: GPUBuffer) => void
}
export type RunnerGpu = { readonly device: GPUDevice; readonly kernels: RunnerKernels }

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
/** Rows of logits computed at once when all are asked for. */
const LOGIT_ROWS = 16

/** Rows in the graph's float type. */
function encodeRows(hidden: HiddenRows, type: FloatType): Float32Array | Uint16Array {
  if (type === 'f32') return hidden.numberType === 'f32' ? hidden.values : f16ToF32Array(hidden.halves)
  return hidden.numberType === 'f16' ? hidden.halves : f32ToF16Array(hidden.values)
}

type Scratch = {
  readonly input: GrowingBuffer
  readonly rows: GrowingBuffer
  readonly packed: GrowingBuffer
  readonly headInput: GrowingBuffer
  /** Of one piece of the vocabulary. */
  readonly pieceLogits: GrowingBuffer
  readonly shortlist: GrowingBuffer
  /** Of all pieces. */
  readonly shortlists: GrowingBuffer
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
    headInput: memory.growing('runner.head_input'),
    pieceLogits: memory.growing('runner.piece_logits'),
    shortlist: memory.growing('runner.shortlist'),
    shortlists: memory.growing('runner.shortlists'),
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

  type Piece = OpenedShard['head'][number]

  /**
   * Logits of rows [start, start + rows) of the last run, piece of the vocabulary by piece, in one buffer that the next piece overwrites:
   * they never lie together on the GPU.
   */
  async function eachPiece(
    start: number,
    rows: number,
    take: (piece: Piece, logits: GPUBuffer, index: number) => Promise<void> | void,
  ): Promise<void> {
    if (graphs.head.length === 0) throw new ClusterError('invalid_value', 'this shard has no head')
    const input = scratch.headInput.atLeast(rows * rowBytes)
    memory.encode((encoder) => encoder.copyBufferToBuffer(scratch.rows.atLeast(0), start * rowBytes, input, 0, rows * rowBytes))
    const hidden = { [HIDDEN]: onGpu(input, floatType, [1, rows, hiddenSize]) }
    const widest = Math.max(...graphs.head.map((piece) => piece.end - piece.start))
    for (const [index, piece] of graphs.head.entries()) {
      const logits = scratch.pieceLogits.atLeast(rows * widest * 4)
      await piece.run(hidden, { [piece.output]: onGpu(logits, 'f32', [1, rows, piece.end - piece.start]) })
      await take(piece, logits, index)
    }
  }

  /** [rows, vocabSize], brought together on the CPU. */
  async function readLogits(start: number, rows: number): Promise<Float32Array> {
    const all = new Float32Array(rows * vocabSize)
    await eachPiece(start, rows, async (piece, logits) => {
      const width = piece.end - piece.start
      const read = asFloat32(await memory.read(logits, rows * width * 4))
      for (let row = 0; row < rows; row++) all.set(read.subarray(row * width, (row + 1) * width), row * vocabSize + piece.start)
    })
    return all
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

  /** The largest logits of one row: those of each piece leave the GPU, and are one list here. */
  async function runHead(row: number): Promise<HeadOutput> {
    const { shortlistSize } = gpu.kernels
    const listBytes = (2 * shortlistSize + 1) * 4
    const [list, lists] = [scratch.shortlist.atLeast(listBytes), scratch.shortlists.atLeast(listBytes * graphs.head.length)]
    await eachPiece(row, 1, ({ start, end }, logits, index) =>
      memory.encode((encoder) => {
        gpu.kernels.topK(encoder, logits, end - start, list)
        encoder.copyBufferToBuffer(list, 0, lists, index * listBytes, listBytes)
      }),
    )
    const bytes = await memory.read(lists, listBytes * graphs.head.length)
    const parts = graphs.head.map(({ start }, index) => readShortlist(bytes.slice(index * listBytes, (index + 1) * listBytes), start))
    const shortlist = mergeShortlists(parts, Math.min(shortlistSize, vocabSize))
    // Few ask for all of them: they are computed again.
    return { vocabSize, shortlist, readLogits: () => readLogits(row, 1) }
  }

  async function runHeads(rows: readonly SegmentRow[]): Promise<readonly HeadOutput[]> {
    const heads: HeadOutput[] = []
    for (const { row } of rows) heads.push(await runHead(row))
    return heads
  }

  async function runAllLogits(): Promise<Float32Array> {
    const all = new Float32Array(count * vocabSize)
    for (let start = 0; start < count; start += LOGIT_ROWS) {
      all.set(await readLogits(start, Math.min(LOGIT_ROWS, count - start)), start * vocabSize)
    }
    return all
  }

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
