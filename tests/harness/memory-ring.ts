/** Devices with real models in one process or page, with every frame between them counted. */
import { createRingClient, type RingClient } from '../../core/client/ring-client.ts'
import { placementState } from '../../core/cluster/cluster-view.ts'
import type { Xgrammar } from '../../core/constrain/xgrammar.ts'
import type { ModelSource } from '../../core/model/model-source.ts'
import type { WeightFormat } from '../../protocol/cluster.ts'
import { modelId, peerId } from '../../protocol/ids.ts'
import { createDevice, type Device } from '../../runtime/ring/device.ts'
import type { BackendRuntime } from '../../runtime/engines/load-options.ts'
import { loadShard } from '../../runtime/engines/load-shard.ts'
import type { ShardRunner } from '../../runtime/shard-runner.ts'
import { systemClock } from '../../runtime/system-clock.ts'
import { createMemoryCluster, type MemoryCluster } from '../simulator/memory-cluster.ts'

export const RING_MODEL = modelId('model')

export type MemoryRingOptions = {
  readonly openSource: () => ModelSource
  readonly loadXgrammar: () => Promise<Xgrammar>
  readonly weightFormat: WeightFormat
  /** Of the ring. */
  readonly devices: readonly BackendRuntime[]
  /** One more device, which holds ready what they hold; null: there is none. */
  readonly spare: BackendRuntime | null
  readonly onShard?: (runner: ShardRunner) => void
}

export type MemoryRing = {
  readonly cluster: MemoryCluster
  readonly client: RingClient
  readonly [Symbol.asyncDispose]: () => Promise<void>
}

/** @throws {Error} with what the devices say when not all of them are ready */
export async function openMemoryRing({ devices, spare, weightFormat, ...options }: MemoryRingOptions): Promise<MemoryRing> {
  const cluster = createMemoryCluster((deliver) => void setTimeout(deliver, 0))
  let counter = 1n
  const randomId = (): string => (counter++).toString(16).padStart(16, '0')
  const client = createRingClient({ network: cluster.join('client', 'client', null), timer: systemClock.timer, now: systemClock.now, randomId })
  const open = (name: string, runtime: BackendRuntime): Device => {
    const floatType = runtime.gpu?.device.features.has('shader-f16') ? 'f16' : 'f32'
    const offer = { weightFormats: [weightFormat], floatType, memoryBytes: 2 ** 28, threads: 1, hardware: 'test' } as const
    const capabilities = { ...offer, backend: runtime.backend }
    return createDevice({
      network: { ...cluster.join(name, 'device', capabilities), setCapabilities: () => undefined },
      capabilities,
      openSource: options.openSource,
      openShard: async ({ capabilities: _, ...shard }) => {
        const runner = await loadShard({ ...shard, ...runtime })
        options.onShard?.(runner)
        return runner
      },
      loadXgrammar: options.loadXgrammar,
      clock: systemClock,
      log: () => undefined,
    })
  }
  const nodes = devices.map((runtime, i) => open('abcdefgh'.charAt(i).repeat(4), runtime))
  const size = devices.length
  const wish = { source: '/models/model', strategy: 'memory-weighted', quality: 'balanced', contextLength: null, localDevice: 'withdraw' } as const
  cluster.wish({ ...wish, model: RING_MODEL, minDevices: size, maxDevices: size, state: 'serve' })
  const settled = await cluster.until((view) => {
    const placement = view.placements.get(RING_MODEL)
    return placement !== undefined && (placement.problem !== null || placementState(view, placement) !== 'loading')
  })
  const states = [...settled.peers.values()].flatMap(({ status }) => status.shards.map(({ state, error }) => error?.message ?? state))
  if (states.join() !== devices.map(() => 'ready').join()) throw new Error(`the devices of a ring are: ${states.join(', ')}`)
  if (spare) {
    nodes.push(open('zzzz', spare))
    // A range of each device of the ring.
    await cluster.until(({ peers }) => peers.get(peerId('zzzz'))?.status.shards.filter(({ state }) => state === 'ready').length === size)
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
