/** The gateway as a peer: its place on the roster, and a ring client over it. */
import { randomBytes } from 'node:crypto'
import { createRingClient, type RingClient } from '../../core/client/ring-client.ts'
import type { Network } from '../../core/cluster/network.ts'
import { fromWireError, type ClusterError } from '../../protocol/errors.ts'
import { peerId } from '../../protocol/ids.ts'
import { PROTOCOL_VERSION } from '../../protocol/version.ts'
import type { EngineToHost, HostToEngine } from '../../runtime/ports/peer-port.ts'
import { openPortNetwork } from '../../runtime/ports/port-network.ts'
import { createPortPair } from '../../runtime/ports/port-pair.ts'
import { systemClock } from '../../runtime/system-clock.ts'
import { createNodePeerHost } from './node-peer-host.ts'

export type GatewayPeer = { readonly network: Network; readonly client: RingClient; readonly close: () => void }

/** Joins the signal server at `url`. @throws {ClusterError} what the server refused the gateway with */
export async function joinAsGateway(url: string, token: string | null, ca: string | null = null): Promise<GatewayPeer> {
  const [hostPort, enginePort] = createPortPair<EngineToHost, HostToEngine>()
  let refuse: (error: ClusterError) => void = () => undefined
  const refused = new Promise<never>((_, reject) => (refuse = reject))
  const host = createNodePeerHost({
    url,
    ...(ca === null ? {} : { ca }),
    hello: {
      version: PROTOCOL_VERSION,
      id: peerId(`gateway-${randomBytes(4).toString('hex')}`),
      secret: randomBytes(32).toString('hex'),
      name: 'Gateway',
      role: 'gateway',
      capabilities: null,
      ...(token === null ? {} : { token }),
    },
    port: hostPort,
    onConnection: (state) => {
      if (state.state === 'refused') refuse(fromWireError(state.error))
    },
  })
  const network = await Promise.race([openPortNetwork(enginePort), refused])
  // Later refusals have nobody who waits for them.
  refused.catch(() => undefined)
  const client = createRingClient({ network, timer: systemClock.timer, now: systemClock.now, randomId: () => randomBytes(8).toString('hex') })
  return {
    network,
    client,
    close: () => {
      client.close()
      host.leave()
    },
  }
}
