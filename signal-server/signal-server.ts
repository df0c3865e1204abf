/**
 * The signaling plane: one socket.io server that keeps the roster, passes offers and answers on, and relays for pairs that
 * cannot connect. State lives in memory; after a restart the peers state themselves anew.
 */
import { randomBytes } from 'node:crypto'
import type { IncomingHttpHeaders, Server as HttpServer } from 'node:http'
import { Server } from 'socket.io'
import type { PeerEntry, Placement, Wish } from '../protocol/cluster.ts'
import type { WireError } from '../protocol/errors.ts'
import type { PeerId } from '../protocol/ids.ts'
import type { ClusterEvent, Hello, ServerToPeer, Welcome } from '../protocol/signaling.ts'
import { createAdmission, type Admission } from './admission.ts'
import { sameOrigin, type AllowOrigin } from './origin.ts'
import { MEMBERS_ROOM, connectPeer, type Inbound, type Member, type SignalLog } from './peer-socket.ts'
import { createRoster } from './roster.ts'

/** Largest event from a peer: a placement of a thousand shards with its explanation fits; a frame never travels in one piece. */
const MAX_EVENT_BYTES = 512 * 1024

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
  /** Milliseconds, monotonic; for tests of rates. */
  readonly now?: () => number
}

export type SignalServer = {
  readonly peers: () => readonly PeerEntry[]
  readonly wishes: () => readonly Wish[]
  readonly placements: () => readonly Placement[]
  /** Events that were refused, unknown ones among them, since the server began. */
  readonly refusals: () => number
  /** Closes every connection; the HTTP server stays. */
  readonly close: () => void
}

export function createSignalServer(options: SignalServerOptions): SignalServer {
  const {
    httpServer,
    authorize = () => null,
    iceServers = [],
    log = () => undefined,
    allowOrigin = sameOrigin,
    helloTimeoutMs = 5_000,
    now = () => performance.now(),
  } = options
  const isAllowed = (request: { readonly headers: IncomingHttpHeaders }): boolean =>
    allowOrigin(request.headers.origin ?? null, request.headers.host ?? null)
  const io = new Server<Inbound, ServerToPeer>(httpServer, {
    serveClient: false,
    maxHttpBufferSize: MAX_EVENT_BYTES,
    allowRequest: (request, decide) => decide(null, isAllowed(request)),
    // Only for the polling fallback of pages on another origin; `allowRequest` has the last word.
    cors: (request: { readonly headers: IncomingHttpHeaders }, decide: (error: null, cors: { origin: boolean }) => void): void =>
      decide(null, { origin: isAllowed(request) }),
  })
  const roster = createRoster()
  const server = randomBytes(8).toString('hex')
  const members = new Map<PeerId, Member>()
  const admission: Admission = createAdmission({ authorize, holder: (id) => members.get(id)?.secret ?? null })

  let refusals = 0
  const countRefusal = (): void => void (refusals += 1)
  const tell = (events: readonly ClusterEvent[]): void => {
    for (const event of events) io.to(MEMBERS_ROOM).emit('cluster', event)
  }
  io.on('connection', (socket) =>
    connectPeer(socket, { server, roster, members, admission, iceServers, log, helloTimeoutMs, now, tell, countRefusal }),
  )
  return {
    peers: roster.peers,
    wishes: roster.wishes,
    placements: roster.placements,
    refusals: () => refusals,
    close: () => {
      // Not `disconnectSockets`: a peer told to go stays away, one whose connection broke comes back.
      io.engine.close()
      members.clear()
    },
  }
}
