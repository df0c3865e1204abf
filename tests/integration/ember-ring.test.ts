import { readFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { folderSource } from '../../api-gateway/folder-source.ts'
import { loadXgrammar } from '../../api-gateway/local-device-xgrammar.ts'
import { createRingClient, type RingClient } from '../../core/client/ring-client.ts'
import { placementState } from '../../core/cluster/cluster-view.ts'
import type { Capabilities, Wish } from '../../protocol/cluster.ts'
import { modelId } from '../../protocol/ids.ts'
import { GREEDY } from '../../protocol/ring.ts'
import { createDevice } from '../../runtime/ring/device.ts'
import { loadShard } from '../../runtime/engines/load-shard.ts'
import { loadOrt } from '../../runtime/engines/ort.ts'
import type { RingNode } from '../../runtime/ring/ring-node.ts'
import { systemClock } from '../../runtime/system-clock.ts'
import { createMemoryCluster } from '../simulator/memory-cluster.ts'

const EMBER = path.join(import.meta.dirname, '../../models/ember')
const MODEL = modelId('ember')
const WISH: Wish = {
  model: MODEL,
  source: '/models/ember',
  strategy: 'memory-weighted',
  quality: 'balanced',
  minDevices: 3,
  maxDevices: 3,
  contextLength: 512,
  localDevice: 'withdraw',
  state: 'serve',
}
const capabilities: Capabilities = { backend: 'wasm', weightFormats: ['f32'], floatType: 'f32', memoryBytes: 2 ** 26, threads: 1, hardware: 'test' }
type Sample = { readonly prompt_ids: readonly number[]; readonly generated_ids: readonly number[] }
const { samples } = JSON.parse(readFileSync(path.join(EMBER, 'samples.json'), 'utf8')) as { samples: readonly Sample[] }

const cluster = createMemoryCluster()
const nodes: RingNode[] = []
let client: RingClient
beforeAll(async () => {
  let counter = 0n
  client = createRingClient({
    network: cluster.join('client', 'client', null),
    timer: systemClock.timer,
    now: systemClock.now,
    randomId: () => (counter++).toString(16).padStart(16, '0'),
  })
  const ort = await loadOrt({ backend: 'wasm', numThreads: 1 })
  for (const name of ['aaaa', 'bbbb', 'cccc']) {
    const network = { ...cluster.join(name, 'device', capabilities), setCapabilities: () => undefined }
    const openShard: Parameters<typeof createDevice>[0]['openShard'] = ({ capabilities: _, ...shard }) =>
      loadShard({ ...shard, backend: 'wasm', ort })
    const rest = { openSource: () => folderSource(EMBER), openShard, loadXgrammar, clock: systemClock, log: () => undefined }
    nodes.push(createDevice({ network, capabilities, ...rest }))
  }
  cluster.wish(WISH)
  const settled = await cluster.until((view) => {
    const placement = view.placements.get(MODEL)
    return placement !== undefined && (placement.problem !== null || placementState(view, placement) !== 'loading')
  })
  const placement = settled.placements.get(MODEL)
  expect(placement?.problem).toBeNull()
  expect([...settled.peers.values()].flatMap((peer) => peer.status.shards.map((report) => report.error))).toEqual([undefined, undefined, undefined])
})
afterAll(async () => {
  client.close()
  await Promise.all(nodes.map((node) => node.close()))
})

test('three devices with f32 weights give all 30 answers of the unsplit model token for token', async () => {
  const answers = await Promise.all(
    samples.map(async ({ prompt_ids, generated_ids }) => {
      const ids: number[] = []
      const request = {
        model: MODEL,
        promptIds: prompt_ids,
        sampling: GREEDY,
        stopIds: [0, 2],
        maxTokens: generated_ids.length,
        signal: new AbortController().signal,
      }
      for await (const event of client.complete(request)) if (event.type === 'token') ids.push(event.tokenId)
      return ids
    }),
  )
  expect(samples).toHaveLength(30)
  expect(answers).toEqual(samples.map((sample) => sample.generated_ids))
  expect(
    cluster
      .view()
      .placements.get(MODEL)
      ?.shards.map((shard) => [shard.startLayer, shard.endLayer]),
  ).toEqual([
    [0, 3],
    [3, 6],
    [6, 8],
  ])
})
