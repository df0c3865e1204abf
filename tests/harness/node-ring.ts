/** Devices with real models on a backend that Node has, in this process, with every frame between them counted. */
import { expect } from 'vitest'
import { folderSource } from '../../api-gateway/folder-source.ts'
import { loadKernels } from '../../api-gateway/local-device-kernels.ts'
import { loadXgrammar } from '../../api-gateway/local-device-xgrammar.ts'
import { createRingClient, type RingClient } from '../../core/client/ring-client.ts'
import { placementState } from '../../core/cluster/cluster-view.ts'
import type { Backend, WeightFormat } from '../../protocol/cluster.ts'
import { modelId, peerId } from '../../protocol/ids.ts'
import { createDevice, type Device } from '../../runtime/device.ts'
import { loadShard } from '../../runtime/load-shard.ts'
import { loadOrt } from '../../runtime/ort.ts'
import { systemClock } from '../../runtime/system-clock.ts'
import { createMemoryCluster, type MemoryCluster } from '../simulator/memory-cluster.ts'

export const NODE_MODEL = modelId('model')

export type NodeRing = {
  readonly cluster: MemoryCluster
  readonly client: RingClient
  readonly [Symbol.asyncDispose]: () => Promise<void>
}

/**
 * @param size devices of the ring, 1 or 2
 * @param spare backend of one more device, which holds ready what they hold; null: there is none
 */
export async function openNodeRing(
  folder: string,
  backend: Backend,
  weightFormat: WeightFormat,
  size = 2,
  spare: Backend | null = null,
): Promise<NodeRing> {
  const cluster = createMemoryCluster()
  let counter = 1n
  const randomId = (): string => (counter++).toString(16).padStart(16, '0')
  const client = createRingClient({ network: cluster.join('client', 'client', null), timer: systemClock.timer, now: systemClock.now, randomId })
  const runtimeOf = async (of: Backend) =>
    of === 'simd' ? { simd: await loadKernels() } : { ort: await loadOrt({ backend: 'wasm', numThreads: 1 }) }
  const open = async (name: string, of: Backend) => {
    const runtime = await runtimeOf(of)
    const capabilities = { backend: of, weightFormats: [weightFormat], floatType: 'f32', memoryBytes: 2 ** 28, threads: 1, hardware: 'test' } as const
    return createDevice({
      network: { ...cluster.join(name, 'device', capabilities), setCapabilities: () => undefined },
      capabilities,
      openSource: () => folderSource(folder),
      openShard: ({ capabilities: _, ...shard }) => loadShard({ ...shard, backend: of, ...runtime }),
      loadXgrammar,
      clock: systemClock,
      log: () => undefined,
    })
  }
  const nodes: Device[] = []
  for (const name of ['aaaa', 'bbbb'].slice(0, size)) nodes.push(await open(name, backend))
  const wish = { source: '/models/model', strategy: 'memory-weighted', quality: 'balanced', contextLength: null, localDevice: 'withdraw' } as const
  cluster.wish({ ...wish, model: NODE_MODEL, minDevices: size, maxDevices: size, state: 'serve' })
  const settled = await cluster.until((view) => {
    const placement = view.placements.get(NODE_MODEL)
    return placement !== undefined && (placement.problem !== null || placementState(view, placement) !== 'loading')
  })
  expect([...settled.peers.values()].flatMap(({ status }) => status.shards.map(({ state, error }) => error?.message ?? state))).toEqual(
    nodes.map(() => 'ready'),
  )
  if (spare) {
    nodes.push(await open('cccc', spare))
    // A range of each device of the ring.
    await cluster.until(({ peers }) => peers.get(peerId('cccc'))?.status.shards.filter(({ state }) => state === 'ready').length === size)
  }
  return {
    cluster,
    client,
    [Symbol.asyncDispose]: async () => {
      client.close()
      await Promise.all(nodes.map((node) => node.close()))
    },
  }
}
