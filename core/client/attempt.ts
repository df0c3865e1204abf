/** One answer on one placement: the job out, tokens in. Notices what is late, and when a newer ring can go on with it. */
import { ClusterError } from '../../protocol/errors.ts'
import type { Placement } from '../../protocol/cluster.ts'
import type { HopTiming } from '../../protocol/hops.ts'
import type { PeerId, SequenceId } from '../../protocol/ids.ts'
import { encodeFrame, type FinishReason, type Job, type RingFrame, type TokenLogprobs } from '../../protocol/ring.ts'
import { placementState } from '../cluster/cluster-view.ts'
import type { LapClock } from '../cluster/lap-clock.ts'
import type { Network } from '../cluster/network.ts'
import { eventQueue, type EventQueue } from './event-queue.ts'

export type CompletionEvent =
  | {
      readonly type: 'progress'
      readonly processed: number
      readonly total: number
      /** While it waits for room: its place in the line, 1 is next, and milliseconds until it begins, as expected. */
      readonly queue?: { readonly position: number; readonly etaMs: number | null }
    }
  | {
      readonly type: 'token'
      readonly index: number
      readonly tokenId: number
      readonly finish: FinishReason | null
      readonly hops: readonly HopTiming[]
      /** Tokens of the prompt that were not computed. What the first token says holds. */
      readonly cached: number
      /** Null unless the request asks for them. */
      readonly logprobs: TokenLogprobs | null
    }

/** The one event that a job with a `pooling` ends in. */
export type EmbeddingEvent = { readonly type: 'embedding'; readonly values: Float32Array }

/** What an attempt wakes up for. */
export type Wake =
  | { readonly type: 'frame'; readonly from: PeerId; readonly frame: RingFrame }
  /** The view changed. */
  | { readonly type: 'view' }
  | { readonly type: 'late' }

/** This ring has lost a device or is given up: the same sequence may go on with another one, once there is one. */
export class RingReplaced extends Error {}

export type Attempt = { readonly placement: Placement; readonly sequence: SequenceId; readonly events: EventQueue<Wake> }

export const createAttempt = (placement: Placement, sequence: SequenceId): Attempt => ({ placement, sequence, events: eventQueue() })

export type AttemptOptions = {
  readonly network: Network
  readonly timer: (delayMs: number, callback: () => void) => () => void
  /** Monotonic milliseconds. */
  readonly now: () => number
  /** The placement that serves the model now. */
  readonly serving: () => Placement | null
  /** Laps of this answer so far. */
  readonly laps: LapClock
  /** Longest silence of a ring that is whole, and of one that is not. */
  readonly silenceTimeoutMs: number
  readonly holdMs: number
}

/** The first token waits for a prompt, of whose length nothing is known here. */
const FIRST_TOKEN_LATE_MS = 5_000
/** Patience doubles with each time in a row that something was late, up to this. */
const MOST_LATE_MS = 30_000

/**
 * Events of the answer from index `job.acceptedIds.length` on.
 * @throws {RingReplaced} when a newer placement should go on with it
 * @throws {ClusterError} ring_broken, ring_reforming, deadline_exceeded; what a shard failed with
 */
export async function* runAttempt(
  attempt: Attempt,
  job: Job,
  options: AttemptOptions,
): AsyncGenerator<CompletionEvent | EmbeddingEvent, void, undefined> {
  const { placement, sequence, events } = attempt
  const { network, timer, now, laps } = options
  const [head, tail] = [placement.shards[0], placement.shards.at(-1)]
  if (!head || !tail) throw new ClusterError('ring_broken', 'the placement has no shards')
  const base = { sequence, epoch: placement.epoch }
  const post = (to: PeerId, frame: RingFrame): Promise<void> => network.send(to, encodeFrame(frame))
  // Whether it arrived shows by what comes back: a head that cannot be reached is late like one that is stuck.
  post(head.peerId, { ...base, type: 'job', job }).catch(() => undefined)

  let nextIndex = job.acceptedIds.length
  let heardAt = now()
  /** When something was last heard or asked. */
  let actedAt = heardAt
  let lateInARow = 0
  let wasWhole = true
  const isReplaced = (): boolean => {
    const newest = options.serving()
    return newest !== null && newest.epoch > placement.epoch && placementState(network.view(), placement) !== 'ready'
  }
  const patienceMs = (): number => {
    const first = nextIndex === job.acceptedIds.length
    return Math.min((first ? FIRST_TOKEN_LATE_MS : laps.deadlineMs()) * 2 ** lateInARow, MOST_LATE_MS)
  }
  for (;;) {
    if (isReplaced()) throw new RingReplaced()
    const stop = timer(actedAt + patienceMs() - now(), () => events.push({ type: 'late' }))
    const wake = await events.next().finally(stop)
    if (wake.type === 'view') {
      const isWhole = placementState(network.view(), placement) === 'ready'
      // Devices that have come back are asked at once, whatever patience their absence took.
      if (isWhole && !wasWhole) [lateInARow, actedAt] = [0, now()]
      wasWhole = isWhole
      continue
    }
    if (wake.type === 'late') {
      if (now() - heardAt >= options.holdMs && placementState(network.view(), placement) !== 'ready') throw new RingReplaced()
      if (now() - heardAt > options.silenceTimeoutMs)
        throw new ClusterError('deadline_exceeded', `no token for ${Math.round(options.silenceTimeoutMs / 1000)} s`)
      lateInARow += 1
      actedAt = now()
      post(tail.peerId, { ...base, type: 'ask', want: 'tokens', from: nextIndex, branch: 0 }).catch(() => undefined)
      for (const { peerId } of [head, tail]) network.probe(peerId)
      continue
    }
    const { from, frame } = wake
    if (frame.type === 'failure' && placement.shards.some((shard) => shard.peerId === from)) {
      if (frame.code === 'ring_reforming') throw new RingReplaced(frame.message)
      const { retryAfterSeconds } = frame
      throw new ClusterError(frame.code, frame.message, retryAfterSeconds === undefined ? {} : { detail: { retryAfterSeconds } })
    }
    if (frame.type === 'progress' && from === head.peerId) {
      heardAt = actedAt = now()
      yield { type: 'progress', processed: frame.processed, total: frame.total }
    }
    if (frame.type === 'waiting' && from === head.peerId) {
      heardAt = actedAt = now()
      yield { type: 'progress', processed: 0, total: job.promptIds.length, queue: { position: frame.position, etaMs: frame.etaMs } }
    }
    if (frame.type === 'embedding' && from === tail.peerId) yield { type: 'embedding', values: frame.values }
    if (frame.type !== 'token' || from !== tail.peerId) continue
    if (frame.index > nextIndex) post(tail.peerId, { ...base, type: 'ask', want: 'tokens', from: nextIndex, branch: 0 }).catch(() => undefined)
    if (frame.index !== nextIndex) continue
    if (nextIndex > job.acceptedIds.length) laps.add(now() - heardAt)
    heardAt = actedAt = now()
    lateInARow = 0
    nextIndex += 1
    const { index, tokenId, finish, hops, cached, logprobs } = frame
    yield { type: 'token', index, tokenId, finish, hops, cached, logprobs }
  }
}
