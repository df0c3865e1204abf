/** The state of the signal server: who is here, what is wished, the newest placement of each model. Every change gives the events to tell. */
import { isDeepStrictEqual } from 'node:util'
import { IDLE_STATUS, type PeerEntry, type Placement, type Wish } from '../protocol/cluster.ts'
import type { WireError } from '../protocol/errors.ts'
import type { ModelId, PeerId } from '../protocol/ids.ts'
import type { ClusterEvent, Hello, SelfUpdate } from '../protocol/signaling.ts'

/** Wishes and placements are kept for everyone who ever asked: bounded, so that nobody fills the memory. */
const MAX_MODELS = 256

/** The events to tell, or why nothing changes. */
export type Outcome = readonly ClusterEvent[] | WireError
const refusal = (message: string): WireError => ({ code: 'invalid_value', message })
export const isRefusal = (outcome: Outcome): outcome is WireError => 'code' in outcome

type Joining = Pick<Hello, 'id' | 'key' | 'name' | 'role' | 'capabilities'>

export type Roster = {
  /** Adds a peer, or renews one that is here. Its place in the order of arrival is kept while its role is. */
  readonly join: (hello: Joining) => readonly ClusterEvent[]
  readonly update: (id: PeerId, update: SelfUpdate) => readonly ClusterEvent[]
  readonly leave: (id: PeerId) => readonly ClusterEvent[]
  readonly wish: (wish: Wish) => Outcome
  readonly unwish: (model: ModelId) => readonly ClusterEvent[]
  readonly announce: (id: PeerId, placement: Placement) => Outcome
  readonly peers: () => readonly PeerEntry[]
  readonly size: () => number
  readonly wishes: () => readonly Wish[]
  readonly placements: () => readonly Placement[]
  /** How many have arrived so far: the next place in the order. */
  readonly arrivals: () => number
}

type Before = {
  readonly arrivals: number
  readonly peers: readonly PeerEntry[]
  readonly wishes: readonly Wish[]
  readonly placements: readonly Placement[]
}
const NOBODY: Before = { arrivals: 0, peers: [], wishes: [], placements: [] }

/** @param before what another server that applied the same changes has */
export function createRoster(before: Before = NOBODY): Roster {
  const peers = new Map<PeerId, PeerEntry>(before.peers.map((peer) => [peer.id, peer]))
  const wishes = new Map<ModelId, Wish>(before.wishes.map((wish) => [wish.model, wish]))
  const placements = new Map<ModelId, Placement>(before.placements.map((placement) => [placement.model, placement]))
  let { arrivals } = before

  return {
    join: (hello) => {
      const known = peers.get(hello.id)
      const joined = known?.role === hello.role ? known.joined : arrivals++
      const { id, key, name, role, capabilities } = hello
      const peer: PeerEntry = { id, ...(key ? { key } : {}), name, role, joined, capabilities, status: known?.status ?? IDLE_STATUS }
      peers.set(id, peer)
      return [{ type: 'peer-joined', peer }]
    },
    update: (id, { status, capabilities }) => {
      const known = peers.get(id)
      if (!known || isDeepStrictEqual([known.status, known.capabilities], [status, capabilities])) return []
      peers.set(id, { ...known, status, capabilities })
      return [{ type: 'peer-updated', id, status, capabilities }]
    },
    leave: (id) => (peers.delete(id) ? [{ type: 'peer-left', id }] : []),
    wish: (wish) => {
      if (!wishes.has(wish.model) && wishes.size >= MAX_MODELS) return refusal(`at most ${MAX_MODELS} models can be wished at a time`)
      if (wish.minDevices > wish.maxDevices) return refusal(`minDevices ${wish.minDevices} is more than maxDevices ${wish.maxDevices}`)
      if (isDeepStrictEqual(wishes.get(wish.model), wish)) return []
      wishes.set(wish.model, wish)
      return [{ type: 'wish-set', wish }]
    },
    unwish: (model) => {
      const known = wishes.delete(model)
      return placements.delete(model) || known ? [{ type: 'wish-dropped', model }] : []
    },
    announce: (id, placement) => {
      const announcer = peers.get(id)
      if (announcer?.role !== 'device' && announcer?.role !== 'local-device') return refusal('only devices announce placements')
      if (placement.announcer !== id) return refusal(`the placement names ${placement.announcer} as its announcer, ${id} sent it`)
      const known = placements.get(placement.model)
      if (isDeepStrictEqual(known, placement)) return []
      if (known && known.epoch >= placement.epoch) return refusal(`epoch ${placement.epoch} of ${placement.model} is not newer than ${known.epoch}`)
      if (!known && placements.size >= MAX_MODELS) return refusal(`at most ${MAX_MODELS} models can be placed at a time`)
      placements.set(placement.model, placement)
      return [{ type: 'placement', placement }]
    },
    peers: () => [...peers.values()],
    size: () => peers.size,
    wishes: () => [...wishes.values()],
    placements: () => [...placements.values()],
    arrivals: () => arrivals,
  }
}
