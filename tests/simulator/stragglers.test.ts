import { expect, test } from 'vitest'
import { placementState } from '../../core/cluster/cluster-view.ts'
import { createSimCluster, simPlacement, simRequest, simWish, type SimClient, type SimCluster, type SimDevice } from './sim-cluster.ts'
import { follow, type Stream } from './stream.ts'
import { toyAnswer } from './toy-model.ts'

const PROMPT = [5, 9, 2, 40, 11]
const TOKENS = 150

async function openCluster(
  memories: readonly number[],
  strategy: 'latency' | 'throughput' | 'auto',
): Promise<{ cluster: SimCluster; client: SimClient }> {
  const cluster = createSimCluster({ seed: 7, paths: { delayMs: 2, jitterMs: 1 }, layerMs: 4 })
  for (const [i, memory] of memories.entries()) await cluster.addDevice(`device-${i}`, memory)
  const client = await cluster.addClient('client')
  client.network.wish({ ...simWish(8), strategy })
  await cluster.time.run(() => isReady(client), 60_000)
  return { cluster, client }
}
function isReady(client: SimClient): boolean {
  const placement = simPlacement(client.network.view())
  return placement !== undefined && placementState(client.network.view(), placement) === 'ready'
}
/** One stream after the other until told to stop; every answer must be the whole model's. */
function ask(cluster: SimCluster, client: SimClient, streams: number) {
  const answers: Stream[] = []
  let stopped = false
  const next = (): void => {
    if (stopped) return
    const stream = follow(cluster.time, client.client.complete(simRequest(PROMPT, TOKENS)))
    answers.push(stream)
    const look = (): void => void cluster.time.timer(20, () => (stream.isDone ? next() : look()))
    look()
  }
  for (let i = 0; i < streams; i++) next()
  return { answers, stop: () => (stopped = true) }
}
const rate = (answers: readonly Stream[], from: number, to: number): number =>
  answers.flatMap(({ atMs }) => atMs).filter((at) => at >= from && at < to).length / ((to - from) / 1000)
const layersOf = (client: SimClient): Record<string, number> =>
  Object.fromEntries(simPlacement(client.network.view())?.shards.map(({ peerId, startLayer, endLayer }) => [peerId, endLayer - startLayer]) ?? [])

for (const strategy of ['latency', 'throughput'] as const) {
  test(`5: ${strategy}: a device ten times slower is shrunk or left out, and within 30 s the ring has 70 % of the speed it had`, async () => {
    // Three hold the model only together, the fourth makes up for one that is gone.
    const { cluster, client } = await openCluster([300, 300, 300, 300], strategy)
    const { answers, stop } = ask(cluster, client, strategy === 'latency' ? 1 : 4)
    const { time } = cluster
    await time.run(() => false, 6_000)
    const before = rate(answers, time.now() - 4_000, time.now())
    const slow = cluster.devices.find(({ id }) => (layersOf(client)[id] ?? 0) > 0)
    if (!slow) throw new Error('no device has layers')
    slow.slowness = 10
    const slowedAt = time.now()
    await time.run(() => false, 36_000)
    const after = rate(answers, slowedAt + 30_000, time.now())
    stop()
    await time.run(() => answers.every(({ isDone }) => isDone), 60_000)
    expect(after / before).toBeGreaterThan(0.7)
    expect(layersOf(client)[slow.id] ?? 0).toBe(0)
    for (const { ids, error } of answers) {
      expect(error).toBeNull()
      expect(ids).toEqual(toyAnswer(PROMPT, TOKENS))
    }
  })
}

test('40: a page that is hidden and slowed down says so, and the plan follows: its layers are with others within 30 s', async () => {
  const { cluster, client } = await openCluster([300, 300, 300, 300], 'latency')
  const { answers, stop } = ask(cluster, client, 1)
  const { time } = cluster
  await time.run(() => false, 6_000)
  const hidden = cluster.devices.find(({ id }) => (layersOf(client)[id] ?? 0) > 0)
  if (!hidden) throw new Error('no device has layers')
  hidden.node.setVisibility('hidden')
  hidden.slowness = 10
  expect(await time.run(() => client.network.view().peers.get(hidden.id)?.status.visibility === 'hidden', 1_000)).toBe(true)
  expect(await time.run(() => (layersOf(client)[hidden.id] ?? 0) === 0, 30_000)).toBe(true)
  stop()
  await time.run(() => answers.every(({ isDone }) => isDone), 60_000)
  for (const { ids, error } of answers) expect([error, ids]).toEqual([null, toyAnswer(PROMPT, TOKENS)])
})

test('without a spare the slow device keeps what the others cannot hold, and no more', async () => {
  const { cluster, client } = await openCluster([500, 500], 'throughput')
  const { stop } = ask(cluster, client, 4)
  await cluster.time.run(() => false, 6_000)
  const [first, second] = cluster.devices
  if (!first || !second) throw new Error('two devices')
  expect(layersOf(client)).toEqual({ [first.id]: 4, [second.id]: 4 })
  first.slowness = 10
  await cluster.time.run(() => layersOf(client)[first.id] === 3, 40_000)
  expect(layersOf(client)).toEqual({ [first.id]: 3, [second.id]: 5 })
  stop()
})

test('6: a device that is slow and fast by turns changes the ring a few times in five minutes, and loses its place at most once in one', async () => {
  const { cluster, client } = await openCluster([300, 300, 300, 300], 'throughput')
  const { stop } = ask(cluster, client, 1)
  const { time } = cluster
  const changes: number[] = []
  const losses: number[] = []
  let flapping: SimDevice | null = null
  let shards = JSON.stringify(layersOf(client))
  const close = client.network.onView(() => {
    const now = JSON.stringify(layersOf(client))
    if (now === shards) return
    changes.push(time.now())
    if (flapping && shards.includes(flapping.id) && layersOf(client)[flapping.id] === undefined) losses.push(time.now())
    shards = now
  })
  await time.run(() => false, 5_000)
  flapping = cluster.devices.find(({ id }) => (layersOf(client)[id] ?? 0) > 0) ?? null
  if (!flapping) throw new Error('no device has layers')
  for (let turn = 0; turn < 20; turn++) {
    flapping.slowness = turn % 2 === 0 ? 10 : 1
    await time.run(() => false, 15_000)
  }
  close()
  stop()
  expect(changes.length).toBeGreaterThan(0)
  expect(changes.length).toBeLessThanOrEqual(3)
  expect(losses.length).toBeGreaterThan(0)
  for (const [i, at] of losses.slice(1).entries()) expect(at - (losses[i] ?? 0)).toBeGreaterThanOrEqual(60_000)
})
