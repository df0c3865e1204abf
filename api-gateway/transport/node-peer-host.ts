import { io, type Socket } from 'socket.io-client'
import type { SignalState } from '../../core/cluster/signal-client.ts'
import type { WireError } from '../../protocol/errors.ts'
import type { Hello, PeerToServer, ServerToPeer } from '../../protocol/signaling.ts'
import { createPeerHost, type PeerHost } from '../../runtime/ports/peer-host.ts'
import type { EngineToHost, HostToEngine, Port } from '../../runtime/ports/peer-port.ts'
import { systemClock } from '../../runtime/system-clock.ts'

export type NodePeerHostOptions = {
  /** Origin of the signal server. */
  readonly url: string
  /** Certificate to trust, as PEM: a server with `--https` signs its own. */
  readonly ca?: string
  /** Role `gateway` or `local-device`: what tells the others to come by relay at once. */
  readonly hello: Hello
  readonly port: Port<EngineToHost, HostToEngine>
  readonly onConnection: (state: SignalState) => void
  readonly onRefused?: (error: WireError) => void
}

/** This process as a peer: the gateway or the server's own device. No WebRTC in Node; every link goes through the signal server. */
export function createNodePeerHost(options: NodePeerHostOptions): PeerHost {
  const { url, ca, hello, port, onConnection, onRefused } = options
  const socket: Socket<{ [Name in keyof ServerToPeer]: (...args: readonly unknown[]) => void }, PeerToServer> = io(url, {
    autoConnect: false,
    forceNew: true,
    transports: ['websocket'],
    ...(ca === undefined ? {} : { ca }),
    reconnectionDelay: 200,
    reconnectionDelayMax: 2_000,
  })
  return createPeerHost({
    socket,
    hello,
    port,
    clock: systemClock,
    random: Math.random,
    startDirect: null,
    onConnection,
    ...(onRefused ? { onRefused } : {}),
  })
}
