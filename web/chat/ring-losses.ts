/** Who has left the ring that answers, and what became of it, in a sentence for the chat. */
import { placementState, type ClusterView } from '../../core/cluster/cluster-view.ts'
import type { ModelId, PeerId } from '../../protocol/ids.ts'

export type RingLosses = {
  /** Looks at the cluster as it is now. `isOnline` false: the view says nothing of who is there. */
  readonly look: (view: ClusterView, model: ModelId | null, isOnline: boolean) => void
  /** What happened since the last `forget`, and what happens next; null for nothing. */
  readonly sentence: (isAnswering: boolean) => string | null
  readonly forget: () => void
}

const named = (names: readonly string[]): string => (names.length < 2 ? (names[0] ?? '') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`)

export function createRingLosses(): RingLosses {
  /** Devices of the ring when it was last looked at. */
  let ring = new Map<PeerId, string>()
  let of: ModelId | null = null
  const lost = new Map<PeerId, string>()
  let isWhole = true
  const forget = (): void => lost.clear()
  return {
    look: (view, model, isOnline) => {
      if (!isOnline) return
      if (model !== of) {
        ring = new Map()
        forget()
        of = model
      }
      for (const [peer, name] of ring) if (!view.peers.has(peer)) lost.set(peer, name)
      const placement = model === null ? undefined : view.placements.get(model)
      // Back again before anybody missed it.
      for (const { peerId } of placement?.shards ?? []) if (view.peers.has(peerId)) lost.delete(peerId)
      ring = new Map(
        (placement?.shards ?? []).flatMap(({ peerId }) => (view.peers.has(peerId) ? [[peerId, view.peers.get(peerId)?.name ?? '']] : [])),
      )
      isWhole = placement !== undefined && placementState(view, placement) === 'ready'
    },
    sentence: (isAnswering) => {
      const names = [...lost.values()]
      if (names.length === 0) return null
      if (isWhole) return `${named(names)} left. The other devices took over${isAnswering ? ', and the answer goes on' : ''}.`
      return `${named(names)} left. The ring is forming again; ${isAnswering ? 'the answer goes on by itself' : 'ask again in a moment'}.`
    },
    forget,
  }
}
