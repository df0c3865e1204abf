import type { TokenSpan } from '../core/graph/span-inputs.ts'
import type { HeadOutput } from '../core/text/head-output.ts'

/** Hidden states on their way in, row-major [count, hiddenSize]; halves as bit patterns. */
export type HiddenRows = { readonly numberType: 'f32'; readonly values: Float32Array } | { readonly numberType: 'f16'; readonly halves: Uint16Array }

/** New tokens of one sequence: those of `span`, whose rows from its position on are overwritten in the cache. */
export type Segment<Cache> = { readonly cache: Cache; readonly hidden: HiddenRows; readonly span: TokenSpan }

/** Row `row` of segment `segment` of the last pass. */
export type SegmentRow = { readonly segment: number; readonly row: number }

/** A row to be sampled behind. `readsLogits`: all its logits will be read, not only the list; an engine that computes them apart does so at once then. */
export type HeadRow = SegmentRow & { readonly readsLogits: boolean }

/**
 * Where the layers and the head of one shard run and where its KV caches live. The rows of the last `runLayers` stay inside
 * until the next one, so that a tail never moves them.
 */
export type Engine<Cache> = {
  /** Whether a sequence may go on from any position it has passed; else only from its end, or anew from 0. */
  readonly canRewind: boolean
  /** Segments that one pass may have. */
  readonly maxSegments: number
  /** @throws {ClusterError} not_enough_memory */
  readonly openCache: (maxTokens: number) => Cache
  readonly closeCache: (cache: Cache) => void
  /** What a cache takes now, and what one more takes when it is opened. */
  readonly cacheBytes: (cache: Cache) => number
  readonly newCacheBytes: (maxTokens: number) => number
  /** One pass over segments of different caches, at most `maxSegments`. What a segment gives does not depend on the others, to the bit. */
  readonly runLayers: (segments: readonly Segment<Cache>[]) => Promise<void>
  /** The rows of a segment that left the last layer, little-endian. */
  readonly readHidden: (segment: number, numberType: 'f16' | 'f32') => Promise<Uint8Array>
  /** Norm and head over some rows, each as if alone. What they give is valid until the next pass. */
  readonly runHeads: (rows: readonly HeadRow[]) => Promise<readonly HeadOutput[]>
  /** Norm and head over all rows of a segment, [count, vocabSize]. */
  readonly runAllLogits: (segment: number) => Promise<Float32Array>
  readonly dispose: () => Promise<void>
}

/** The one segment of a pass. @throws {Error} when there are others: who gives more than `maxSegments` is wrong */
export function onlySegment<Cache>(segments: readonly Segment<Cache>[]): Segment<Cache> {
  const [segment] = segments
  if (segment && segments.length === 1) return segment
  throw new Error(`a pass of ${segments.length} segments, and this engine takes one`)
}
