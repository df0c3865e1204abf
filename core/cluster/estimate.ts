import { heldByGraph, heldStateBytes, heldWeightBytes } from '../graph/held-bytes.ts'
import { simdScratchBytes } from '../simd/held-bytes.ts'
import type { ModelDescription } from '../model/model-description.ts'
import type { Backend } from '../../protocol/cluster.ts'
import type { Holding, LayerRange } from './sizing.ts'

export type MemoryEstimate = {
  /** As truly held: matrices in the device's format, norms and tables in floats, the embedding table as stored. */
  readonly weightsBytes: number
  /** What one sequence of the whole context keeps: KV caches, and the states of layers of other kinds. */
  readonly kvBytes: number
  /** Intermediate values of a pass, and what of caches is in memory twice while it runs. */
  readonly activationBytes: number
  /** The runtime itself, and what building weights leaves behind. */
  readonly overheadBytes: number
  readonly totalBytes: number
}

export type EstimateOptions = Holding & { readonly contextLength: number }

const MIB = 2 ** 20
/** Tokens that run in one go, for the size of intermediate values. */
const CHUNK_TOKENS = 128
/** Compiled code, allocators and buffers for reading, measured (`npm run bench -- estimate`). */
const RUNTIME_BYTES: Readonly<Record<Backend, number>> = { webgpu: 100 * MIB, simd: 40 * MIB, wasm: 100 * MIB }
/** Copies of the largest graph's weights that building takes beside those held: memory of WebAssembly never shrinks. */
const BUILD_COPIES = 2

/** Intermediate values of one chunk in f32: hidden states thrice, packed q, k, v, the gated MLP, and scores over the context. */
function chunkBytes({ config }: ModelDescription, contextLength: number, isLast: boolean): number {
  const tokens = Math.min(CHUNK_TOKENS, contextLength)
  const qkv = (config.numHeads + 2 * config.numKvHeads) * config.headDim
  const perToken = 3 * config.hiddenSize + qkv + 3 * config.intermediateSize + config.numHeads * contextLength
  return 4 * (tokens * perToken + (isLast ? config.vocabSize : 0))
}

type Beside = { readonly activationBytes: number; readonly buildBytes: number }

/** What graphs of ONNX Runtime take beside weights and caches. */
function besideGraphs(model: ModelDescription, range: LayerRange, options: EstimateOptions, kvBytes: number): Beside {
  const { layers, head } = heldByGraph(model, range, options)
  const chunk = chunkBytes(model, options.contextLength, head.length > 0)
  // On WASM a graph's caches are copied in and out of each run; WebGPU writes them in place.
  const copies = options.backend === 'wasm' ? (2 * kvBytes) / layers.length : 0
  return { activationBytes: chunk + copies, buildBytes: BUILD_COPIES * Math.max(...layers, ...head) }
}

function besideKernels(model: ModelDescription, range: LayerRange, options: EstimateOptions): Beside {
  return { activationBytes: simdScratchBytes(model, range, Math.min(CHUNK_TOKENS, options.contextLength), options), buildBytes: 0 }
}

/**
 * Memory that a device needs for layers [startLayer, endLayer), embedding table and head included at the ends. The runtime is there
 * whatever is held; a shard smaller than it is charged its own size for it, so that a toy does not ask for the memory of a model.
 * @throws {ClusterError} unsupported_backend for a backend that does not hold this format
 */
export function estimateShard(model: ModelDescription, range: LayerRange, options: EstimateOptions): MemoryEstimate {
  const weightsBytes = heldWeightBytes(model, range, options)
  const kvBytes = heldStateBytes(model, range, options.contextLength, options)
  const held = weightsBytes + kvBytes
  const beside = options.backend === 'simd' ? besideKernels(model, range, options) : besideGraphs(model, range, options, kvBytes)
  const activationBytes = Math.ceil(beside.activationBytes)
  const overheadBytes = Math.ceil(beside.buildBytes + Math.min(RUNTIME_BYTES[options.backend], held))
  return { weightsBytes, kvBytes, activationBytes, overheadBytes, totalBytes: held + activationBytes + overheadBytes }
}
