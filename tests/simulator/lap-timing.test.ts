/** What frames tell of a lap: every shard's part, measured where it was spent. */
import { expect, test } from 'vitest'
import type { Drafter } from '../../core/speculation/drafter.ts'
import { placementState } from '../../core/cluster/cluster-view.ts'
import { createSimCluster, simPlacement, simRequest, simWish, type SimClient, type SimCluster } from './sim-cluster.ts'
import { follow } from './stream.ts'
import { toyDrafter } from './toy-drafter.ts'
import { toyAnswer, TOY_LAYERS } from './toy-model.ts'

const LAYER_MS = 2
const DELAY_MS = 7

async function ringOf(devices: number, maxSegments = Infinity, newDrafter?: () => Drafter): Promise<{ cluster: SimCluster; client: SimClient }> {
  const cluster = createSimCluster({ seed: 1, layerMs: LAYER_MS, maxSegments, paths: { delayMs: DELAY_MS }, ...(newDrafter ? { newDrafter } : {}) })
  const client = await cluster.addClient('client')
  for (let i = 0; i < devices; i++) await cluster.addDevice(`device-${i}`, 900)
  client.network.wish(simWish(devices))
  const isServing = (): boolean => {
    const placement = simPlacement(client.network.view())
    return placement?.shards.length === devices && placementState(client.network.view(), placement) === 'ready'
  }
  expect(await cluster.time.run(isServing, 30_000)).toBe(true)
  return { cluster, client }
}

test.each([1, 3])('in a ring of %i the head reports laps, and for each shard what it computed', async (devices) => {
  const { cluster, client } = await ringOf(devices)
  const stream = follow(cluster.time, client.client.complete(simRequest([5, 17, 40], 60)))
  await cluster.time.run(() => stream.isDone, 60_000)
  await cluster.time.run(() => false, 2_000)
  const view = client.network.view()
  const shards = simPlacement(view)?.shards ?? []
  const report = view.peers.get(shards[0]?.peerId ?? client.id)?.status.laps[0]
  expect(report?.epoch).toBe(simPlacement(view)?.epoch)
  // The last token ends the answer: it begins no lap.
  expect(report?.laps).toBe(58)
  expect(report?.lapMs).toBeCloseTo(TOY_LAYERS * LAYER_MS + (devices > 1 ? devices * DELAY_MS : 0), 3)
  expect(report?.stages.map((stage) => stage.computeMs)).toEqual(shards.map((shard) => (shard.endLayer - shard.startLayer) * LAYER_MS))
  expect(view.peers.get(client.id)?.status.laps).toEqual([])
})

test('5: a shard that is ten times slower shows in its own part and in no other', async () => {
  const { cluster, client } = await ringOf(3)
  const slow = simPlacement(client.network.view())?.shards[1]
  for (const device of cluster.devices) if (device.id === slow?.peerId) device.slowness = 10
  const hops: (readonly { readonly computeMs: number }[])[] = []
  const answer = (async () => {
    for await (const event of client.client.complete(simRequest([5, 17, 40], 20))) if (event.type === 'token') hops.push(event.hops)
  })()
  await cluster.time.run(() => hops.length === 20, 60_000)
  await answer
  const shards = simPlacement(client.network.view())?.shards ?? []
  const expected = shards.map((shard) => (shard.endLayer - shard.startLayer) * LAYER_MS * (shard === slow ? 10 : 1))
  expect(hops.slice(1).map((lap) => lap.map((hop) => hop.computeMs))).toEqual(Array.from({ length: 19 }, () => expected))
})

test('two answers at once on a device that takes one at a time: what one waits for the other is the time in line', async () => {
  const { cluster, client } = await ringOf(1, 1)
  const streams = [0, 1].map(() => follow(cluster.time, client.client.complete(simRequest([5, 17, 40], 40))))
  await cluster.time.run(() => streams.every((stream) => stream.isDone), 60_000)
  await cluster.time.run(() => false, 2_000)
  const head = simPlacement(client.network.view())?.shards[0]?.peerId
  const stage = client.network.view().peers.get(head ?? client.id)?.status.laps[0]?.stages[0]
  expect(stage?.computeMs).toBeCloseTo(TOY_LAYERS * LAYER_MS, 3)
  expect(stage?.queueMs).toBeGreaterThan(TOY_LAYERS * LAYER_MS * 0.8)
})

test('laps that check guesses are no laps of one token: figures are those of plain ones', async () => {
  const prompt = [5, 17, 40]
  const newDrafter = () =>
    toyDrafter(
      () => [{ prompt, ids: toyAnswer(prompt, 60) }],
      () => false,
      () => undefined,
    )
  const { cluster, client } = await ringOf(2, Infinity, newDrafter)
  const stream = follow(cluster.time, client.client.complete(simRequest(prompt, 60)))
  await cluster.time.run(() => stream.isDone, 60_000)
  await cluster.time.run(() => false, 2_000)
  const view = client.network.view()
  const report = view.peers.get(simPlacement(view)?.shards[0]?.peerId ?? client.id)?.status.laps[0]
  // Nine tokens a lap soon after the first: most laps check guesses.
  expect(report?.laps).toBeGreaterThan(0)
  expect(report?.laps).toBeLessThan(10)
  expect(report?.lapMs).toBeCloseTo(TOY_LAYERS * LAYER_MS + 2 * DELAY_MS, 3)
})
