/** Tells the peers of this server what changes, each of them what it is to see, and many of them in batches. */
import type { Server } from 'socket.io'
import type { PeerEntry } from '../protocol/cluster.ts'
import type { PeerId } from '../protocol/ids.ts'
import type { ClusterEvent, ServerToPeer } from '../protocol/signaling.ts'
import { createCrowd, type Crowd } from './crowd.ts'
import { createEventBatch, inMessages, type EventBatch } from './event-batch.ts'
import type { Inbound, Member, PeerSocket } from './member.ts'
import type { SharedRoster } from './shared-roster.ts'

/** In a crowd this long is waited for more of what nobody acts on at once: figures, and who comes. */
const GATHER_MS = 250
const COUNT_MS = 1_000

export type Audience = {
  /** The roster has changed so; `settled` runs before anybody is told. */
  readonly tell: (events: readonly ClusterEvent[], settled: () => void) => void
  /** A peer that is on the roster now hears of changes. Returns whom it sees at first. */
  readonly admit: (id: PeerId, socket: PeerSocket) => readonly PeerEntry[]
  readonly close: () => void
}

export type AudienceOptions = {
  readonly io: Server<Inbound, ServerToPeer>
  readonly roster: Pick<SharedRoster, 'peers' | 'size'>
  readonly members: ReadonlyMap<PeerId, Member>
}

const aboutOf = (event: ClusterEvent): PeerId | null =>
  event.type === 'peer-joined' ? event.peer.id : event.type === 'peer-updated' || event.type === 'peer-left' ? event.id : null

/** Whether rings are formed or repaired by it. */
function isUrgent(event: ClusterEvent): boolean {
  if (event.type === 'peer-updated') return event.status.suspects.length > 0
  return event.type !== 'peer-joined' && event.type !== 'crowd'
}

/** `seen`: peers that everybody sees, and that see everybody. `crowd`: the others. */
type Room = 'seen' | 'crowd'

export function createAudience({ io, roster, members }: AudienceOptions): Audience {
  const crowd: Crowd = createCrowd(roster)
  const batchOf = (room: Room): EventBatch => createEventBatch((events) => io.to(room).emit('cluster', events))
  const batches = { seen: batchOf('seen'), crowd: batchOf('crowd') }
  let counted = 0

  /** A peer has come into sight: from now on it sees everybody itself. */
  function raise({ id }: PeerEntry): void {
    const socket = members.get(id)?.socket
    if (!socket?.rooms.has('crowd')) return
    void socket.leave('crowd')
    void socket.join('seen')
    const others = roster.peers().filter((peer) => !crowd.isSeen(peer.id) && peer.id !== id)
    for (const message of inMessages(others.map((peer) => ({ type: 'peer-joined', peer })))) socket.emit('cluster', message)
    socket.emit('cluster', [{ type: 'crowd', unseen: 0 }])
  }

  function isForAll(event: ClusterEvent): boolean {
    const about = aboutOf(event)
    return about === null || crowd.isSeen(about)
  }

  function tellOne(event: ClusterEvent, wasForAll: boolean, gatherMs: number): void {
    const about = aboutOf(event)
    const goesToAll = wasForAll || isForAll(event)
    const withinMs = goesToAll && isUrgent(event) ? 0 : gatherMs
    batches.seen.add([event], withinMs)
    if (goesToAll) batches.crowd.add([event], withinMs)
    else if (about !== null) members.get(about)?.socket.emit('cluster', [event])
  }

  return {
    tell: (events, settled) => {
      const seenBefore = events.map(isForAll)
      const risen = crowd.take(events)
      settled()
      const unseen = crowd.unseen()
      const gatherMs = unseen > 0 ? GATHER_MS : 0
      for (const [i, event] of events.entries()) tellOne(event, seenBefore[i] === true, gatherMs)
      if (risen.length > 0 && unseen + counted > 0)
        batches.crowd.add(
          risen.map((peer) => ({ type: 'peer-joined', peer })),
          gatherMs,
        )
      if (unseen !== counted) batches.crowd.add([{ type: 'crowd', unseen }], COUNT_MS)
      counted = unseen
      for (const peer of risen) raise(peer)
    },
    admit: (id, socket) => {
      const isSeen = crowd.isSeen(id)
      void socket.leave(isSeen ? 'crowd' : 'seen')
      void socket.join(isSeen ? 'seen' : 'crowd')
      if (!isSeen) batches.crowd.add([{ type: 'crowd', unseen: counted }], COUNT_MS)
      return isSeen ? roster.peers() : roster.peers().filter((peer) => peer.id === id || crowd.isSeen(peer.id))
    },
    close: () => {
      batches.seen.close()
      batches.crowd.close()
    },
  }
}
