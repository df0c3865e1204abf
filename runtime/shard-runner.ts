import type { ClusterError } from '../protocol/errors.ts'
import type { Quantization } from '../protocol/cluster.ts'
import type { SequenceId } from '../protocol/ids.ts'
import type { HeadOutput } from '../core/text/head-output.ts'

/** Number format of hidden states on the wire. */
export type HandoffType = 'f16' | 'f32'

/** Token ids for the first shard (it embeds them), hidden states for every other. */
export type ShardInput =
  | { readonly type: 'tokens'; readonly ids: readonly number[] }
  /** Row-major [count, hiddenSize], little-endian; `bytes` may be unaligned. */
  | { readonly type: 'hidden'; readonly numberType: HandoffType; readonly bytes: Uint8Array }

/**
 * What to compute after the layers. `hidden` on all shards but the last; on the last `head` to sample after the last token, `heads`
 * after each of the last `rows` (`readsLogits`: by more than the likeliest tokens, so that all logits come with them), `normed` for these themselves behind the final norm, or `none` for early prefill chunks; `all-logits` for conformance.
 */
export type ShardWant =
  | { readonly type: 'hidden'; readonly numberType: HandoffType }
  | { readonly type: 'head'; readonly readsLogits?: boolean }
  | { readonly type: 'heads'; readonly rows: number; readonly readsLogits?: boolean }
  | { readonly type: 'normed'; readonly rows: number }
  | { readonly type: 'none' }
  | { readonly type: 'all-logits' }

export type ShardRun = {
  readonly sequence: SequenceId
  /** Position of the first new token. Smaller than what is cached: the cache is truncated first, or the run refused by models that keep states (0 always begins anew). Larger: refused. */
  readonly position: number
  readonly count: number
  /** Tokens of the sequence when the whole pass is done, at least `position + count`: the prompt's length in each of its chunks. */
  readonly reach: number
  readonly input: ShardInput
  readonly want: ShardWant
  /** Called between the layers and what is read of them. */
  readonly onComputed?: () => void
}

export type ShardOutput =
  | { readonly type: 'hidden'; readonly bytes: Uint8Array }
  | { readonly type: 'head'; readonly head: HeadOutput }
  | { readonly type: 'heads'; readonly heads: readonly HeadOutput[] }
  /** Row-major [rows, hiddenSize]. */
  | { readonly type: 'normed'; readonly values: Float32Array }
  /** Row-major [count, vocabSize]. */
  | { readonly type: 'all-logits'; readonly logits: Float32Array }
  | { readonly type: 'none' }

/** One shard of one model, loaded and ready. Runs are not reentrant: the scheduler serializes them. */
export type ShardRunner = {
  readonly startLayer: number
  readonly endLayer: number
  readonly hiddenSize: number
  /** Length from which on a sequence must have been run anew from position 0, since all of it rotates otherwise; null: never. */
  readonly restartAt: number | null
  /** Whether a sequence may go on from any position it has passed, on all shards of the model; else only from its end, or anew from 0. */
  readonly canRewind: boolean
  /** Runs that one pass may have. */
  readonly maxSegments: number
  /** Bytes of weights as truly held. */
  readonly heldBytes: number
  /** What holding its matrices so did to them. */
  readonly quantization: Quantization
  /** Creates the KV cache of a sequence at position 0, unless it has one. `maxTokens` bounds its length. @throws {ClusterError} not_enough_memory */
  readonly open: (sequence: SequenceId, maxTokens: number) => void
  readonly run: (run: ShardRun) => Promise<ShardOutput>
  /**
   * Runs of different sequences, in as few passes as the backend can: what each gives is what `run` would give it. Outputs are handed
   * over in the order of `runs`, each as soon as it is there; the next pass waits for the one who takes them. A run that is refused
   * fails by itself.
   */
  readonly runBatch: (runs: readonly ShardRun[], deliver: (index: number, output: ShardOutput | ClusterError) => Promise<void>) => Promise<void>
  /** What the KV cache of a sequence holds and takes; null where it has none. */
  readonly cached: (sequence: SequenceId) => { readonly tokens: number; readonly bytes: number } | null
  /** Bytes of all KV caches now, and of one more when it is opened. */
  readonly cachesBytes: () => number
  readonly newCacheBytes: (maxTokens: number) => number
  /** Frees the KV cache. Unknown sequences are ignored. */
  readonly release: (sequence: SequenceId) => void
  /** Sequences that hold a KV cache now. */
  readonly openSequences: () => number
  readonly dispose: () => Promise<void>
}

/** Called while a shard loads, for progress bars and status reports. */
export type LoadProgress = {
  readonly phase: 'downloading' | 'compiling' | 'warming-up'
  readonly loadedBytes: number
  readonly totalBytes: number
}
