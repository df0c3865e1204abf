import { ClusterError, fromWireError } from '../../protocol/errors.ts'
import type { Placement } from '../../protocol/cluster.ts'
import { sequenceId, type ModelId, type PeerId, type SequenceId } from '../../protocol/ids.ts'
import { decodeFrame, encodeFrame, type FinishReason, type Job, type RingFrame, type Sampling } from '../../protocol/ring.ts'
import { devicesOf, placementState, wishStateOf, type ClusterView } from '../cluster/cluster-view.ts'
import type { Network } from '../cluster/network.ts'
import { eventQueue, type EventQueue } from './event-queue.ts'

export type CompletionRequest = {
  readonly model: ModelId
  readonly promptIds: readonly number[]
  readonly sampling: Sampling
  /** A sampled id of this list ends the answer with `stop`. */
  readonly stopIds: readonly number[]
  readonly maxTokens: number
  readonly signal: AbortSignal
}
export type CompletionEvent =
  | { readonly type: 'progress'; readonly processed: number; readonly total: number }
  | { readonly type: 'token'; readonly index: number; readonly tokenId: number; readonly finish: FinishReason | null }

/** Asks rings for completions. One per peer; any number of completions at once. */
export type RingClient = {
  /**
   * Tokens as the tail samples them, each index once, the last one with `finish`. Leaving the loop early cancels on every shard.
   * @throws {ClusterError} model_not_found, no_ring, not_enough_memory, ring_reforming, ring_broken, context_length_exceeded,
   *   deadline_exceeded, cancelled
   */
  readonly complete: (request: CompletionRequest) => AsyncGenerator<CompletionEvent, void, undefined>
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
  /** How long a request waits for a ring that is forming. Default 20 000. */
  readonly formTimeoutMs?: number
  /** Longest silence of a running completion. Default 120 000. */
  readonly silenceTimeoutMs?: number
}

type Running = { readonly placement: Placement; readonly events: EventQueue<{ from: PeerId; frame: RingFrame }> }

/** Placements that serve now: the newest that is ready, or an older one that its devices still hold. */
function servingPlacements(network: Network): { at: (model: ModelId) => Placement | null; close: () => void } {
  const lastReady = new Map<ModelId, Placement>()
  const remember = (view: ClusterView): void => {
    for (const placement of view.placements.values()) if (placementState(view, placement) === 'ready') lastReady.set(placement.model, placement)
    for (const model of lastReady.keys()) if (!view.placements.has(model)) lastReady.delete(model)
  }
  remember(network.view())
  return {
    at: (model) => {
      const placement = lastReady.get(model)
      return placement && placementState(network.view(), placement) === 'ready' ? placement : null
    },
    close: network.onView(remember),
  }
}

const NOT_SERVED = { prefetch: 'is only downloaded, not loaded', paused: 'was stopped', forget: 'is being deleted' } as const
/** Why nothing serves `model` in this view. */
function whyNot(view: ClusterView, model: ModelId): ClusterError {
  const placement = view.placements.get(model)
  if (!placement && !view.wishes.has(model)) {
    return new ClusterError('model_not_found', `the model ${model} does not exist on this cluster; GET /v1/models lists what does`, {
      detail: { param: 'model' },
    })
  }
  const wished = wishStateOf(view, model)
  if (wished !== 'serve') return new ClusterError('no_ring', `${model} ${NOT_SERVED[wished]}; choose Use on the Models page`)
  if (devicesOf(view).length === 0) return new ClusterError('no_ring', 'no device is here to compute; open the contribute page on one')
  if (placement?.problem) {
    const { code, message, missingBytes } = placement.problem
    return new ClusterError(code, message, missingBytes === undefined ? {} : { detail: { missingBytes } })
  }
  const failed = placement?.shards
    .flatMap((shard) => view.peers.get(shard.peerId)?.status.shards ?? [])
    .find((report) => report.epoch === placement.epoch && report.error)
  if (failed?.error) return fromWireError(failed.error)
  return new ClusterError('ring_reforming', `the ring for ${model} is forming; try again in a few seconds`, { detail: { retryAfterSeconds: 3 } })
}

export function createRingClient(options: RingClientOptions): RingClient {
  const { network, timer } = options
  const running = new Map<SequenceId, Running>()
  const placements = servingPlacements(network)

  const closeFrames = network.onFrame((from, bytes) => {
    let frame: RingFrame
    try {
      frame = decodeFrame(bytes)
    } catch {
      return // A frame that does not decode has no sequence to fail; the sender's deadline finds it.
    }
    const target = running.get(frame.sequence)
    if (target && frame.epoch === target.placement.epoch) target.events.push({ from, frame })
  })
  const closeView = network.onView((view) => {
    for (const { placement, events } of running.values()) {
      const gone = placement.shards.find((shard) => !view.peers.has(shard.peerId))
      if (gone)
        events.fail(
          new ClusterError('ring_broken', `device ${gone.peerId} left the ring; the answer cannot go on`, { detail: { retryAfterSeconds: 3 } }),
        )
    }
  })

  /** Waits until a ring serves the model; refuses at once where waiting cannot help. */
  async function awaitServing(model: ModelId, signal: AbortSignal): Promise<Placement> {
    const updates = eventQueue<null>()
    const closers = [
      network.onView(() => updates.push(null)),
      timer(options.formTimeoutMs ?? 20_000, () => updates.fail(whyNot(network.view(), model))),
    ]
    const onAbort = (): void => updates.fail(cancelled())
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      for (;;) {
        if (signal.aborted) throw cancelled()
        const placement = placements.at(model)
        if (placement) return placement
        const problem = whyNot(network.view(), model)
        if (problem.code !== 'ring_reforming') throw problem
        await updates.next()
      }
    } finally {
      signal.removeEventListener('abort', onAbort)
      for (const close of closers) close()
    }
  }

  const release = (sequence: SequenceId, placement: Placement): void => {
    const bytes = encodeFrame({ type: 'release', sequence, epoch: placement.epoch })
    for (const shard of placement.shards) {
      // A shard that cannot be reached has dropped the sequence with its peer; nothing is left to do.
      network.send(shard.peerId, bytes).catch(() => undefined)
    }
  }

  async function* attempt(request: CompletionRequest, placement: Placement): AsyncGenerator<CompletionEvent, void, undefined> {
    const [head, tail] = [placement.shards[0], placement.shards.at(-1)]
    if (!head || !tail) throw whyNot(network.view(), request.model)
    const sequence = sequenceId(options.randomId())
    const events = eventQueue<{ from: PeerId; frame: RingFrame }>()
    running.set(sequence, { placement, events })
    const onAbort = (): void => events.fail(cancelled())
    request.signal.addEventListener('abort', onAbort, { once: true })
    if (request.signal.aborted) onAbort()
    let finished = false
    try {
      const job: Job = {
        client: network.self,
        model: request.model,
        promptIds: [...request.promptIds],
        sampling: request.sampling,
        stopIds: [...request.stopIds],
        maxTokens: request.maxTokens,
      }
      network.send(head.peerId, encodeFrame({ type: 'job', sequence, epoch: placement.epoch, job })).catch((cause: unknown) => {
        events.fail(new ClusterError('ring_broken', 'the first device of the ring cannot be reached', { cause }))
      })
      for await (const event of framesToEvents(events, { head: head.peerId, tail: tail.peerId }, timer, options.silenceTimeoutMs ?? 120_000)) {
        finished = event.type === 'token' && event.finish !== null
        yield event
        if (finished) return
      }
    } finally {
      request.signal.removeEventListener('abort', onAbort)
      running.delete(sequence)
      if (!finished) release(sequence, placement)
    }
  }

  async function* complete(request: CompletionRequest): AsyncGenerator<CompletionEvent, void, undefined> {
    for (let tries = 1; ; tries++) {
      const placement = await awaitServing(request.model, request.signal)
      checkLength(request, placement)
      let started = false
      try {
        for await (const event of attempt(request, placement)) {
          if (event.type === 'token') started = true
          yield event
        }
        return
      } catch (error) {
        // The placement changed between choosing it and reaching its head: nothing was sampled, so nothing is repeated.
        const again = error instanceof ClusterError && error.code === 'ring_reforming' && !started && tries < 4
        if (!again) throw error
      }
    }
  }

  return {
    complete,
    serving: (model) => placements.at(model) ?? whyNot(network.view(), model),
    close: () => {
      closeFrames()
      closeView()
      placements.close()
      for (const { events } of running.values()) events.fail(cancelled())
    },
  }
}

const cancelled = (): ClusterError => new ClusterError('cancelled', 'the request was cancelled')

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

/** Frames of one sequence as events: progress from the head, tokens from the tail in index order, failures from either thrown. */
async function* framesToEvents(
  events: EventQueue<{ from: PeerId; frame: RingFrame }>,
  ends: { readonly head: PeerId; readonly tail: PeerId },
  timer: RingClientOptions['timer'],
  silenceTimeoutMs: number,
): AsyncGenerator<CompletionEvent, void, undefined> {
  let nextIndex = 0
  for (;;) {
    const stop = timer(silenceTimeoutMs, () =>
      events.fail(new ClusterError('deadline_exceeded', `no token for ${Math.round(silenceTimeoutMs / 1000)} s`)),
    )
    const { from, frame } = await events.next().finally(stop)
    if (frame.type === 'progress' && from === ends.head) yield { type: 'progress', processed: frame.processed, total: frame.total }
    if (frame.type === 'failure' && (from === ends.head || from === ends.tail)) throw new ClusterError(frame.code, frame.message)
    if (frame.type !== 'token' || from !== ends.tail || frame.index !== nextIndex) continue
    nextIndex += 1
    yield { type: 'token', index: frame.index, tokenId: frame.tokenId, finish: frame.finish }
  }
}
