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
