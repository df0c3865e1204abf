/** Runs in a page: one end of a bare WebRTC link, or a whole page host, steered from the test. */
import { io } from 'socket.io-client'
import { createSignalClient, type SignalClient } from '../../core/cluster/signal-client.ts'
import type { DirectAttempt } from '../../core/link/direct-path.ts'
import { createSlicedLink } from '../../core/link/sliced-link.ts'
import type { LinkReport } from '../../protocol/cluster.ts'
import { fromWireError, type WireError } from '../../protocol/errors.ts'
import type { PeerId } from '../../protocol/ids.ts'
import type { Hello, Negotiation } from '../../protocol/signaling.ts'
import type { PeerHost } from '../../runtime/ports/peer-host.ts'
import type { EngineToHost, HostToEngine } from '../../runtime/ports/peer-port.ts'
import { systemClock } from '../../runtime/system-clock.ts'
import { createPagePeerHost } from '../../web/transport/peer-host.ts'
import { startWebRtc } from '../../web/transport/webrtc-channel.ts'
import { contentOf, createLinkEnd, receiptOf, type LinkEnd, type Receipt, type Recipe } from './link-end.ts'

let client: SignalClient | null = null
let end: LinkEnd | null = null
let attempt: DirectAttempt | null = null
const early: Negotiation[] = []

const give = (negotiation: Negotiation): void => {
  if (attempt) attempt.signal(negotiation.kind, negotiation.payload)
  else early.push(negotiation)
}

/** Joins the signal server; resolves once online. */
export const join = ({ url, hello }: { url: string; hello: Hello }): Promise<void> =>
  new Promise((resolve, reject) => {
    const socket = io(url, { autoConnect: false, forceNew: true, transports: ['websocket'] })
    client = createSignalClient({
      socket,
      hello,
      clock: systemClock,
      onState: (state) => {
        if (state.state === 'online') resolve()
        if (state.state === 'refused') reject(fromWireError(state.error))
      },
      onWelcome: () => undefined,
      onEvent: () => undefined,
      onNegotiation: give,
      onRelay: () => undefined,
      onRefused: (error) => reject(fromWireError(error)),
    })
    socket.connect()
  })

/** Opens a WebRTC link to a peer that does the same with the other role. */
export const connect = ({ peer, initiator }: { peer: PeerId; initiator: boolean }): Promise<void> =>
  new Promise((resolve, reject) => {
    attempt = startWebRtc({
      initiator,
      iceServers: [],
      onSignal: (kind, payload) => client?.negotiate({ peerId: peer, attempt: 'one', kind, payload }),
      onOpen: (channel) => {
        end = createLinkEnd(createSlicedLink({ remote: peer, channel, clock: systemClock }))
        resolve()
      },
      onFail: (reason) => reject(new Error(reason)),
    })
    for (const negotiation of early.splice(0)) give(negotiation)
  })

type EndCall = { [Name in keyof LinkEnd]: { readonly method: Name; readonly args: Parameters<LinkEnd[Name]> } }[keyof LinkEnd]

/** Calls a method of this page's `LinkEnd`. */
export const callEnd = (call: EndCall): Promise<unknown> => {
  if (!end) throw new Error('there is no link yet')
  switch (call.method) {
    case 'send':
      return end.send(...call.args)
    case 'sendUntilRefused':
      return end.sendUntilRefused(...call.args)
    case 'received':
      return end.received(...call.args)
    case 'closeWhileSending':
      return end.closeWhileSending(...call.args)
    case 'path':
    case 'listen':
    case 'closed':
    case 'stats':
    case 'close':
      return end[call.method]()
  }
}

let host: PeerHost | null = null
let toHost: (message: EngineToHost) => void = () => undefined
const fromHost: HostToEngine[] = []
let onFromHost = (): void => undefined

/** The first message from the host that the selector turns into something; messages before it are kept. */
const take = <T>(select: (message: HostToEngine) => T | null): Promise<T> =>
  new Promise((resolve) => {
    const look = (): void => {
      for (const [place, message] of fromHost.entries()) {
        const found = select(message)
        if (found === null) continue
        fromHost.splice(place, 1)
        onFromHost = () => undefined
        return resolve(found)
      }
    }
    onFromHost = look
    look()
  })

/** Starts this page's peer host, as the app does, with the test as its engine. */
export async function startHost({ url, hello }: { url: string; hello: Hello }): Promise<void> {
  host = createPagePeerHost({
    url,
    hello,
    port: {
      post: (message) => {
        fromHost.push(message)
        onFromHost()
      },
      onMessage: (listener) => void (toHost = listener),
    },
    onConnection: () => undefined,
  })
  await take((message) => (message.type === 'welcome' ? message : null))
}

/** Waits until the peer is on this page's roster. */
export async function sees(peer: PeerId): Promise<void> {
  if (host?.view().peers.has(peer)) return
  await take((message) => (message.type === 'cluster' && message.event.type === 'peer-joined' && message.event.peer.id === peer ? message : null))
}

let tickets = 0

/** Sends one frame; gives the error, and the milliseconds until it was accepted. */
export async function sendFrame({ to, recipe }: { to: PeerId; recipe: Recipe }): Promise<{ error: WireError | null; elapsedMs: number }> {
  const ticket = ++tickets
  const startedAt = performance.now()
  toHost({ type: 'send', ticket, to, bytes: contentOf(recipe) })
  const error = await take((message) => (message.type === 'sent' && message.ticket === ticket ? { value: message.error } : null))
  return { error: error.value, elapsedMs: performance.now() - startedAt }
}

export const receiveFrame = (): Promise<{ from: PeerId; receipt: Receipt }> =>
  take((message) => (message.type === 'frame' ? { from: message.from, receipt: receiptOf(message.bytes) } : null))

export const links = async (): Promise<readonly LinkReport[]> => host?.links() ?? []

/** The next path that opened or closed. */
export const nextPath = (): Promise<{ peerId: PeerId; path: string | null }> => take((message) => (message.type === 'link' ? message : null))

export const leave = async (): Promise<void> => host?.leave()
