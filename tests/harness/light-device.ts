/** Devices that hold no model: on the roster, and linked with the others as a lending page links itself. Many of them fit into one process. */
import { createNodePeerHost } from '../../api-gateway/transport/node-peer-host.ts'
import { fromWireError, type ClusterError } from '../../protocol/errors.ts'
import type { EngineToHost, HostToEngine } from '../../runtime/ports/peer-port.ts'
import { openPortNetwork } from '../../runtime/ports/port-network.ts'
import { createPortPair } from '../../runtime/ports/port-pair.ts'
import { systemClock } from '../../runtime/system-clock.ts'
import { meetDevices } from '../../web/engine/meet-devices.ts'
import { helloOf } from '../conformance/signal-fixture.ts'

/** Waiting for a ring to form first would be in vain. */
const HURRY = 20
const CAPABILITIES = { backend: 'simd', weightFormats: ['f32'], floatType: 'f32', memoryBytes: 1, threads: 1, hardware: 'none' } as const

/** Joins the signal server at `url`. @throws {ClusterError} what the server refused it with */
export async function joinAsDevice(url: string, name: string): Promise<{ readonly close: () => void }> {
  const [hostPort, enginePort] = createPortPair<EngineToHost, HostToEngine>()
  let refuse: (error: ClusterError) => void = () => undefined
  const refused = new Promise<never>((_, reject) => (refuse = reject))
  const host = createNodePeerHost({
    url,
    hello: helloOf(name, { role: 'device', capabilities: CAPABILITIES }),
    port: hostPort,
    onConnection: (state) => {
      if (state.state === 'refused') refuse(fromWireError(state.error))
    },
  })
  const network = await Promise.race([openPortNetwork(enginePort), refused])
  // Later refusals have nobody who waits for them.
  refused.catch(() => undefined)
  const stop = meetDevices(
    network,
    (delayMs, callback) => systemClock.timer(delayMs / HURRY, callback),
    () => true,
  )
  return {
    close: () => {
      stop()
      host.leave()
    },
  }
}
