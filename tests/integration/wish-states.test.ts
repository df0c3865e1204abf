/** What devices do when a wish is stopped, resumed, only fetched or taken back: real ring nodes over the network in memory. */
import { afterEach, expect, test } from 'vitest'
import { createRingClient, type RingClient } from '../../core/client/ring-client.ts'
import { placementState, type ClusterView } from '../../core/cluster/cluster-view.ts'
import type { ShardReport, Wish, WishState } from '../../protocol/cluster.ts'
import { modelId } from '../../protocol/ids.ts'
import { GREEDY } from '../../protocol/ring.ts'
import { createRingNode, type RingNode } from '../../runtime/ring/ring-node.ts'
import { createMemoryCluster, type MemoryCluster } from '../simulator/memory-cluster.ts'
import { toyAnswer, toyShards, toySizing, type ToyShards } from '../simulator/toy-model.ts'

const MODEL = modelId('toy')
const WISH: Wish = {
  model: MODEL,
  source: '/models/toy',
  strategy: 'memory-weighted',
  quality: 'balanced',
  minDevices: 2,
  maxDevices: 2,
  contextLength: null,
  localDevice: 'withdraw',
  state: 'serve',
}
const timer = (delayMs: number, callback: () => void): (() => void) => {
  const handle = setTimeout(callback, delayMs / 100)
  return () => clearTimeout(handle)
}
let nextId = 1n
let cluster: MemoryCluster
let client: RingClient
let nodes: RingNode[] = []
let shards: ToyShards[] = []

function openRing(): void {
  cluster = createMemoryCluster()
  client = createRingClient({
    network: cluster.join('client', 'client', null),
    randomId: () => (nextId++).toString(16).padStart(16, '0'),
    timer,
    now: () => performance.now(),
  })
  shards = [toyShards(), toyShards()]
  nodes = shards.map(({ load, fetch }, index) => {
    const network = cluster.join(`device-${index}`, 'device', {
      backend: 'wasm',
      weightFormats: ['f32'],
      floatType: 'f32',
      memoryBytes: 500,
      threads: 1,
      hardware: 'test',
    })
    return createRingNode({
      network,
      load,
      fetch,
      sizing: async () => toySizing(600),
      memoryBytes: () => 2 ** 30,
      timer,
      now: () => performance.now(),
      log: () => undefined,
    })
  })
}
afterEach(async () => {
  client.close()
  await Promise.all(nodes.map((node) => node.close()))
})

const wish = (state: WishState): void => cluster.wish({ ...WISH, state })
const reportsOf = (view: ClusterView): readonly ShardReport[] =>
  [...view.peers.values()].filter((peer) => peer.role === 'device').flatMap((peer) => peer.status.shards)
const everyPhase = (phase: ShardReport['phase']): Promise<ClusterView> =>
  cluster.until((view) => reportsOf(view).length === 2 && reportsOf(view).every((report) => report.phase === phase))
const ready = (): Promise<ClusterView> =>
  cluster.until((view) => {
    const placement = view.placements.get(MODEL)
    return placement !== undefined && placementState(view, placement) === 'ready'
  })
const ask = async (maxTokens: number): Promise<number[]> => {
  const ids: number[] = []
  const request = { model: MODEL, promptIds: [1, 2, 3], sampling: GREEDY, stopIds: [], maxTokens, signal: new AbortController().signal }
  for await (const event of client.complete(request)) if (event.type === 'token') ids.push(event.tokenId)
  return ids
}

test('a model that is stopped while it answers ends the answer with a reason, frees its layers, and answers again once resumed', async () => {
  openRing()
  wish('serve')
  await ready()
  const running = ask(500)
  await cluster.until(() => cluster.sent.some(({ frame }) => frame.type === 'token'))
  wish('paused')
  await expect(running).rejects.toMatchObject({ code: 'no_ring', message: expect.stringMatching(/stopped/) })
  await everyPhase('paused')
  await cluster.until(() => shards.every(({ runners }) => runners.every((runner) => runner.disposed())))
  await expect(ask(5)).rejects.toMatchObject({ code: 'no_ring', message: expect.stringMatching(/was stopped/) })
  wish('serve')
  await ready()
  expect(await ask(20)).toEqual(toyAnswer([1, 2, 3], 20))
})

test('a model that is only fetched opens nothing, can be stopped and resumed, says when its bytes are here, and then serves', async () => {
  openRing()
  wish('prefetch')
  await everyPhase('downloading')
  wish('paused')
  const paused = await everyPhase('paused')
  expect(shards.map(({ stopped }) => stopped())).toEqual([1, 1])
  expect(reportsOf(paused)).toMatchObject([
    { state: 'idle', loadedBytes: 40, totalBytes: 100 },
    { state: 'idle', loadedBytes: 40, totalBytes: 100 },
  ])
  wish('prefetch')
  await everyPhase('downloading')
  for (const { finishFetch } of shards) finishFetch()
  await everyPhase('stored')
  expect(shards.flatMap(({ runners }) => runners)).toEqual([])
  await expect(ask(5)).rejects.toMatchObject({ code: 'no_ring', message: expect.stringMatching(/only downloaded/) })
  const epoch = cluster.view().placements.get(MODEL)?.epoch
  wish('serve')
  await ready()
  // The same placement: nothing moves to another device between fetching and serving.
  expect(cluster.view().placements.get(MODEL)?.epoch).toBe(epoch)
  expect(await ask(20)).toEqual(toyAnswer([1, 2, 3], 20))
})

test('stopped and resumed at once, a model ends as it was wished last', async () => {
  openRing()
  wish('serve')
  await ready()
  for (const state of ['paused', 'serve', 'paused', 'serve'] as const) wish(state)
  await cluster.until((view) => shards.every(({ runners }) => runners.length > 1) && reportsOf(view).every((report) => report.state === 'ready'))
  expect(await ask(20)).toEqual(toyAnswer([1, 2, 3], 20))
  wish('forget')
  cluster.unwish(MODEL)
  await cluster.until((view) => reportsOf(view).length === 0)
  expect(shards.every(({ runners }) => runners.every((runner) => runner.disposed()))).toBe(true)
})
