/**
 * Whom everybody is told of. Up to some dozens of peers that is everybody. In a crowd each peer sees those that matter to it: the servers,
 * the devices of placements, and the longest-joined lending devices, of which the first announces; these see everyone. So what is told
 * grows with the number of peers, and not with its square (faults.md 22).
 */
import type { PeerEntry, Placement } from '../protocol/cluster.ts'
import type { PeerId } from '../protocol/ids.ts'
import type { ClusterEvent } from '../protocol/signaling.ts'

/** Lending devices, and as many others, that are in sight whatever they do. */
export const SEEN_OF_EACH = 32

export type Crowd = {
  /** After the roster has changed so. Returns whom everybody sees from now on. */
  readonly take: (events: readonly ClusterEvent[]) => readonly PeerEntry[]
  readonly isSeen: (id: PeerId) => boolean
  /** Peers that only those in sight are told of. */
  readonly unseen: () => number
}

const isServer = ({ role }: PeerEntry): boolean => role === 'gateway' || role === 'local-device'
const isLending = ({ role, capabilities }: PeerEntry): boolean => role === 'device' && capabilities !== null

/** The devices that a placement makes do something. */
const membersOf = ({ shards, spares, announcer }: Placement): readonly PeerId[] => [
  announcer,
  ...[...shards, ...spares].filter(({ startLayer, endLayer }) => endLayer > startLayer).map(({ peerId }) => peerId),
]

export function createCrowd(roster: { readonly peers: () => readonly PeerEntry[]; readonly size: () => number }): Crowd {
  /** In sight for having been early; and for what they do, until they leave. */
  const early = new Map<PeerId, PeerEntry>()
  const needed = new Set<PeerId>()
  const isSeen = (id: PeerId): boolean => early.has(id) || needed.has(id)
  const unseen = (): number => roster.size() - new Set([...early.keys(), ...needed]).size

  /** The longest-joined of a kind come into sight while there is room. */
  function fill(isOfKind: (peer: PeerEntry) => boolean): void {
    const room = SEEN_OF_EACH - [...early.values()].filter(isOfKind).length
    if (room <= 0 || unseen() === 0) return
    const waiting = roster.peers().filter((peer) => isOfKind(peer) && !early.has(peer.id))
    for (const peer of waiting.toSorted((a, b) => a.joined - b.joined).slice(0, room)) early.set(peer.id, peer)
  }

  function note(event: ClusterEvent): void {
    switch (event.type) {
      case 'peer-joined':
        if (early.has(event.peer.id)) early.set(event.peer.id, event.peer)
        if (isServer(event.peer)) needed.add(event.peer.id)
        return
      case 'peer-updated': {
        const known = early.get(event.id)
        if (known) early.set(event.id, { ...known, capabilities: event.capabilities })
        return
      }
      case 'peer-left':
        early.delete(event.id)
        needed.delete(event.id)
        return
      case 'placement': {
        const here = new Set(roster.peers().map(({ id }) => id))
        for (const id of membersOf(event.placement)) if (here.has(id)) needed.add(id)
        return
      }
      case 'wish-set':
      case 'wish-dropped':
      case 'crowd':
    }
  }

  return {
    isSeen,
    unseen,
    take: (events) => {
      const before = new Set([...early.keys(), ...needed])
      for (const event of events) note(event)
      fill(isLending)
      fill((peer) => !isLending(peer))
      if (early.size + needed.size === before.size && [...before].every(isSeen)) return []
      return roster.peers().filter(({ id }) => isSeen(id) && !before.has(id))
    },
  }
}
