/**
 * The signaling plane: one socket.io server that keeps the roster, passes offers and answers on, and relays for pairs that
 * cannot connect. State lives in memory; after a restart the peers state themselves anew.
 */
import { randomBytes } from 'node:crypto'
import type { IncomingHttpHeaders, Server as HttpServer } from 'node:http'
import { Server } from 'socket.io'
import type { PeerEntry, Placement, Wish } from '../protocol/cluster.ts'
import type { WireError } from '../protocol/errors.ts'
import type { ModelId, PeerId } from '../protocol/ids.ts'
import type { ClusterEvent, Hello, Order, ServerToPeer, Welcome } from '../protocol/signaling.ts'
import { createAdmission, type Admission } from './admission.ts'
import { sameOrigin, type AllowOrigin } from './origin.ts'
import { localLog, type ChangeLog, type LogReader } from './change-log.ts'
import { createAudience, type Audience } from './audience.ts'
import type { Inbound, Member } from './member.ts'
import { connectPeer, dismissMember, passOn, replace, type SignalLog } from './peer-socket.ts'
import { isRefusal } from './roster.ts'
import { createSharedRoster, joinOf, type Change, type SharedRoster, type Snapshot } from './shared-roster.ts'

/** Largest event from a peer: a placement of a thousand shards with its explanation fits; a frame never travels in one piece. */
const MAX_EVENT_BYTES = 512 * 1024

/** A peer whose machine has gone without a word is off the roster after both together. Timers of hidden tabs do not delay its answers. */
export const HEARTBEAT = { pingInterval: 10_000, pingTimeout: 15_000 } as const

export type SignalServerOptions = {
  readonly httpServer: HttpServer
  /** Null when the peer may join, else the refusal it gets: `invalid_join_token`. Default: everyone may. */
  readonly authorize?: (hello: Hello) => WireError | null
  /** STUN and TURN for the peers' connections. Default none: host candidates only, which serves a LAN. */
  readonly iceServers?: Welcome['iceServers']
  readonly log?: SignalLog
  /** Default: pages of the same host and port. */
  readonly allowOrigin?: AllowOrigin
  /** A socket that has not said hello in this time is closed. Default 5000. */
  readonly helloTimeoutMs?: number
  /** Milliseconds between two pings, and for an answer. Default: HEARTBEAT. */
  readonly heartbeat?: { readonly pingInterval: number; readonly pingTimeout: number }
  /** A peer of this server was removed: `others` of it stay. What keeps it from coming back is `authorize`. */
  readonly onRemoved?: (removed: Hello, others: readonly Hello[]) => void
  /** The log that this server shares with others; default: it is alone. */
  readonly openLog?: (server: string, reader: SharedReader) => ChangeLog
  /** Milliseconds, monotonic; for tests of rates. */
  readonly now?: () => number
}

/** What a shared log needs of a server beside its reader: to give its state to a server that starts, and to take one over. */
export type SharedReader = LogReader & {
  readonly roster: SharedRoster
  /** Takes over the state of the others, and tells this server's peers what is different. */
  readonly restore: (snapshot: Snapshot) => void
  /** States every peer of this server that the roster does not have here. */
  readonly missing: () => readonly Change[]
}

export type SignalServer = {
  readonly peers: () => readonly PeerEntry[]
  readonly wishes: () => readonly Wish[]
  readonly placements: () => readonly Placement[]
  /** Events that were refused, unknown ones among them, since the server began. */
  readonly refusals: () => number
  /** Passes an order on to a device, whichever server of the cluster it is connected to. */
  readonly order: (id: PeerId, order: Order) => void
  /** Takes a peer off the roster and closes its connection. */
  readonly remove: (id: PeerId) => void
  /** Closes every connection; the HTTP server stays. */
  readonly close: () => void
}

type ReaderOptions = {
  readonly server: string
  readonly roster: SharedRoster
  readonly members: Map<PeerId, Member>
  readonly audience: Audience
  readonly onRemoved: (removed: Hello, others: readonly Hello[]) => void
}

function createReader({ server, roster, members, audience, onRemoved }: ReaderOptions): Omit<SharedReader, 'roster'> {
  /** A peer of this server that has joined through another one. */
  const dropReplaced = (id: PeerId): void => {
    const member = members.get(id)
    if (!member || roster.ownerOf(id)?.server === server) return
    members.delete(id)
    member.gate.close()
    replace(member.socket)
  }
  const removeMember = (id: PeerId): void => {
    const member = members.get(id)
    if (!member) return
    members.delete(id)
    // Before it can come back.
    onRemoved(
      member.hello,
      [...members.values()].map(({ hello }) => hello),
    )
    dismissMember(member)
  }
  return {
    apply: (change, settled) => {
      const outcome = roster.apply(change)
      if (isRefusal(outcome)) settled?.(outcome)
      else audience.tell(outcome, () => settled?.(outcome))
      if (change.type === 'join') dropReplaced(change.hello.id)
      if (change.type === 'order') members.get(change.id)?.socket.emit('order', change.order)
      if (change.type === 'remove') removeMember(change.id)
    },
    negotiate: (to, negotiation) => members.get(to)?.socket.emit('negotiate', negotiation),
    relay: (from, to, slice, reply) => passOn(members.get(to), from, to, slice, reply),
    restore: (snapshot) => {
      const before = roster.snapshot()
      roster.restore(snapshot)
      audience.tell(differences(before, snapshot), () => undefined)
      for (const id of [...members.keys()]) if (roster.ownerOf(id) !== null) dropReplaced(id)
    },
    missing: () =>
      [...members.values()]
        .filter(({ hello, socket }) => roster.ownerOf(hello.id)?.socket !== socket.id)
        .map(({ hello, socket }) => joinOf(hello, server, socket.id)),
  }
}

/** What a peer that knew `before` has to hear to know `now`. */
function differences(before: Snapshot, now: Snapshot): readonly ClusterEvent[] {
  const gone = <T>(old: readonly T[], current: readonly T[]): readonly T[] => old.filter((one) => !current.includes(one))
  const models = ({ wishes, placements }: Snapshot): readonly ModelId[] => [...new Set([...wishes, ...placements].map(({ model }) => model))]
  return [
    ...gone(
      before.peers.map(({ id }) => id),
      now.peers.map(({ id }) => id),
    ).map((id) => ({ type: 'peer-left', id }) as const),
    ...now.peers.map((peer) => ({ type: 'peer-joined', peer }) as const),
    ...gone(models(before), models(now)).map((model) => ({ type: 'wish-dropped', model }) as const),
    ...now.wishes.map((wish) => ({ type: 'wish-set', wish }) as const),
    ...now.placements.map((placement) => ({ type: 'placement', placement }) as const),
  ]
}

export function createSignalServer(options: SignalServerOptions): SignalServer {
  const {
    httpServer,
    authorize = () => null,
    iceServers = [],
    log = () => undefined,
    allowOrigin = sameOrigin,
    helloTimeoutMs = 5_000,
    heartbeat = HEARTBEAT,
    onRemoved = () => undefined,
    now = () => performance.now(),
    openLog,
  } = options
  const isAllowed = (request: { readonly headers: IncomingHttpHeaders }): boolean =>
    allowOrigin(request.headers.origin ?? null, request.headers.host ?? null)
  const io = new Server<Inbound, ServerToPeer>(httpServer, {
    serveClient: false,
    maxHttpBufferSize: MAX_EVENT_BYTES,
    ...heartbeat,
    allowRequest: (request, decide) => decide(null, isAllowed(request)),
    // Only for the polling fallback of pages on another origin; `allowRequest` has the last word.
    cors: (request: { readonly headers: IncomingHttpHeaders }, decide: (error: null, cors: { origin: boolean }) => void): void =>
      decide(null, { origin: isAllowed(request) }),
  })
  const server = randomBytes(8).toString('hex')
  const roster = createSharedRoster(server)
  const members = new Map<PeerId, Member>()
  let refusals = 0
  const countRefusal = (): void => void (refusals += 1)
  const admission: Admission = createAdmission({ authorize, holder: (id) => roster.ownerOf(id)?.secretDigest ?? null })
  const audience = createAudience({ io, roster, members })
  const reader = createReader({ server, roster, members, audience, onRemoved })
  const changes = openLog ? openLog(server, { ...reader, roster }) : localLog(reader)
  io.on('connection', (socket) =>
    connectPeer(socket, { server, roster, changes, audience, members, admission, iceServers, log, helloTimeoutMs, now, countRefusal }),
  )
  return {
    peers: roster.peers,
    wishes: roster.wishes,
    placements: roster.placements,
    order: (id, order) => changes.commit({ type: 'order', id, order }),
    remove: (id) => changes.commit({ type: 'remove', id }),
    refusals: () => refusals,
    close: () => {
      // Not `disconnectSockets`: a peer told to go stays away, one whose connection broke comes back.
      io.engine.close()
      members.clear()
      audience.close()
      changes.close()
    },
  }
}
