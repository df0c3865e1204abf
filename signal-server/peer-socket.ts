/** One connection: hello first, then events, each checked and counted. */
import { z } from 'zod'
import { modelIdSchema, peerIdSchema, placementSchema, wishSchema } from '../protocol/cluster.ts'
import type { WireError } from '../protocol/errors.ts'
import type { PeerId } from '../protocol/ids.ts'
import { LINK_HIGH_WATER_BYTES, MAX_MESSAGE_BYTES } from '../protocol/limits.ts'
import { negotiationSchema, selfUpdateSchema, type Hello, type HelloReply, type Welcome } from '../protocol/signaling.ts'
import { isAdmitted, type Admission } from './admission.ts'
import type { Audience } from './audience.ts'
import type { Member, PeerSocket } from './member.ts'
import { createRelayGate } from './relay-gate.ts'
import type { ChangeLog, Reply } from './change-log.ts'
import { isRefusal } from './roster.ts'
import { joinOf, type Change, type SharedRoster } from './shared-roster.ts'
import { createTokenBucket } from './token-bucket.ts'

/** Negotiating with a ring of 20 peers takes some 300 events at once. */
const CONTROL_RATE = { burst: 600, perSecond: 60 }
/** Slices of 4.6 KB: 90 MB/s, more than one process relays. */
const RELAY_RATE = { burst: 20_000, perSecond: 20_000 }
/** A peer whose events are refused more often than this is not mistaken but hostile. */
const REFUSAL_RATE = { burst: 100, perSecond: 1 }
/** A link stops at LINK_HIGH_WATER_BYTES unacknowledged; a peer may have several. */
const MAX_UNACKNOWLEDGED_BYTES = 64 * LINK_HIGH_WATER_BYTES

export type SignalLog = (level: 'info' | 'warn', message: string, fields: Readonly<Record<string, unknown>>) => void

export type PeerSocketContext = {
  /** Names this run of this server among those of its cluster. */
  readonly server: string
  readonly roster: SharedRoster
  readonly changes: ChangeLog
  readonly audience: Audience
  /** Peers that have said hello. */
  readonly members: Map<PeerId, Member>
  readonly admission: Admission
  readonly iceServers: Welcome['iceServers']
  readonly log: SignalLog
  readonly helloTimeoutMs: number
  readonly now: () => number
  readonly countRefusal: () => void
}

/** What a device is told that may not take part any more, at once and whenever it comes back. */
export const REMOVED: WireError = { code: 'device_removed', message: 'whoever runs this cluster has removed this device' }

/** To a peer of this server. */
export function passOn(member: Member | undefined, from: PeerId, to: PeerId, slice: Uint8Array, reply: Reply): void {
  if (!member) return reply({ code: 'link_closed', message: `no peer ${to} is connected` })
  member.gate.pass(slice.length, reply)
  member.socket.emit('relay', from, slice)
}

/** A peer is connected elsewhere by now: this socket of it ends. */
export function replace(socket: PeerSocket): void {
  socket.emit('refused', { code: 'peer_id_taken', message: 'this peer has connected again from elsewhere' })
  socket.disconnect(true)
}

/** Whoever runs the cluster does not want this peer. */
export function dismissMember({ socket, gate }: Member): void {
  gate.close()
  socket.emit('refused', REMOVED)
  socket.disconnect(true)
}

const isFunction = (value: unknown): value is (...args: readonly unknown[]) => void => typeof value === 'function'
const bytesSchema = z.instanceof(Uint8Array)

export function connectPeer(socket: PeerSocket, context: PeerSocketContext): void {
  const { server, roster, changes, audience, members, admission, iceServers, log, helloTimeoutMs, now, countRefusal } = context
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
    if (before?.socket !== socket) before?.gate.close()
    const gate = before?.socket === socket ? before.gate : createRelayGate(socket)
    members.set(hello.id, { socket, hello, gate })
    changes.commit(joinOf(hello, server, socket.id), (outcome) => {
      if (isRefusal(outcome)) return dismiss(outcome)
      // Behind the welcome, so that the first a peer hears is the whole roster.
      const peers = [...audience.admit(hello.id, socket)]
      reply({
        ok: true,
        server: roster.name(),
        peers,
        wishes: [...roster.wishes()],
        placements: [...roster.placements()],
        iceServers: [...iceServers],
      })
      log('info', 'peer joined', { peer: hello.id, role: hello.role })
    })
    if (before && before.socket !== socket) replace(before.socket)
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
  const commit = (change: Change): void =>
    changes.commit(change, (outcome) => {
      if (isRefusal(outcome)) refuse(outcome)
    })

  const relay = (from: PeerId, to: PeerId, slice: Uint8Array, reply: Reply): void => {
    const owner = roster.ownerOf(to)
    if (owner && owner.server !== server) changes.relay(owner.server, from, to, slice, reply)
    else passOn(members.get(to), from, to, slice, reply)
  }

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
    unacknowledged += length
    relay(self, to.data, slice.data, (error) => {
      unacknowledged -= length
      rawReply(error)
    })
  }

  const depart = (): void => {
    clearTimeout(helloTimer)
    const id = self
    self = null
    if (id === null || members.get(id)?.socket !== socket) return
    members.get(id)?.gate.close()
    members.delete(id)
    changes.commit({ type: 'leave', id, socket: socket.id })
    log('info', 'peer left', { peer: id })
  }

  const known = new Set<string>(['hello', 'update', 'negotiate', 'announce', 'wish', 'unwish', 'relay', 'leave'])
  socket.onAny((event: unknown) => {
    if (typeof event !== 'string' || !known.has(event)) refuse({ code: 'invalid_value', message: `there is no event ${String(event).slice(0, 40)}` })
  })
  socket.on('hello', onHello)
  on('update', selfUpdateSchema, (id, update) => commit({ type: 'update', id, update }))
  on('negotiate', negotiationSchema, (id, negotiation) => {
    const to = negotiation.peerId
    const owner = roster.ownerOf(to)
    if (!owner) return refuse({ code: 'link_closed', message: `no peer ${to} is connected` })
    const sent = { ...negotiation, peerId: id }
    if (owner.server === server) members.get(to)?.socket.emit('negotiate', sent)
    else changes.negotiate(owner.server, to, sent)
  })
  on('announce', placementSchema, (id, placement) => commit({ type: 'announce', id, placement }))
  on('wish', wishSchema, (_, wish) => commit({ type: 'wish', wish }))
  on('unwish', modelIdSchema, (_, model) => commit({ type: 'unwish', model }))
  socket.on('relay', onRelay)
  socket.on('leave', () => {
    depart()
    socket.disconnect(true)
  })
  socket.on('disconnect', depart)
}
