/** Faults of docs/faults.md, by number, that the other tests here leave open. */
import { expect, test } from 'vitest'
import { placementState } from '../../core/cluster/cluster-view.ts'
import { createSimCluster, simPlacement, simRequest, simWish, type SimClient } from './sim-cluster.ts'
import { follow } from './stream.ts'
import { toyAnswer } from './toy-model.ts'

const PROMPT = [5, 17, 40, 3, 99]

const isServing = (client: SimClient): boolean => {
  const view = client.network.view()
  const placement = simPlacement(view)
  return placement !== undefined && placementState(view, placement) === 'ready'
}

test('16: a device that runs out of memory while it loads offers less, gets fewer layers, and the ring serves', async () => {
  const cluster = createSimCluster({ seed: 1, paths: { delayMs: 2 } })
  const client = await cluster.addClient('client')
  // Both pledge the same; one can hold three layers of its four.
  const short = await cluster.addDevice('device-0', 600, 350)
  await cluster.addDevice('device-1', 600)
  client.network.wish(simWish(2))
  expect(await cluster.time.run(() => isServing(client), 60_000)).toBe(true)
  const layers = new Map(simPlacement(client.network.view())?.shards.map((shard) => [shard.peerId, shard.endLayer - shard.startLayer]))
  expect(layers.get(short.id)).toBeLessThanOrEqual(3)
  expect([...layers.values()].reduce((sum, count) => sum + count, 0)).toBe(8)
  expect(client.network.view().peers.get(short.id)?.capabilities?.memoryBytes).toBeLessThan(600)
  const stream = follow(cluster.time, client.client.complete(simRequest(PROMPT, 20)))
  await cluster.time.run(() => stream.isDone, 60_000)
  expect(stream.ids).toEqual(toyAnswer(PROMPT, 20))
})

test('16: devices that together cannot hold the model say what is missing, and stop trying', async () => {
  const cluster = createSimCluster({ seed: 1, paths: { delayMs: 2 } })
  const client = await cluster.addClient('client')
  await cluster.addDevice('device-0', 600, 150)
  await cluster.addDevice('device-1', 600, 150)
  client.network.wish(simWish(2))
  const problem = (): string | undefined => simPlacement(client.network.view())?.problem?.code
  expect(await cluster.time.run(() => problem() === 'not_enough_memory', 120_000)).toBe(true)
  const loads = (): number => cluster.log.filter((line) => line.includes('offers less')).length
  const before = loads()
  await cluster.time.run(() => false, 120_000)
  expect(loads()).toBe(before)
  const stream = follow(cluster.time, client.client.complete(simRequest(PROMPT, 20)))
  await cluster.time.run(() => stream.isDone, 60_000)
  expect(stream.error).toMatchObject({ code: 'not_enough_memory' })
})

test('16: memory that runs out while KV caches grow becomes a smaller offer, and the next answer is right', async () => {
  const { cluster, client } = await ringOf(2, { seed: 2, paths: { delayMs: 2 } })
  const [short] = cluster.devices
  if (!short) throw new Error('no device')
  short.mostCaches = 1
  const offered = (): number => client.network.view().peers.get(short.id)?.capabilities?.memoryBytes ?? 0
  const streams = [1, 2, 3].map((i) => follow(cluster.time, client.client.complete(simRequest([...PROMPT, i], 40))))
  expect(await cluster.time.run(() => offered() < 900, 30_000)).toBe(true)
  await cluster.time.run(() => streams.every(({ isDone }) => isDone), 200_000)
  for (const { error } of streams) if (error !== null) expect(error).toMatchObject({ code: 'not_enough_memory' })
  expect(cluster.log.filter((line) => line.includes(`${short.id}: offers less`))).toHaveLength(1)
  short.mostCaches = Infinity
  await cluster.time.run(() => isServing(client), 60_000)
  const next = follow(cluster.time, client.client.complete(simRequest(PROMPT, 20)))
  await cluster.time.run(() => next.isDone, 60_000)
  expect(next.ids).toEqual(toyAnswer(PROMPT, 20))
})

test('1: a spare that loads for ever is given up after three minutes, and another one holds its ranges ready', async () => {
  const cluster = createSimCluster({ seed: 3, paths: { delayMs: 2 } })
  const client = await cluster.addClient('client')
  for (let i = 0; i < 6; i++) await cluster.addDevice(`device-${i}`, 900)
  client.network.wish(simWish(2))
  const holders = (): readonly string[] => [
    ...new Set(simPlacement(client.network.view())?.spares.flatMap(({ peerId, startLayer, endLayer }) => (endLayer > startLayer ? [peerId] : []))),
  ]
  // It is to load something only once the ring stands, as a spare.
  await cluster.time.run(() => holders().length > 0, 60_000)
  const stuck = cluster.devices.find(({ id }) => holders().includes(id))
  if (!stuck) throw new Error('no spare')
  const idle = cluster.devices.find(
    ({ id }) => !holders().includes(id) && !simPlacement(client.network.view())?.shards.some(({ peerId }) => peerId === id),
  )
  if (!idle) throw new Error('every spare holds something')
  stuck.loadsForEver = true
  await cluster.time.run(() => isServing(client), 60_000)
  expect(await cluster.time.run(() => !holders().includes(stuck.id), 170_000)).toBe(false)
  expect(await cluster.time.run(() => !holders().includes(stuck.id), 60_000)).toBe(true)
  expect(await cluster.time.run(() => holders().includes(idle.id), 1_000)).toBe(true)
  const stream = follow(cluster.time, client.client.complete(simRequest(PROMPT, 20)))
  await cluster.time.run(() => stream.isDone, 60_000)
  expect(stream.ids).toEqual(toyAnswer(PROMPT, 20))
})

async function ringOf(devices: number, options: Parameters<typeof createSimCluster>[0], spares = 0) {
  const cluster = createSimCluster(options)
  const client = await cluster.addClient('client')
  for (let i = 0; i < devices + spares; i++) await cluster.addDevice(`device-${i}`, 900)
  client.network.wish(simWish(devices))
  const isWhole = (): boolean => isServing(client) && simPlacement(client.network.view())?.shards.length === devices
  expect(await cluster.time.run(isWhole, 60_000)).toBe(true)
  await cluster.time.run(() => false, 3_000)
  return { cluster, client }
}

test('8: slices that come twice, in bursts and out of their order change no token', async () => {
  const paths = { delayMs: 5, jitterMs: 10, duplicate: 0.1, loss: 0.05, burst: 0.02, burstMs: 400, reorder: 0.002 }
  const { cluster, client } = await ringOf(3, { seed: 4, paths })
  const streams = [40, 60].map((tokens) => follow(cluster.time, client.client.complete(simRequest(PROMPT, tokens))))
  await cluster.time.run(() => streams.every((stream) => stream.isDone), 400_000)
  expect(streams.map((stream) => stream.error)).toEqual([null, null])
  expect(streams.map((stream) => stream.ids)).toEqual([toyAnswer(PROMPT, 40), toyAnswer(PROMPT, 60)])
})

test('9: frames of an answer that is over, sent once more in the middle of the next, change nothing', async () => {
  const { cluster, client } = await ringOf(3, { seed: 1, paths: { delayMs: 2 } })
  const recorded: { readonly from: string; readonly bytes: Uint8Array }[] = []
  const stop = client.network.onFrame((from, bytes) => void recorded.push({ from, bytes: bytes.slice() }))
  const first = follow(cluster.time, client.client.complete(simRequest([9, 8, 7], 30)))
  await cluster.time.run(() => first.isDone, 60_000)
  stop()
  expect(recorded.length).toBeGreaterThanOrEqual(30)
  const second = follow(cluster.time, client.client.complete(simRequest(PROMPT, 40)))
  await cluster.time.run(() => second.ids.length > 10, 60_000)
  for (const { from, bytes } of recorded) {
    const device = cluster.devices.find(({ id }) => id === from)
    if (!device) continue
    await cluster.time.run(() => false, 1)
    for (const to of [client.id, ...cluster.devices.map(({ id }) => id)]) if (to !== from) void device.network.send(to, bytes).catch(() => undefined)
  }
  await cluster.time.run(() => second.isDone, 60_000)
  expect([second.ids, second.indexes]).toEqual([toyAnswer(PROMPT, 40), Array.from({ length: 40 }, (_, i) => i)])
})

test('39: a laptop that sleeps for an hour is replaced, and is a device like any other when it wakes', async () => {
  const { cluster, client } = await ringOf(3, { seed: 1, paths: { delayMs: 2 } }, 1)
  const epoch = simPlacement(client.network.view())?.epoch ?? 0
  const sleeper = cluster.devices.find(({ id }) => id === simPlacement(client.network.view())?.shards[1]?.peerId)
  if (!sleeper) throw new Error('no device in the middle')
  const stream = follow(cluster.time, client.client.complete(simRequest(PROMPT, 60)))
  await cluster.time.run(() => stream.ids.length > 10, 60_000)
  cluster.freeze(sleeper, 3_600_000)
  await cluster.time.run(() => stream.isDone, 60_000)
  expect([stream.error, stream.ids]).toEqual([null, toyAnswer(PROMPT, 60)])
  await cluster.time.run(() => false, 3_600_000)
  await cluster.time.run(() => isServing(client) && client.network.view().peers.has(sleeper.id), 60_000)
  expect(simPlacement(client.network.view())?.epoch).toBeGreaterThan(epoch)
  const next = follow(cluster.time, client.client.complete(simRequest([3, 2, 1], 20)))
  await cluster.time.run(() => next.isDone, 60_000)
  expect(next.ids).toEqual(toyAnswer([3, 2, 1], 20))
  // What ran before it slept is over: nothing of it is left on the sleeper, and no spot check takes longer.
  expect(await cluster.time.run(() => sleeper.shards.caches() === 0, 2_000)).toBe(true)
})
