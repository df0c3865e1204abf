import { io, type Socket } from 'socket.io-client'
import type { SignalState } from '../../core/cluster/signal-client.ts'
import type { WireError } from '../../protocol/errors.ts'
import type { Hello, Order, PeerToServer, ServerToPeer } from '../../protocol/signaling.ts'
import { createPeerHost, type PeerHost } from '../../runtime/ports/peer-host.ts'
import type { EngineToHost, HostToEngine, Port } from '../../runtime/ports/peer-port.ts'
import type { Vouching } from '../../runtime/ports/vouched-negotiation.ts'
import { systemClock } from '../../runtime/system-clock.ts'
import { startDirect } from './start-direct.ts'

export type PagePeerHostOptions = {
  /** Origin of the signal server; the page's own when absent. */
  readonly url?: string
  readonly hello: Hello
  readonly port: Port<EngineToHost, HostToEngine>
  /** Absent where the page has no key. */
  readonly vouching?: Vouching
  readonly onConnection: (state: SignalState) => void
  readonly onRefused?: (error: WireError) => void
  readonly onOrder?: (order: Order) => void
  /** Never shows this device's address to others: every link goes through the server. */
  readonly relayOnly?: boolean
}

const isWebRtcSupported = (): boolean => typeof RTCPeerConnection === 'function' && typeof RTCDataChannel === 'function'

/** This page as a peer. Leaves by itself when the page goes away. */
export function createPagePeerHost(options: PagePeerHostOptions): PeerHost {
  const { url = location.origin, hello, port, vouching, onConnection, onRefused, relayOnly = false } = options
  const socket: Socket<{ [Name in keyof ServerToPeer]: (...args: readonly unknown[]) => void }, PeerToServer> = io(url, {
    autoConnect: false,
    forceNew: true,
    // Polling first would cost an upgrade; behind a proxy without WebSocket it is what works.
    transports: ['websocket', 'polling'],
    tryAllTransports: true,
    reconnectionDelay: 500,
    reconnectionDelayMax: 5_000,
  })
  const host = createPeerHost({
    socket,
    hello,
    port,
    clock: systemClock,
    random: Math.random,
    startDirect: relayOnly || !isWebRtcSupported() ? null : startDirect,
    onConnection,
    ...(vouching ? { vouching } : {}),
    ...(onRefused ? { onRefused } : {}),
    ...(options.onOrder ? { onOrder: options.onOrder } : {}),
  })
  // A page with open connections is not kept for the way back; one that is kept all the same begins anew.
  const onShow = (event: PageTransitionEvent): void => void (event.persisted && location.reload())
  addEventListener('pagehide', host.leave, { once: true })
  addEventListener('pageshow', onShow)
  // Only Chromium tells these. Its ring need not wait for a page that it stops, and the page is back as itself when it goes on.
  document.addEventListener('freeze', host.rest)
  document.addEventListener('resume', host.wake)
  return {
    ...host,
    leave: () => {
      removeEventListener('pagehide', host.leave)
      removeEventListener('pageshow', onShow)
      document.removeEventListener('freeze', host.rest)
      document.removeEventListener('resume', host.wake)
      host.leave()
    },
  }
}
