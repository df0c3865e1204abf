/** Asks rings for completions, and keeps an answer going when its ring loses a device: the client holds the truth of a sequence. */
import { ClusterError, ERRORS, toClusterError } from '../../protocol/errors.ts'
import type { Placement } from '../../protocol/cluster.ts'
import type { Grammar } from '../../protocol/grammar.ts'
import { sequenceId, type ModelId, type PeerId, type SequenceId } from '../../protocol/ids.ts'
import { decodeFrames, encodeFrame, GREEDY, type Job, type Pooling, type RingFrame, type Sampling } from '../../protocol/ring.ts'
import { createLapClock } from '../cluster/lap-clock.ts'
import type { Network } from '../cluster/network.ts'
import { createAttempt, RingReplaced, runAttempt, type Attempt, type CompletionEvent, type EmbeddingEvent } from './attempt.ts'
import { eventQueue } from './event-queue.ts'
import { cancelled, createServing, whyNot } from './serving.ts'

export type { CompletionEvent } from './attempt.ts'
export type CompletionRequest = {
  readonly model: ModelId
  readonly promptIds: readonly number[]
  readonly sampling: Sampling
  /** A sampled id of this list ends the answer with `stop`. */
  readonly stopIds: readonly number[]
  readonly maxTokens: number
  /** Answers of this client with the same scope begin from what each other's KV caches hold of the prompt; null, the default: neither uses nor leaves any. */
  readonly cacheScope?: string | null
  /** What the answer must match; absent = anything. */
  readonly grammar?: Grammar
  /** First tokens of the answer, given instead of sampled. */
  readonly givenIds?: readonly number[]
  /** Likeliest tokens to tell with each token and its log probability; absent = none of it. */
  readonly topLogprobs?: number
  /** Whether the ring may guess tokens ahead, which changes when they come and not what they are. Default: true. */
  readonly drafts?: boolean
  readonly signal: AbortSignal
  /** Told on which ring the answer runs, and why it left one. */
  readonly onRing?: (event: RingEvent) => void
}

export type EmbeddingRequest = Pick<CompletionRequest, 'model' | 'promptIds' | 'signal' | 'onRing'> & { readonly pooling: Pooling }
/** Of either kind. */
type RingRequest = CompletionRequest & { readonly pooling?: Pooling }

export type RingEvent =
  /** `resumes`: shards may go on with what they have of it. */
  { readonly type: 'ring'; readonly placement: Placement; readonly resumes: boolean } | { readonly type: 'pause'; readonly reason: string }

/** Asks rings for completions. One per peer; any number of completions at once. */
export type RingClient = {
  /**
   * Tokens as the tail samples them, each index once, the last one with `finish`. A ring that loses a device is a pause: the answer
   * goes on as soon as another one serves, for up to `holdMs`. Leaving the loop early cancels on every shard.
   * @throws {ClusterError} model_not_found, no_ring, not_enough_memory, ring_reforming, ring_broken, context_length_exceeded,
   *   deadline_exceeded, cancelled
   */
  readonly complete: (request: CompletionRequest) => AsyncGenerator<CompletionEvent, void, undefined>
  /** The pooled hidden states of a text behind the final norm, [hiddenSize], as they are: not brought to a length of 1. @throws {ClusterError} as `complete` */
  readonly embed: (request: EmbeddingRequest) => Promise<Float32Array>
  /** Opens paths to the ring that serves `model` now, for an answer to come. */
  readonly prepare: (model: ModelId) => void
  /** The placement that serves `model` now, or why none does. */
  readonly serving: (model: ModelId) => Placement | ClusterError
  readonly close: () => void
}

export type RingClientOptions = {
  readonly network: Network
  /** 64 random bits as 16 hexadecimal digits. */
  readonly randomId: () => string
  /** Calls back once after the delay; returns the way to stop it. */
  readonly timer: (delayMs: number, callback: () => void) => () => void
  /** Monotonic milliseconds. */
  readonly now: () => number
  /** How long a request waits for a ring that is forming. Default 20 000. */
  readonly formTimeoutMs?: number
  /** How long an answer waits for a ring that can go on with it. Default 90 000: a phone that reloads takes about a minute to return. */
  readonly holdMs?: number
  /** Longest silence of a running completion. Default 120 000. */
  readonly silenceTimeoutMs?: number
}

/** A client keeps paths to all devices of a ring and its spares, up to so many. */
const MOST_PATHS = 8
/** Another try on the same ring waits this long, doubling up to the most. */
const RETRY_MS = { first: 100, most: 2_000 }

/** Whether the same request may succeed on another try at once: who is told that too many wait already is to come back later. */
const isPassing = ({ code }: ClusterError): boolean => ERRORS[code].retry === 'later' && code !== 'queue_full'

export function createRingClient(options: RingClientOptions): RingClient {
  const { network, timer, now } = options
  const { formTimeoutMs = 20_000, holdMs = 90_000, silenceTimeoutMs = 120_000 } = options
  const running = new Map<SequenceId, Attempt>()
  const serving = createServing(network, timer)

  const closeFrames = network.onFrame((from, bytes) => {
    let frames: readonly RingFrame[]
    try {
      frames = decodeFrames(bytes)
    } catch {
      // It may have been a token.
      for (const { events, placement } of running.values()) if (placement.shards.at(-1)?.peerId === from) events.push({ type: 'late' })
      return
    }
    for (const frame of frames) {
      const attempt = running.get(frame.sequence)
      if (attempt?.placement.epoch === frame.epoch) attempt.events.push({ type: 'frame', from, frame })
    }
  })
  const closeView = network.onView((view) => {
    for (const { placement, events } of running.values()) {
      if (view.dropped.has(placement.model)) events.fail(new ClusterError('ring_broken', `the placement of ${placement.model} was taken back`))
      else events.push({ type: 'view' })
    }
  })

  const release = ({ sequence, placement }: Attempt, keeps: boolean): void => {
    const bytes = encodeFrame({ type: 'release', sequence, epoch: placement.epoch, keeps })
    for (const shard of placement.shards) {
      // A shard that cannot be reached has dropped the sequence with its peer; nothing is left to do.
      network.send(shard.peerId, bytes).catch(() => undefined)
    }
  }

  /** Paths to whoever may be head or tail one day: without a signal server there will be no new ones. */
  const dialAll = ({ shards, spares }: Placement): void => {
    const peers = new Set([...shards, ...spares].map(({ peerId }) => peerId))
    if (peers.size <= MOST_PATHS) for (const peer of peers) network.dial(peer)
  }

  const awaitFirst = (model: ModelId, signal: AbortSignal): Promise<Placement> =>
    serving.wait(model, { signal, timeoutMs: formTimeoutMs, waitsFor: (reason) => reason.code === 'ring_reforming' })

  const pause = (ms: number, signal: AbortSignal): Promise<void> => {
    const done = eventQueue<true>()
    const stop = timer(ms, () => done.push(true))
    const onAbort = (): void => done.fail(cancelled())
    signal.addEventListener('abort', onAbort, { once: true })
    return done
      .next()
      .then(() => undefined)
      .finally(() => {
        stop()
        signal.removeEventListener('abort', onAbort)
      })
  }

  async function* follow(
    attempt: Attempt,
    job: Job,
    signal: AbortSignal,
    laps = createLapClock(),
  ): AsyncGenerator<CompletionEvent | EmbeddingEvent, void, undefined> {
    const onAbort = (): void => attempt.events.fail(cancelled())
    running.set(attempt.sequence, attempt)
    signal.addEventListener('abort', onAbort, { once: true })
    if (signal.aborted) onAbort()
    try {
      const { model } = attempt.placement
      yield* runAttempt(attempt, job, { network, timer, now, laps, silenceTimeoutMs, holdMs, serving: () => serving.at(model) })
    } finally {
      signal.removeEventListener('abort', onAbort)
      if (running.get(attempt.sequence) === attempt) running.delete(attempt.sequence)
    }
  }

  const newSequence = (): SequenceId => sequenceId(options.randomId())

  async function* run(request: RingRequest): AsyncGenerator<CompletionEvent | EmbeddingEvent, void, undefined> {
    const { model, signal } = request
    const laps = createLapClock()
    const acceptedIds: number[] = []
    /** What shards may still hold of this answer. */
    const used: Attempt[] = []
    let placement = await awaitFirst(model, signal)
    checkLength(request, placement)
    let sequence = newSequence()
    let aliveAt = now()
    let failures = 0
    try {
      for (;;) {
        const attempt = createAttempt(placement, sequence)
        dialAll(placement)
        const resumes = used.some((before) => before.sequence === sequence)
        used.push(attempt)
        request.onRing?.({ type: 'ring', placement, resumes })
        try {
          for await (const event of follow(attempt, jobOf(request, network.self, acceptedIds, resumes), signal, laps)) {
            aliveAt = now()
            if (event.type === 'token') {
              failures = 0
              acceptedIds.push(event.tokenId)
            }
            const isLast = event.type === 'embedding' || (event.type === 'token' && event.finish !== null)
            if (isLast) used.splice(used.indexOf(attempt), 1)
            yield event
            if (isLast) return
          }
        } catch (thrown) {
          const error = thrown instanceof RingReplaced ? null : toClusterError(thrown)
          const reason = thrown instanceof RingReplaced ? thrown.message || 'the ring lost a device' : error?.message
          request.onRing?.({ type: 'pause', reason: reason ?? '' })
          if (error && (!isPassing(error) || network.view().dropped.has(model))) throw error
          const next = await awaitNext(placement, aliveAt + holdMs, failures++, signal, error)
          // The shards of a ring that failed have forgotten the sequence; those of one that was replaced may go on with it.
          if (error || next.epoch <= placement.epoch) {
            for (const old of used.splice(0)) release(old, false)
            sequence = newSequence()
          }
          placement = next
        }
      }
    } finally {
      for (const attempt of used) release(attempt, (request.cacheScope ?? null) !== null)
    }
  }

  /** The ring to go on with after `last` failed. @throws {ClusterError} when none came in time */
  async function awaitNext(last: Placement, until: number, failures: number, signal: AbortSignal, error: ClusterError | null): Promise<Placement> {
    const { model } = last
    if ((serving.at(model)?.epoch ?? 0) <= last.epoch) await pause(Math.min(RETRY_MS.first * 2 ** failures, RETRY_MS.most), signal)
    const left = until - now()
    if (left <= 0) throw error ?? whyNot(network.view(), model)
    return serving.wait(model, {
      signal,
      timeoutMs: left,
      waitsFor: (reason) => reason.code !== 'model_not_found' && !network.view().dropped.has(model),
    })
  }

  async function* complete(request: CompletionRequest): AsyncGenerator<CompletionEvent, void, undefined> {
    for await (const event of run(request)) if (event.type !== 'embedding') yield event
  }

  async function embed(request: EmbeddingRequest): Promise<Float32Array> {
    for await (const event of run({ ...request, sampling: GREEDY, stopIds: [], maxTokens: 1, drafts: false }))
      if (event.type === 'embedding') return event.values
    throw new ClusterError('ring_broken', 'the ring answered without a vector')
  }

  return {
    complete,
    embed,
    prepare: (model) => {
      const placement = serving.at(model)
      if (placement) dialAll(placement)
    },
    serving: (model) => serving.at(model) ?? whyNot(network.view(), model),
    close: () => {
      closeFrames()
      closeView()
      serving.close()
      for (const { events } of running.values()) events.fail(cancelled())
    },
  }
}

function jobOf(request: RingRequest, client: PeerId, acceptedIds: readonly number[], resumes: boolean): Job {
  return {
    client,
    model: request.model,
    promptIds: [...request.promptIds],
    acceptedIds: [...acceptedIds],
    resumes,
    sampling: request.sampling,
    grammar: request.grammar ?? null,
    pooling: request.pooling ?? null,
    givenIds: [...(request.givenIds ?? [])],
    topLogprobs: request.topLogprobs ?? null,
    stopIds: [...request.stopIds],
    maxTokens: request.maxTokens,
    cacheScope: request.cacheScope ?? null,
    drafts: request.drafts ?? true,
  }
}

/** @throws {ClusterError} context_length_exceeded */
function checkLength(request: CompletionRequest, placement: Placement): void {
  const promptTokens = request.promptIds.length
  if (promptTokens + 1 <= placement.contextLength) return
  throw new ClusterError(
    'context_length_exceeded',
    `the prompt has ${promptTokens} tokens; ${request.model} holds ${placement.contextLength}, answer included`,
    {
      detail: { promptTokens, contextLength: placement.contextLength, param: 'messages' },
    },
  )
}
