/**
 * A peer's side of the signaling plane, over any socket that reconnects by itself. Says hello on every connect, keeps the view,
 * sends status when it changed, and states itself anew after the server has restarted.
 */
import type { Capabilities, PeerStatus, Placement, Wish } from '../../protocol/cluster.ts'
import type { WireError } from '../../protocol/errors.ts'
import type { ModelId, PeerId } from '../../protocol/ids.ts'
import {
  helloReplySchema,
  type ClusterEvent,
  type Hello,
  type Negotiation,
  type Order,
  type PeerToServer,
  type ServerToPeer,
  type Welcome,
} from '../../protocol/signaling.ts'
import type { Clock } from '../link/clock.ts'
import { EMPTY_VIEW, applyEvent, viewOf, type ClusterView } from './cluster-view.ts'
import { errorOf, hearServer } from './server-words.ts'
import { createStatusPublisher } from './status-publisher.ts'

const HELLO_TIMEOUT_MS = 10_000
/** After a restart of the server peers come back one by one: who has not by then is gone. Socket clients try again each 5 s at the latest. */
const RETURN_MS = 8_000
/** A server that closed us without a reason is asked again after this long. */
const RECONNECT_AFTER_MS = 1_000
const ASK_AGAIN_MS = 3_000

/** The part of a socket.io client that signaling uses. It reconnects by itself unless the server disconnected it. */
export type SignalSocket = {
  readonly emit: <Name extends keyof PeerToServer>(event: Name, ...args: Parameters<PeerToServer[Name]>) => void
  readonly on: (event: 'connect' | 'disconnect' | 'connect_error' | keyof ServerToPeer, listener: (...args: readonly unknown[]) => void) => void
  readonly connect: () => void
  readonly disconnect: () => void
}

export type SignalState =
  | { readonly state: 'connecting' }
  | { readonly state: 'online'; readonly self: PeerId }
  | { readonly state: 'offline'; readonly reason: string }
  /** Will not be tried again: wrong token, other protocol version, id taken. */
  | { readonly state: 'refused'; readonly error: WireError }

export type SignalClientOptions = {
  readonly socket: SignalSocket
  readonly hello: Hello
  readonly clock: Clock
  readonly onState: (state: SignalState) => void
  /** After every hello: the view anew. */
  readonly onWelcome: (welcome: Welcome) => void
  readonly onEvent: (event: ClusterEvent) => void
  readonly onNegotiation: (negotiation: Negotiation) => void
  readonly onRelay: (from: PeerId, packet: Uint8Array) => void
  /** The server refused something that was sent; the connection goes on. */
  readonly onRefused: (error: WireError) => void
  /** Whoever runs the cluster asks something of this device. */
  readonly onOrder?: (order: Order) => void
}

export type SignalClient = {
  readonly view: () => ClusterView
  readonly state: () => SignalState
  readonly iceServers: () => Welcome['iceServers']
  /** Events of the server that made no sense and changed nothing. */
  readonly malformed: () => number
  readonly publish: (status: PeerStatus, capabilities: Capabilities | null) => void
  readonly announce: (placement: Placement) => void
  readonly wish: (wish: Wish) => void
  readonly unwish: (model: ModelId) => void
  readonly negotiate: (negotiation: Negotiation) => void
  /** Resolves once the server has passed the packet on, or with why not. */
  readonly relay: (to: PeerId, packet: Uint8Array) => Promise<WireError | null>
  /** Introduces this peer anew, for example as a device instead of a client. Id and secret stay. */
  readonly rename: (hello: Hello) => void
  /** Says goodbye and disconnects, until the socket connects again. */
  readonly rest: () => void
  /** Says goodbye and disconnects for good. May be called twice. */
  readonly leave: () => void
}

const OFFLINE: WireError = { code: 'link_closed', message: 'there is no connection to the signal server' }

export function createSignalClient(options: SignalClientOptions): SignalClient {
  const { socket, clock } = options
  let hello = options.hello
  let view = EMPTY_VIEW
  let state: SignalState = { state: 'connecting' }
  let iceServers: Welcome['iceServers'] = []
  let stopTimer = (): void => undefined
  let server: string | null = null
  let stopReturning = (): void => undefined
  /** Grows with every connection: replies to an older one are ignored. */
  let connection = 0
  const unanswered = new Set<(error: WireError) => void>()
  /** What this peer stated and the server forgets when it restarts. */
  const stated = { wishes: new Map<ModelId, Wish>(), placements: new Map<ModelId, Placement>() }

  let onJoined: (id: PeerId) => void = () => undefined
  const change = (event: ClusterEvent): void => {
    view = applyEvent(view, event)
    options.onEvent(event)
  }
  const isOnline = (): boolean => state.state === 'online'
  const enter = (next: SignalState): void => {
    state = next
    options.onState(next)
  }
  const publisher = createStatusPublisher(clock, (status, capabilities) => {
    if (!isOnline()) return false
    hello = { ...hello, capabilities }
    socket.emit('update', { status, capabilities })
    return true
  })

  const restate = (welcome: Welcome): void => {
    const known = viewOf(welcome.peers, welcome.wishes, welcome.placements)
    for (const wish of stated.wishes.values()) if (!known.wishes.has(wish.model)) socket.emit('wish', wish)
    for (const placement of stated.placements.values()) {
      // The peer that wished may be gone for good, what it wished is not.
      const wish = view.wishes.get(placement.model)
      if (wish && !known.wishes.has(wish.model) && !stated.wishes.has(wish.model)) socket.emit('wish', wish)
      if ((known.placements.get(placement.model)?.epoch ?? -1) < placement.epoch) socket.emit('announce', placement)
    }
    publisher.repeat()
  }

  const refuse = (error: WireError): void => {
    stopTimer()
    connection++
    enter({ state: 'refused', error })
    socket.disconnect()
  }

  /** Somebody has to let this device in: until then it asks now and then. */
  const askAgain = (error: WireError): void => {
    stopTimer()
    connection++
    socket.disconnect()
    enter({ state: 'offline', reason: `${error.message}.` })
    stopTimer = clock.timer(ASK_AGAIN_MS, () => socket.connect())
  }

  /** A server that has restarted knows nobody: what was known before holds until its peers had the time to come back. */
  const rememberedAt = (welcome: Welcome): Welcome => {
    const here = viewOf(welcome.peers, welcome.wishes, welcome.placements)
    const away = [...view.peers.values()].filter((peer) => !here.peers.has(peer.id))
    const returned = new Set<PeerId>()
    onJoined = (id) => returned.add(id)
    stopReturning()
    stopReturning = clock.timer(RETURN_MS, () => {
      for (const { id } of away) if (!returned.has(id)) change({ type: 'peer-left', id })
    })
    return {
      ...welcome,
      peers: [...welcome.peers, ...away],
      wishes: [...welcome.wishes, ...[...view.wishes.values()].filter((wish) => !here.wishes.has(wish.model))],
      placements: [...welcome.placements, ...[...view.placements.values()].filter((placement) => !here.placements.has(placement.model))],
    }
  }

  const handleReply = (reply: unknown): void => {
    const parsed = helloReplySchema.safeParse(reply)
    if (!parsed.success)
      return refuse({ code: 'protocol_version_mismatch', message: 'the server answered hello in a way this page does not know; reload the page' })
    if (!parsed.data.ok) return parsed.data.error.code === 'device_waiting' ? askAgain(parsed.data.error) : refuse(parsed.data.error)
    const welcome = parsed.data
    stopTimer()
    const remembered = server !== null && server !== welcome.server ? rememberedAt(welcome) : welcome
    server = welcome.server
    view = viewOf(remembered.peers, remembered.wishes, remembered.placements)
    iceServers = welcome.iceServers
    enter({ state: 'online', self: hello.id })
    options.onWelcome(remembered)
    restate(welcome)
  }

  const sayHello = (): void => {
    const current = ++connection
    stopTimer()
    stopTimer = clock.timer(HELLO_TIMEOUT_MS, () => {
      socket.disconnect()
      socket.connect()
    })
    socket.emit('hello', hello, (reply) => current === connection && handleReply(reply))
  }

  const loseConnection = (reason: string): void => {
    connection++
    stopTimer()
    for (const settle of [...unanswered]) settle(OFFLINE)
    if (state.state === 'refused') return
    enter({ state: 'offline', reason })
  }

  socket.on('connect', sayHello)
  socket.on('disconnect', (reason) => {
    loseConnection(String(reason))
    // socket.io does not reconnect by itself when the server has closed the socket.
    if (reason === 'io server disconnect' && state.state === 'offline') stopTimer = clock.timer(RECONNECT_AFTER_MS, () => socket.connect())
  })
  socket.on('connect_error', (error) => {
    if (state.state !== 'refused') enter({ state: 'offline', reason: error instanceof Error ? error.message : 'no connection' })
  })
  const malformed = hearServer((event, listener) => socket.on(event, listener), {
    onRefused: (error) => {
      // Another page of the same peer took over: coming back would throw that one out.
      if (error.code === 'peer_id_taken' || error.code === 'device_removed') refuse(error)
      else options.onRefused(error)
    },
    onEvent: (event) => {
      if (event.type === 'wish-dropped') {
        stated.wishes.delete(event.model)
        stated.placements.delete(event.model)
      }
      if (event.type === 'peer-joined') onJoined(event.peer.id)
      change(event)
    },
    onNegotiation: options.onNegotiation,
    onOrder: (order) => options.onOrder?.(order),
    onRelay: options.onRelay,
  })

  const relay = (to: PeerId, packet: Uint8Array): Promise<WireError | null> => {
    if (!isOnline()) return Promise.resolve(OFFLINE)
    return new Promise((resolve) => {
      const settle = (error: WireError | null): void => {
        unanswered.delete(settle)
        resolve(error)
      }
      unanswered.add(settle)
      socket.emit('relay', to, packet, (error) => settle(error === null || error === undefined ? null : errorOf(error)))
    })
  }

  return {
    view: () => view,
    state: () => state,
    iceServers: () => iceServers,
    malformed,
    publish: publisher.publish,
    announce: (placement) => {
      stated.placements.set(placement.model, placement)
      if (isOnline()) socket.emit('announce', placement)
    },
    wish: (wish) => {
      stated.wishes.set(wish.model, wish)
      if (isOnline()) socket.emit('wish', wish)
    },
    unwish: (model) => {
      stated.wishes.delete(model)
      stated.placements.delete(model)
      if (isOnline()) socket.emit('unwish', model)
    },
    negotiate: (negotiation) => isOnline() && socket.emit('negotiate', negotiation),
    relay,
    rename: (next) => {
      hello = next
      if (isOnline()) sayHello()
    },
    rest: () => {
      if (isOnline()) socket.emit('leave')
      stopTimer()
      socket.disconnect()
    },
    leave: () => {
      if (isOnline()) socket.emit('leave')
      publisher.close()
      stopTimer()
      stopReturning()
      socket.disconnect()
    },
  }
}
