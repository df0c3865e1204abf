import type { PeerEntry, Placement, Shard, ShardReport, Wish, WishState } from '../../protocol/cluster.ts'
import type { ModelId, PeerId } from '../../protocol/ids.ts'
import type { ClusterEvent } from '../../protocol/signaling.ts'
import { suspectedPeers } from './suspicion.ts'

/** Everything a peer knows of the cluster. Immutable: each event makes a new one. */
export type ClusterView = {
  readonly peers: ReadonlyMap<PeerId, PeerEntry>
  /** Peers beside them, of which a crowd's server tells only that they are there. */
  readonly unseen: number
  readonly wishes: ReadonlyMap<ModelId, Wish>
  /** The newest placement of each model. */
  readonly placements: ReadonlyMap<ModelId, Placement>
  /** Models whose wish was taken back. Absence alone means nothing: a signal server that restarted knows no model either. */
  readonly dropped: ReadonlySet<ModelId>
}

export const EMPTY_VIEW: ClusterView = { peers: new Map(), unseen: 0, wishes: new Map(), placements: new Map(), dropped: new Set() }

export function viewOf(peers: readonly PeerEntry[], wishes: readonly Wish[], placements: readonly Placement[]): ClusterView {
  return {
    peers: new Map(peers.map((peer) => [peer.id, peer])),
    unseen: 0,
    wishes: new Map(wishes.map((wish) => [wish.model, wish])),
    placements: new Map(placements.map((placement) => [placement.model, placement])),
    dropped: new Set(),
  }
}

function withEntry<K, V>(map: ReadonlyMap<K, V>, key: K, value: V): ReadonlyMap<K, V> {
  return new Map(map).set(key, value)
}

function without<K, V>(map: ReadonlyMap<K, V>, key: K): ReadonlyMap<K, V> {
  const copy = new Map(map)
  copy.delete(key)
  return copy
}

/** The view after `event`. A placement with an epoch that is not newer than the known one changes nothing. */
export function applyEvent(view: ClusterView, event: ClusterEvent): ClusterView {
  switch (event.type) {
    case 'peer-joined':
      return { ...view, peers: withEntry(view.peers, event.peer.id, event.peer) }
    case 'peer-updated': {
      const peer = view.peers.get(event.id)
      if (!peer) return view
      return { ...view, peers: withEntry(view.peers, event.id, { ...peer, status: event.status, capabilities: event.capabilities }) }
    }
    case 'peer-left':
      return { ...view, peers: without(view.peers, event.id) }
    case 'wish-set':
      return {
        ...view,
        wishes: withEntry(view.wishes, event.wish.model, event.wish),
        dropped: new Set([...view.dropped].filter((model) => model !== event.wish.model)),
      }
    case 'wish-dropped':
      return {
        ...view,
        wishes: without(view.wishes, event.model),
        placements: without(view.placements, event.model),
        dropped: new Set([...view.dropped, event.model]),
      }
    case 'placement': {
      const known = view.placements.get(event.placement.model)
      if (known && known.epoch >= event.placement.epoch) return view
      return { ...view, placements: withEntry(view.placements, event.placement.model, event.placement) }
    }
    case 'crowd':
      return { ...view, unseen: event.unseen }
  }
}

const suspicions = new WeakMap<ClusterView['peers'], ReadonlySet<PeerId>>()

/** Whether a peer is on the roster and answers those that depend on it. */
export function isPresent(view: ClusterView, id: PeerId): boolean {
  if (!view.peers.has(id)) return false
  const suspected = suspicions.get(view.peers) ?? suspectedPeers(view.peers)
  suspicions.set(view.peers, suspected)
  return !suspected.has(id)
}

export type PlacementState = 'loading' | 'ready' | 'broken'

type OwnedRange = Pick<Shard, 'peerId' | 'startLayer' | 'endLayer'>

/** What the owner of a range says of it. */
export const shardReport = (view: ClusterView, { model, epoch }: Placement, { peerId, startLayer, endLayer }: OwnedRange): ShardReport | undefined =>
  view.peers
    .get(peerId)
    ?.status.shards.find(
      (report) => report.model === model && report.epoch === epoch && report.startLayer === startLayer && report.endLayer === endLayer,
    )

/** How far the owner of a range is; `missing` when it has left the roster or answers nobody. */
export function shardState(view: ClusterView, placement: Placement, range: OwnedRange): ShardReport['state'] | 'missing' {
  if (!isPresent(view, range.peerId)) return 'missing'
  return shardReport(view, placement, range)?.state ?? 'loading'
}

/** `ready` once every shard's owner has reported this epoch ready; `broken` when one is gone or failed, or there is no shard. */
export function placementState(view: ClusterView, placement: Placement): PlacementState {
  const states = placement.shards.map((shard) => shardState(view, placement, shard))
  if (states.length === 0 || states.some((state) => state === 'missing' || state === 'failed')) return 'broken'
  return states.every((state) => state === 'ready') ? 'ready' : 'loading'
}

/** What is wished of a model. One without a wish serves as placed: a signal server that restarted knows no wishes for a moment. */
export const wishStateOf = (view: ClusterView, model: ModelId): WishState => view.wishes.get(model)?.state ?? 'serve'

/** Devices that may hold layers and answer, longest-joined first. The first of them announces placements. */
export function devicesOf(view: ClusterView): readonly PeerEntry[] {
  return [...view.peers.values()]
    .filter((peer) => (peer.role === 'device' || peer.role === 'local-device') && peer.capabilities !== null && isPresent(view, peer.id))
    .sort((a, b) => a.joined - b.joined)
}
