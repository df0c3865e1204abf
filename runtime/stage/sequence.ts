import type { Constraint } from '../../core/constrain/constraint.ts'
import type { PeerId, SequenceId } from '../../protocol/ids.ts'
import type { AskWant, Job } from '../../protocol/ring.ts'
import type { OutputLog } from './output-log.ts'
import type { Pooled } from './pooling.ts'
import type { Speculation } from './speculation.ts'

/** One running completion as one shard knows it. Positions count tokens of prompt and answer together. */
export type Sequence = {
  readonly id: SequenceId
  /** Names its KV cache and its work in line: the same sequence may have lived here before, under another epoch. */
  cache: SequenceId
  /** Who asked; null before a frame has said it. */
  client: PeerId | null
  /** At head and tail. */
  job: Job | null
  /** At head and tail: tokens of the answer as far as known here. */
  answerIds: number[]
  /** Positions below are in the KV cache. */
  length: number
  /** Positions below are in the cache or in line: where the next pass must begin. */
  expected: number
  /** Positions below hold; what lies behind are drafts that the next lap confirms or gives up. */
  sure: number
  /** How often drafts were given up, and the position from which on they last were. */
  draftBranch: number
  draftsSince: number
  /** At the head: guesses ahead, where the client and the model permit. */
  speculation: Speculation | null
  /** Tokens that the lap under way has given so far. */
  lapTokens: number
  /** Passes in line or running. */
  inLine: number
  /** Grows when positions are given up: passes of an older branch count for nothing. */
  branch: number
  /** Positions that came with the sequence from an older placement, and may be more than its client has accepted; null once that is settled. */
  inherited: number | null
  /** What the next shard asked for before it was settled how much of the inherited positions is valid. */
  waitingAsk: number | null
  /** At the head: where the others were last told to go on from, in this placement; null where they were not. */
  resumedAt: number | null
  /** At the head: positions below have passed the tail, as far as known. */
  passed: number
  /** Positions below have been sent to the next shard, or it has said that it has them. */
  sentTo: number
  log: OutputLog
  /** Positions below came from the KV cache of an earlier sequence, on all shards up to this one. */
  cached: number
  /** At the tail: passes that wait for the job. */
  readonly early: (() => void)[]
  /** At the head: when the last token came, for the lap that ends in the next one; null where none began. */
  lapAt: number | null
  /** At the tail of an answer under a grammar: where it stands. */
  constraint: Promise<Constraint> | null
  /** At the tail: whether the token before was chosen by all logits rather than by the likeliest; null before the first. */
  readsLogits: boolean | null
  /** At the tail, for a mean over all rows: those so far. */
  pooled: Pooled | null
  /** When something last happened here, monotonic milliseconds. */
  touchedAt: number
  /** What was last asked of others, so that a burst of frames behind a gap asks once. */
  readonly asked: Map<AskWant, { readonly from: number; readonly at: number }>
  /** What the next shard keeps asking for, and how often in a row. */
  refused: { readonly from: number; readonly times: number } | null
}

export const createSequence = (id: SequenceId, cache: SequenceId, log: OutputLog, now: number): Sequence => ({
  id,
  cache,
  client: null,
  job: null,
  answerIds: [],
  length: 0,
  expected: 0,
  sure: 0,
  draftBranch: 0,
  draftsSince: 0,
  speculation: null,
  lapTokens: 0,
  inLine: 0,
  branch: 0,
  inherited: null,
  waitingAsk: null,
  resumedAt: null,
  passed: 0,
  sentTo: 0,
  log,
  cached: 0,
  early: [],
  lapAt: null,
  constraint: null,
  readsLogits: null,
  pooled: null,
  touchedAt: now,
  asked: new Map(),
  refused: null,
})

/** Nothing from `position` on is valid any more. */
export function truncate(sequence: Sequence, position: number): void {
  sequence.length = Math.min(sequence.length, position)
  sequence.expected = Math.min(sequence.expected, position)
  sequence.passed = Math.min(sequence.passed, position)
  sequence.sentTo = Math.min(sequence.sentTo, position)
  sequence.sure = Math.min(sequence.sure, position)
  if (sequence.pooled && position < sequence.pooled.until) sequence.pooled = null
  sequence.lapAt = null
  sequence.log.truncate(position)
}
