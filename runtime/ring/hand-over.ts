/** Whether a device that is about to leave may go: what runs on it has ended or moved on. */
import { devicesOf, placementState, type ClusterView } from '../../core/cluster/cluster-view.ts'
import type { PeerStatus } from '../../protocol/cluster.ts'
import type { PeerId } from '../../protocol/ids.ts'

/**
 * True once no answer runs on the device, and for each of its shards a newer ring serves without it, or none can.
 * @param status its own; it is paused, so that no new ring has it
 */
export function isHandedOver(view: ClusterView, self: PeerId, { shards, sequences }: Pick<PeerStatus, 'shards' | 'sequences'>): boolean {
  if (sequences > 0) return false
  const isAlone = !devicesOf(view).some((device) => device.id !== self && device.status.state !== 'paused')
  if (isAlone) return true
  return shards.every(({ model, epoch, state }) => {
    const newest = view.placements.get(model)
    if (!newest || newest.epoch < epoch || state !== 'ready') return true
    const isIn = newest.shards.some((shard) => shard.peerId === self)
    return !isIn && (newest.shards.length === 0 || placementState(view, newest) !== 'loading')
  })
}
