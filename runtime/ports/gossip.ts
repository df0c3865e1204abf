/**
 * What signaling would tell, told from peer to peer over the paths that are left: a ring whose signal server is gone still learns
 * that a device fell silent and which placement replaces it. Only peers that are themselves without signaling act on it.
 */
import type { GossipEvent } from '../../protocol/cluster.ts'
import { sequenceId, type PeerId } from '../../protocol/ids.ts'
import { encodeFrame, type GossipFrame } from '../../protocol/ring.ts'

export type GossipOptions = {
  readonly self: PeerId
  readonly linked: () => Iterable<PeerId>
  readonly isOnline: () => boolean
  readonly send: (to: PeerId, frame: Uint8Array) => void
  /** Something new, from oneself or from another. */
  readonly apply: (event: GossipEvent) => void
}

export type Gossip = {
  /** Tells everybody; without effect while the signal server does. */
  readonly tell: (event: GossipEvent) => void
  readonly receive: (from: PeerId, frame: GossipFrame) => void
}

/** Peers speak for themselves, and announcers for their placements. */
const isOwn = (origin: PeerId, event: GossipEvent): boolean => (event.type === 'placement' ? event.placement.announcer : event.id) === origin

export function createGossip({ self, linked, isOnline, send, apply }: GossipOptions): Gossip {
  /** Newest number heard of each peer. */
  const heard = new Map<PeerId, number>()
  let number = 0
  let said = ''

  const pass = (frame: GossipFrame, except: PeerId): void => {
    const bytes = encodeFrame(frame)
    for (const peer of linked()) if (peer !== except && peer !== frame.origin) send(peer, bytes)
  }
  return {
    tell: (event) => {
      if (isOnline()) return
      const words = event.type === 'placement' ? JSON.stringify(event) : whatMatters(event)
      if (words === said) return
      said = words
      number += 1
      apply(event)
      pass({ type: 'gossip', sequence: sequenceId('0'.repeat(16)), epoch: 0, origin: self, number, event }, self)
    },
    receive: (from, frame) => {
      const { origin, event } = frame
      if (isOnline() || origin === self || !isOwn(origin, event) || frame.number <= (heard.get(origin) ?? 0)) return
      heard.set(origin, frame.number)
      apply(event)
      pass(frame, from)
    },
  }
}

/** The part of a status that others act on: counters change all the time. */
function whatMatters({ status, capabilities }: Extract<GossipEvent, { type: 'peer-updated' }>): string {
  const shards = status.shards.map(({ model, epoch, startLayer, endLayer, state }) => [model, epoch, startLayer, endLayer, state])
  return JSON.stringify([status.state, status.visibility, shards, status.suspects, capabilities])
}
