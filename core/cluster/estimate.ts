import { heldStateBytes, heldWeightBytes } from '../graph/held-bytes.ts'
import type { ModelDescription } from '../model/model-description.ts'
import type { Holding, LayerRange } from './sizing.ts'

export type MemoryEstimate = {
  /** As truly held: matrices in the device's format, norms and tables in f32, the embedding table as stored. */
  readonly weightsBytes: number
  /** What one sequence of the whole context keeps: KV caches, and the states of layers of other kinds. */
  readonly kvBytes: number
  readonly activationBytes: number
  /** Runtime, shaders, allocator: 15 % of the rest. */
  readonly overheadBytes: number
  readonly totalBytes: number
}

export type EstimateOptions = Holding & { readonly contextLength: number }

/** Tokens that run in one go, for the size of intermediate values. */
const CHUNK_TOKENS = 128
const OVERHEAD = 0.15
/** Bounds of activations as a part of weights and KV: below, the runtime's own arenas rule; above, chunks are cut. */
const ACTIVATIONS = { least: 0.1, most: 0.3 }

/** Intermediate values of one chunk in f32: hidden states thrice, packed q, k, v, the gated MLP, and scores over the context. */
function chunkBytes({ config }: ModelDescription, contextLength: number, isLast: boolean): number {
  const tokens = Math.min(CHUNK_TOKENS, contextLength)
  const qkv = (config.numHeads + 2 * config.numKvHeads) * config.headDim
  const perToken = 3 * config.hiddenSize + qkv + 3 * config.intermediateSize + config.numHeads * contextLength
  return 4 * (tokens * perToken + (isLast ? config.vocabSize : 0))
}

/**
 * Memory that a device needs for layers [startLayer, endLayer), embedding table and head included at the ends.
 * @throws {ClusterError} unsupported_backend for a backend that does not hold this format
 */
export function estimateShard(model: ModelDescription, range: LayerRange, options: EstimateOptions): MemoryEstimate {
  const { config } = model
  const weightsBytes = heldWeightBytes(model, range, options)
  const kvBytes = heldStateBytes(model, range, options.contextLength, options)
  const held = weightsBytes + kvBytes
  const chunk = chunkBytes(model, options.contextLength, range.endLayer === config.numLayers)
  const activationBytes = Math.ceil(Math.min(Math.max(chunk, ACTIVATIONS.least * held), ACTIVATIONS.most * held))
  const overheadBytes = Math.ceil(OVERHEAD * (held + activationBytes))
  return { weightsBytes, kvBytes, activationBytes, overheadBytes, totalBytes: held + activationBytes + overheadBytes }
}
