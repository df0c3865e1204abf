/** One connection: hello first, then events, each checked and counted. */
import type { Socket } from 'socket.io'
import { z } from 'zod'
import { modelIdSchema, peerIdSchema, placementSchema, wishSchema } from '../protocol/cluster.ts'
import type { WireError } from '../protocol/errors.ts'
import type { PeerId } from '../protocol/ids.ts'
import { LINK_HIGH_WATER_BYTES, MAX_MESSAGE_BYTES } from '../protocol/limits.ts'
import {
  negotiationSchema,
  selfUpdateSchema,
  type ClusterEvent,
  type Hello,
  type HelloReply,
  type PeerToServer,
  type ServerToPeer,
  type Welcome,
} from '../protocol/signaling.ts'
import { isAdmitted, type Admission } from './admission.ts'
import { createRelayGate, type RelayGate } from './relay-gate.ts'
import { isRefusal, type Roster } from './roster.ts'
import { createTokenBucket } from './token-bucket.ts'

/** Negotiating with a ring of 20 peers takes some 300 events at once. */
const CONTROL_RATE = { burst: 600, perSecond: 60 }
/** Slices of 4.6 KB: 90 MB/s, more than one process relays. */
const RELAY_RATE = { burst: 20_000, perSecond: 20_000 }
/** A peer whose events are refused more often than this is not mistaken but hostile. */
const REFUSAL_RATE = { burst: 100, perSecond: 1 }
/** The room of everyone who has said hello. */
export const MEMBERS_ROOM = 'members'
/** A link stops at LINK_HIGH_WATER_BYTES unacknowledged; a peer may have several. */
const MAX_UNACKNOWLEDGED_BYTES = 64 * LINK_HIGH_WATER_BYTES

/** Inbound payloads are unknown until a schema has accepted them; what goes out is typed. */
export type Inbound = { readonly [Name in keyof PeerToServer]: (...args: readonly unknown[]) => void }
type PeerSocket = Socket<Inbound, ServerToPeer>

export type SignalLog = (level: 'info' | 'warn', message: string, fields: Readonly<Record<string, unknown>>) => void

export type Member = { readonly socket: PeerSocket; readonly secret: string; readonly gate: RelayGate }

export type PeerSocketContext = {
  /** Names this run of the server. */
  readonly server: string
  readonly roster: Roster
  /** Peers that have said hello. */
  readonly members: Map<PeerId, Member>
  readonly admission: Admission
  readonly iceServers: Welcome['iceServers']
  readonly log: SignalLog
  readonly helloTimeoutMs: number
  readonly now: () => number
  readonly tell: (events: readonly ClusterEvent[]) => void
  readonly countRefusal: () => void
}

const isFunction = (value: unknown): value is (...args: readonly unknown[]) => void => typeof value === 'function'
const bytesSchema = z.instanceof(Uint8Array)

export function connectPeer(socket: PeerSocket, context: PeerSocketContext): void {
  const { roster, members, admission, iceServers, log, helloTimeoutMs, now, tell, countRefusal } = context
  const mayControl = createTokenBucket({ ...CONTROL_RATE, now })
  const mayRelay = createTokenBucket({ ...RELAY_RATE, now })
  let self: PeerId | null = null
  const mayBeRefused = createTokenBucket({ ...REFUSAL_RATE, now })
  let unacknowledged = 0
  const helloTimer = setTimeout(() => dismiss({ code: 'deadline_exceeded', message: `no hello within ${helloTimeoutMs} ms` }), helloTimeoutMs)

  const dismiss = (error: WireError): void => {
    countRefusal()
    log('warn', 'dismissed a socket', { peer: self, code: error.code })
    socket.emit('refused', error)
    socket.disconnect(true)
  }
  const refuse = (error: WireError): void => {
    if (!mayBeRefused()) return dismiss({ code: 'queue_full', message: 'too many refused events' })
    countRefusal()
    socket.emit('refused', error)
  }

  const welcome = (hello: Hello, reply: (reply: HelloReply) => void): void => {
    const before = members.get(hello.id)
    self = hello.id
    if (before?.socket !== socket) {
      void socket.join(MEMBERS_ROOM)
      members.set(hello.id, { socket, secret: hello.secret, gate: createRelayGate(socket) })
      before?.gate.close()
    }
    const events = roster.join(hello)
    reply({
      ok: true,
      server: context.server,
      peers: [...roster.peers()],
      wishes: [...roster.wishes()],
      placements: [...roster.placements()],
      iceServers: [...iceServers],
    })
    tell(events)
    log('info', 'peer joined', { peer: hello.id, role: hello.role })
    if (before && before.socket !== socket) {
      before.socket.emit('refused', { code: 'peer_id_taken', message: 'this peer has connected again from elsewhere' })
      before.socket.disconnect(true)
    }
  }

  const onHello = (raw: unknown, rawReply: unknown): void => {
    if (!isFunction(rawReply)) return dismiss({ code: 'invalid_value', message: 'hello needs an acknowledgement' })
    const reply = (value: HelloReply): void => rawReply(value)
    const outcome = admission(raw)
    const error: WireError | null = !isAdmitted(outcome)
      ? outcome
      : self !== null && outcome.id !== self
        ? { code: 'invalid_value', message: 'a socket keeps its peer id' }
        : null
    clearTimeout(helloTimer)
    if (isAdmitted(outcome) && error === null) return welcome(outcome, reply)
    countRefusal()
    log('warn', 'refused hello', { code: error?.code })
    if (error) reply({ ok: false, error })
    socket.disconnect(true)
  }

  /** Registers a handler that runs for members only, within their rate, on what its schema has accepted. */
  const on = <T>(
    event: 'update' | 'negotiate' | 'announce' | 'wish' | 'unwish',
    schema: z.ZodType<T>,
    handle: (id: PeerId, value: T) => void,
  ): void => {
    socket.on(event, (raw) => {
      if (self === null) return dismiss({ code: 'invalid_value', message: `${event} before hello` })
      if (!mayControl()) return refuse({ code: 'queue_full', message: `too many events; ${event} was dropped` })
      const parsed = schema.safeParse(raw)
      if (!parsed.success) return refuse({ code: 'invalid_value', message: `refused ${event}: ${z.prettifyError(parsed.error).slice(0, 500)}` })
      handle(self, parsed.data)
    })
  }
  const settle = (outcome: readonly ClusterEvent[] | WireError): void => (isRefusal(outcome) ? refuse(outcome) : tell(outcome))

  const onRelay = (rawTo: unknown, rawSlice: unknown, rawReply: unknown): void => {
    if (self === null) return dismiss({ code: 'invalid_value', message: 'relay before hello' })
    const to = peerIdSchema.safeParse(rawTo)
    const slice = bytesSchema.safeParse(rawSlice)
    if (!to.success || !slice.success || !isFunction(rawReply))
      return refuse({ code: 'invalid_value', message: 'relay takes a peer id, bytes and an acknowledgement' })
    const { length } = slice.data
    if (length > MAX_MESSAGE_BYTES)
      return rawReply({ code: 'frame_too_large', message: `a relayed message of ${length} bytes; at most ${MAX_MESSAGE_BYTES}` })
    if (!mayRelay() || unacknowledged > MAX_UNACKNOWLEDGED_BYTES) return dismiss({ code: 'queue_full', message: 'relayed faster than acknowledged' })
    const member = members.get(to.data)
    if (!member) return rawReply({ code: 'link_closed', message: `no peer ${to.data} is connected` })
    unacknowledged += length
    member.gate.pass(length, (error) => {
      unacknowledged -= length
      rawReply(error)
    })
    member.socket.emit('relay', self, slice.data)
  }

  const depart = (): void => {
    clearTimeout(helloTimer)
    const id = self
    self = null
    if (id === null || members.get(id)?.socket !== socket) return
    members.get(id)?.gate.close()
    members.delete(id)
    tell(roster.leave(id))
    log('info', 'peer left', { peer: id })
  }

  const known = new Set<string>(['hello', 'update', 'negotiate', 'announce', 'wish', 'unwish', 'relay', 'leave'])
  socket.onAny((event: unknown) => {
    if (typeof event !== 'string' || !known.has(event)) refuse({ code: 'invalid_value', message: `there is no event ${String(event).slice(0, 40)}` })
  })
  socket.on('hello', onHello)
  on('update', selfUpdateSchema, (id, update) => tell(roster.update(id, update)))
  on('negotiate', negotiationSchema, (id, negotiation) => {
    const other = members.get(negotiation.peerId)
    if (!other) return refuse({ code: 'link_closed', message: `no peer ${negotiation.peerId} is connected` })
    other.socket.emit('negotiate', { ...negotiation, peerId: id })
  })
  on('announce', placementSchema, (id, placement) => settle(roster.announce(id, placement)))
  on('wish', wishSchema, (_, wish) => settle(roster.wish(wish)))
  on('unwish', modelIdSchema, (_, model) => tell(roster.unwish(model)))
  socket.on('relay', onRelay)
  socket.on('leave', () => {
    depart()
    socket.disconnect(true)
  })
  socket.on('disconnect', depart)
}
