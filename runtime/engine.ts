import type { TokenSpan } from '../core/graph/span-inputs.ts'
import type { HeadOutput } from '../core/text/head-output.ts'

/** Hidden states on their way in, row-major [count, hiddenSize]; halves as bit patterns. */
export type HiddenRows = { readonly numberType: 'f32'; readonly values: Float32Array } | { readonly numberType: 'f16'; readonly halves: Uint16Array }

/**
 * Where the layers and the head of one shard run and where its KV caches live. The rows of the last `runLayers` stay inside
 * until the next one, so that a tail never moves them.
 */
export type Engine<Cache> = {
  /** Whether a sequence may go on from any position it has passed; else only from its end, or anew from 0. */
  readonly canRewind: boolean
  /** @throws {ClusterError} not_enough_memory */
  readonly openCache: (maxTokens: number) => Cache
  readonly closeCache: (cache: Cache) => void
  /** Runs the tokens of `span`; rows of the cache from its position on are overwritten. */
  readonly runLayers: (cache: Cache, hidden: HiddenRows, span: TokenSpan) => Promise<void>
  /** The rows that left the last layer, little-endian. */
  readonly readHidden: (numberType: 'f16' | 'f32') => Promise<Uint8Array>
  /** Norm and head over the last row. */
  readonly runHead: () => Promise<HeadOutput>
  /** Norm and head over all rows, [count, vocabSize]. */
  readonly runAllLogits: () => Promise<Float32Array>
  readonly dispose: () => Promise<void>
}
