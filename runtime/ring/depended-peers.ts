import type { ClusterView } from '../../core/cluster/cluster-view.ts'
import type { PeerId } from '../../protocol/ids.ts'
import { rangesOf, shardOf } from './shard-store.ts'
import type { Stage } from '../stage/stage.ts'

/** A spare keeps paths to the whole ring up to this size. */
const SPARE_WATCHES = 8

/**
 * As a spare: the ring whose shards it holds ready. It sees when one of them falls silent, which in a ring of one nobody else does,
 * and its paths are there when it takes over.
 */
function wouldBeNeighbours(view: ClusterView, self: PeerId): readonly PeerId[] {
  const rings = [...view.placements.values()].filter(
    (placement) => !shardOf(placement, self) && rangesOf(placement, self).length > 0 && placement.shards.length <= SPARE_WATCHES,
  )
  return rings.flatMap((placement) => placement.shards.map((shard) => shard.peerId))
}

/** The devices whose silence would stop an answer, now or once this one has taken over. */
export function dependedPeers(view: ClusterView, self: PeerId, stages: readonly Stage[]): ReadonlySet<PeerId> {
  const peers = stages.flatMap(({ place, placement, openSequences }) => {
    const isNewest = view.placements.get(placement.model)?.epoch === placement.epoch
    return isNewest || openSequences() > 0 ? [place.follower, place.leader] : []
  })
  return new Set([...peers.filter((peer) => peer !== null), ...wouldBeNeighbours(view, self)])
}
