/** Which placement serves a model now, and why none does. */
import { ClusterError, fromWireError } from '../../protocol/errors.ts'
import type { Placement } from '../../protocol/cluster.ts'
import type { ModelId } from '../../protocol/ids.ts'
import { devicesOf, placementState, wishStateOf, type ClusterView } from '../cluster/cluster-view.ts'
import type { Network } from '../cluster/network.ts'
import { eventQueue } from './event-queue.ts'

export const cancelled = (): ClusterError => new ClusterError('cancelled', 'the request was cancelled')

const NOT_SERVED = { prefetch: 'is only downloaded, not loaded', paused: 'was stopped', forget: 'is being deleted' } as const

/** Why nothing serves `model` in this view. */
export function whyNot(view: ClusterView, model: ModelId): ClusterError {
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

export type AwaitOptions = {
  readonly signal: AbortSignal
  readonly timeoutMs: number
  /** Whether waiting can help; where it cannot, the reason is thrown at once. */
  readonly waitsFor: (reason: ClusterError) => boolean
}

export type Serving = {
  /** The newest placement that is ready, or an older one that its devices still hold. */
  readonly at: (model: ModelId) => Placement | null
  /** Waits for one. @throws {ClusterError} why there is none, cancelled */
  readonly wait: (model: ModelId, options: AwaitOptions) => Promise<Placement>
  readonly close: () => void
}

export function createServing(network: Network, timer: (delayMs: number, callback: () => void) => () => void): Serving {
  const lastReady = new Map<ModelId, Placement>()
  const remember = (view: ClusterView): void => {
    for (const placement of view.placements.values()) if (placementState(view, placement) === 'ready') lastReady.set(placement.model, placement)
    for (const model of lastReady.keys()) if (!view.placements.has(model)) lastReady.delete(model)
  }
  remember(network.view())
  const close = network.onView(remember)

  const at: Serving['at'] = (model) => {
    const placement = lastReady.get(model)
    return placement && placementState(network.view(), placement) === 'ready' ? placement : null
  }

  async function wait(model: ModelId, { signal, timeoutMs, waitsFor }: AwaitOptions): Promise<Placement> {
    const updates = eventQueue<true>()
    const closers = [network.onView(() => updates.push(true)), timer(timeoutMs, () => updates.fail(whyNot(network.view(), model)))]
    const onAbort = (): void => updates.fail(cancelled())
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      for (;;) {
        if (signal.aborted) throw cancelled()
        const placement = at(model)
        if (placement) return placement
        const reason = whyNot(network.view(), model)
        if (!waitsFor(reason)) throw reason
        await updates.next()
      }
    } finally {
      signal.removeEventListener('abort', onAbort)
      for (const stop of closers) stop()
    }
  }

  return { at, wait, close }
}
