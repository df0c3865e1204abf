/**
 * A peer's host: signaling and links on one side, the engine's port on the other. Platform-free: a page and Node differ in the
 * socket and in whether there is a direct path.
 */
import type { ClusterView } from '../../core/cluster/cluster-view.ts'
import { createSignalClient, type SignalSocket, type SignalState } from '../../core/cluster/signal-client.ts'
import type { Clock } from '../../core/link/clock.ts'
import type { StartDirect } from '../../core/link/direct-path.ts'
import { createLinkHub } from '../../core/link/link-hub.ts'
import { IDLE_STATUS, type Capabilities, type LinkReport, type PeerStatus } from '../../protocol/cluster.ts'
import { toClusterError, toWireError, type WireError } from '../../protocol/errors.ts'
import type { PeerId } from '../../protocol/ids.ts'
import type { ClusterEvent, Hello, Order } from '../../protocol/signaling.ts'
import type { EngineToHost, HostToEngine, Port } from './peer-port.ts'
import { createVouchedNegotiation, type Vouching } from './vouched-negotiation.ts'
import { createProgressMeter } from './worker-progress.ts'

/** How often round trips and rates of links are looked at. */
const REPORT_MS = 1_000
/** Passes that take less are nobody's concern. */
const LONG_STEP_MS = 5_000

export type PeerHostOptions = {
  readonly socket: SignalSocket
  readonly hello: Hello
  readonly port: Port<EngineToHost, HostToEngine>
  readonly clock: Clock
  /** Uniform in [0, 1). */
  readonly random: () => number
  /** Null where there is no WebRTC: every link goes by relay. */
  readonly startDirect: StartDirect | null
  /** Absent where there is no key: nothing is signed, and nobody's signature is checked. */
  readonly vouching?: Vouching
  readonly onConnection: (state: SignalState) => void
  /** The server refused something this peer sent. */
  readonly onRefused?: (error: WireError) => void
  /** Whoever runs the cluster asks something of this device. */
  readonly onOrder?: (order: Order) => void
}

export type PeerHost = {
  readonly connection: () => SignalState
  readonly view: () => ClusterView
  readonly links: () => readonly LinkReport[]
  /** Introduces the peer anew: a client that begins to lend becomes a device. Id and secret stay. */
  readonly rename: (hello: Hello) => void
  /** The page is about to be stopped by its browser: says goodbye and closes every link, until `wake`. Returns at once. */
  readonly rest: () => void
  /** Joins again as the same peer. */
  readonly wake: () => void
  /** Says goodbye and closes every link. May be called twice. */
  readonly leave: () => void
}

/** Bytes that may be transferred: alone in their buffer. */
function transferable(bytes: Uint8Array): { readonly bytes: Uint8Array; readonly buffer: ArrayBuffer } {
  const { buffer } = bytes
  if (buffer instanceof ArrayBuffer && buffer.byteLength === bytes.byteLength) return { bytes, buffer }
  const copy = new Uint8Array(bytes)
  return { bytes: copy, buffer: copy.buffer }
}

export function createPeerHost(options: PeerHostOptions): PeerHost {
  const { socket, hello, port, clock, random, startDirect, onConnection, onRefused = () => undefined } = options
  let latest: { readonly status: Omit<PeerStatus, 'links'>; readonly capabilities: Capabilities | null } = {
    status: IDLE_STATUS,
    capabilities: hello.capabilities,
  }
  const meter = createProgressMeter(clock.now)
  /** Peers whose pass took long when they were last heard. */
  const long = new Set<PeerId>()
  let stopTimer = (): void => undefined

  const publish = (): void => signal.publish({ ...latest.status, links: [...hub.reports()] }, latest.capabilities)
  const watchLinks = (): void => {
    stopTimer = clock.timer(REPORT_MS, () => {
      if (hub.reports().length > 0) publish()
      watchLinks()
    })
  }

  const reach = (peer: PeerId): 'direct' | 'relay' | 'unknown' => {
    const entry = signal.view().peers.get(peer)
    if (!entry) return 'unknown'
    return entry.role === 'gateway' || entry.role === 'local-device' ? 'relay' : 'direct'
  }

  const handleEvent = (event: ClusterEvent): void => {
    port.post({ type: 'cluster', event })
    if (event.type === 'peer-left') hub.forget(event.id)
  }

  const signal = createSignalClient({
    socket,
    hello,
    clock,
    onState: (state) => {
      if (state.state !== 'online') {
        port.post({ type: 'offline' })
        hub.signalingLost()
      }
      onConnection(state)
    },
    onWelcome: (welcome) => port.post({ type: 'welcome', self: hello.id, welcome }),
    onEvent: handleEvent,
    onNegotiation: (negotiation) => vouched.receive(negotiation),
    onRelay: (from, packet) => {
      try {
        hub.handleRelay(from, packet)
      } catch (thrown) {
        onRefused(toWireError(toClusterError(thrown)))
      }
    },
    onRefused,
    ...(options.onOrder ? { onOrder: options.onOrder } : {}),
  })

  const vouched = createVouchedNegotiation({
    self: hello.id,
    vouching: options.vouching ?? null,
    keyOf: (peer) => signal.view().peers.get(peer)?.key,
    send: signal.negotiate,
    receive: (negotiation) => hub.handleNegotiation(negotiation),
    onForged: (from) => onRefused({ code: 'invalid_value', message: `a negotiation in the name of ${from} is not signed by it` }),
  })

  const hub = createLinkHub({
    self: hello.id,
    clock,
    random,
    startDirect,
    reach,
    iceServers: signal.iceServers,
    negotiate: (negotiation) => vouched.send(negotiation),
    relay: signal.relay,
    progress: meter.progress,
    onProgress: (peerId, progress) => {
      const isLong = progress.stepMs >= LONG_STEP_MS
      if (!isLong && !long.delete(peerId)) return
      if (isLong) long.add(peerId)
      port.post({ type: 'progress', peerId, progress })
    },
    onFrame: (from, frame) => {
      meter.given()
      const { bytes, buffer } = transferable(frame)
      port.post({ type: 'frame', from, bytes }, [buffer])
    },
    onPath: (peerId, path, reason) => {
      port.post({ type: 'link', peerId, path, reason })
      publish()
    },
  })

  port.onMessage((message) => {
    switch (message.type) {
      case 'send': {
        const { ticket, to, bytes } = message
        const answer = (error: WireError | null): void => port.post({ type: 'sent', ticket, error })
        hub.send(to, bytes).then(
          () => answer(null),
          (thrown: unknown) => answer(toWireError(toClusterError(thrown))),
        )
        return
      }
      case 'dial':
        // Whoever sends to that peer hears of the failure.
        hub.dial(message.to).catch(() => undefined)
        return
      case 'probe':
        return hub.probe(message.to)
      case 'pulse':
        return meter.hear(message.pulse)
      case 'status':
        latest = message
        return publish()
      case 'announce':
        return signal.announce(message.placement)
      case 'wish':
        return signal.wish(message.wish)
      case 'unwish':
        return signal.unwish(message.model)
    }
  })
  watchLinks()
  socket.connect()

  return {
    connection: signal.state,
    view: signal.view,
    links: hub.reports,
    rename: (next) => {
      latest = { ...latest, capabilities: next.capabilities }
      signal.rename(next)
    },
    rest: () => {
      hub.close()
      signal.rest()
    },
    wake: () => socket.connect(),
    leave: () => {
      stopTimer()
      hub.close()
      signal.leave()
    },
  }
}
