/** The frames of the ring plane as values; `ring.ts` has their bytes. */
import type { GossipEvent } from './cluster.ts'
import type { Drafts } from './drafts.ts'
import type { ErrorCode } from './errors.ts'
import type { HopTiming } from './hops.ts'
import type { PeerId, SequenceId } from './ids.ts'
import type { FinishReason, Job, TokenLogprobs } from './job.ts'

/** Common to every frame. `position` and `count` are tokens of the sequence; zero where they mean nothing. */
export type FrameBase = { readonly sequence: SequenceId; readonly epoch: number }
export type JobFrame = FrameBase & { readonly type: 'job'; readonly job: Job }
export type ActivationFrame = FrameBase & {
  readonly type: 'activation'
  /** Position of the first token of `payload` in the sequence. */
  readonly position: number
  /** Tokens in `payload`. */
  readonly count: number
  /**
   * Tokens of the sequence when the whole pass is done: a prompt is one pass however many chunks it runs in, a decoded token one by
   * itself. Some models rotate by other frequencies when a pass reaches far.
   */
  readonly reach: number
  /** Elements a token: the model's hidden size. */
  readonly width: number
  readonly numberType: 'f16' | 'f32'
  /** The tail samples after the last token of this frame; unset on every prefill chunk but the last. */
  readonly sample: boolean
  /** Of guesses: `branch`, `since` and the guesses themselves. */
  readonly guess: Drafts
  /** Row-major [count, width], little-endian, residual already added. */
  readonly payload: Uint8Array
  /** Of the shards that this lap has passed, the sender last. None before it where it sends a pass again. */
  readonly hops: readonly HopTiming[]
}
export type TokenFrame = FrameBase & {
  readonly type: 'token'
  /** 0 for the first sampled token. */
  readonly index: number
  readonly tokenId: number
  /** Null while the answer goes on. */
  readonly finish: FinishReason | null
  /** Of the lap that ends in this token, the tail's last; fewer than the ring has shards where a part was sent again. */
  readonly hops: readonly HopTiming[]
  /** More tokens of the same lap follow: the next one does not begin yet. */
  readonly more: boolean
  /** Tokens of the prompt that were not computed: the KV cache of an earlier sequence held them. */
  readonly cached: number
  /** Null unless the job asks for them. */
  readonly logprobs: TokenLogprobs | null
}
/** What a job with a `pooling` is answered with, from the tail to the client: nothing follows. */
export type EmbeddingFrame = FrameBase & { readonly type: 'embedding'; readonly values: Float32Array }
/** Prefill so far, from the head to the client. */
export type ProgressFrame = FrameBase & { readonly type: 'progress'; readonly processed: number; readonly total: number }
/** From the head to a client whose job waits until there is room for its KV caches. */
export type WaitingFrame = FrameBase & {
  readonly type: 'waiting'
  /** In the line: 1 is next. */
  readonly position: number
  /** Milliseconds until it begins, as expected; null when nothing is known. */
  readonly etaMs: number | null
}
/**
 * The sequence is over: drop its queued frames. Sent to every shard, by the client to cancel, by the tail at the end. With `keeps` its KV
 * cache may stay for a later sequence that begins alike; without it goes, and so does what was kept of it.
 */
export type ReleaseFrame = FrameBase & { readonly type: 'release'; readonly keeps: boolean }
/**
 * A new sequence begins with the first `position` tokens of `source`, which is over: its KV cache and outputs become those of the new one.
 * From shard to shard, ahead of the first activation.
 */
export type PrefixFrame = FrameBase & { readonly type: 'prefix'; readonly source: SequenceId; readonly position: number }
/** A shard cannot go on with the sequence; to the client. */
export type FailureFrame = FrameBase & {
  readonly type: 'failure'
  readonly code: ErrorCode
  readonly message: string
  /** After which another try makes sense, where that is known. */
  readonly retryAfterSeconds?: number
}
/** From the head to every other shard after a job that goes on: nothing from `position` on is valid; ask for what is missing before it. */
export type ResumeFrame = FrameBase & { readonly type: 'resume'; readonly client: PeerId; readonly position: number }
/**
 * "I have what lies before `from`; send the rest again." To the shard before for activations, to the tail for tokens, to the head
 * for the job. Whoever is asked for what it lacks itself asks in turn.
 */
export type AskFrame = FrameBase & {
  readonly type: 'ask'
  readonly want: AskWant
  readonly from: number
  /** As far as the asker knows, drafts were given up so often: of later branches it may have wrong what lies before `from`. */
  readonly branch: number
}
export type AskWant = 'activations' | 'tokens' | 'job'
/** What signaling would tell, from peer to peer while there is no signal server. Passed on once to every linked peer. */
export type GossipFrame = FrameBase & { readonly type: 'gossip'; readonly origin: PeerId; readonly number: number; readonly event: GossipEvent }
/** To the shard before the one that is looked at: what it sent on up to `until` is to go to `witness`. Who sends it draws the ticket. */
export type CheckFrame = FrameBase & { readonly type: 'check'; readonly ticket: number; readonly until: number; readonly witness: PeerId }
/** What went into a shard, from position 0 on, or what came out of it last: for a witness that holds the same layers. */
export type EvidenceFrame = FrameBase & {
  readonly type: 'evidence'
  readonly ticket: number
  readonly side: 'input' | 'output'
  readonly position: number
  readonly count: number
  /** Numbers a token; 1 of `ids`. */
  readonly width: number
  /** `ids`: tokens, 32 bits each; as an output the one that was sampled behind `position`. */
  readonly numberType: 'ids' | 'f16' | 'f32'
  readonly payload: Uint8Array
}
/** From the witness: how far what came out lies from what it computes itself. */
export type VerdictFrame = FrameBase & { readonly type: 'verdict'; readonly ticket: number; readonly error: number }
export type RingFrame =
  | JobFrame
  | ActivationFrame
  | TokenFrame
  | EmbeddingFrame
  | ProgressFrame
  | WaitingFrame
  | ReleaseFrame
  | FailureFrame
  | ResumeFrame
  | AskFrame
  | GossipFrame
  | PrefixFrame
  | CheckFrame
  | EvidenceFrame
  | VerdictFrame
