/** A device that hands on what it did not compute: found by witnesses, left out, and the answer begins anew without it. */
import { expect, test } from 'vitest'
import { placementState } from '../../core/cluster/cluster-view.ts'
import { createSimCluster, simPlacement, simRequest, simWish, type SimClient, type SimCluster } from './sim-cluster.ts'
import { follow } from './stream.ts'
import { toyAnswer } from './toy-model.ts'

const PROMPT = [5, 17, 40, 3, 99]
const TOKENS = 250

const isServing = (client: SimClient): boolean => {
  const placement = simPlacement(client.network.view())
  return placement !== undefined && placementState(client.network.view(), placement) === 'ready'
}

async function openRing(seed: number): Promise<{ cluster: SimCluster; client: SimClient }> {
  const cluster = createSimCluster({ seed, paths: { delayMs: 2, jitterMs: 1 } })
  const client = await cluster.addClient('client')
  for (let i = 0; i < 4; i++) await cluster.addDevice(`device-${i}`, 900)
  client.network.wish(simWish(3))
  expect(await cluster.time.run(() => isServing(client) && simPlacement(client.network.view())?.shards.length === 3, 60_000)).toBe(true)
  // The spare has loaded what it may take over.
  await cluster.time.run(() => false, 5_000)
  return { cluster, client }
}
const checksOf = ({ devices }: SimCluster) => devices.flatMap(({ node }) => node.status().checks ?? [])

for (const [place, name] of ['first', 'middle', 'last'].entries())
  test(`36: a device with the ${name} layers whose results are wrong is found within 200 frames, and left out in words`, async () => {
    for (const seed of [1, 2, 3]) {
      const { cluster, client } = await openRing(seed)
      const shard = simPlacement(client.network.view())?.shards[place]
      const liar = cluster.devices.find(({ id }) => id === shard?.peerId)
      if (!liar) throw new Error('no device has these layers')
      liar.lies = true
      const isOut = (): boolean => !simPlacement(client.network.view())?.shards.some(({ peerId }) => peerId === liar.id)
      const stream = follow(cluster.time, client.client.complete(simRequest(PROMPT, TOKENS)))
      // A frame of the liar is a lap.
      expect(await cluster.time.run(() => isOut() || stream.ids.length > 200, 120_000)).toBe(true)
      expect(stream.ids.length).toBeLessThanOrEqual(200)
      expect(isOut()).toBe(true)
      expect(simPlacement(client.network.view())?.explanation[0]).toMatch(
        new RegExp(`^${liar.id} is left out: its results were wrong in \\d+ of \\d+ spot checks`),
      )
      await cluster.time.run(() => stream.isDone, 120_000)
      expect([stream.error, stream.ids.length]).toEqual([null, TOKENS])
      // What comes next is right from its first token.
      const next = follow(cluster.time, client.client.complete(simRequest(PROMPT, 40)))
      await cluster.time.run(() => next.isDone, 60_000)
      expect(next.ids).toEqual(toyAnswer(PROMPT, 40))
    }
  })

test('36: what an answer goes on with after a wrong device is what the others compute of it, from its beginning', async () => {
  const { cluster, client } = await openRing(4)
  const liar = cluster.devices.find(({ id }) => id === simPlacement(client.network.view())?.shards[1]?.peerId)
  if (!liar) throw new Error('no middle')
  liar.lies = true
  const stream = follow(cluster.time, client.client.complete(simRequest(PROMPT, TOKENS)))
  await cluster.time.run(() => stream.isDone, 200_000)
  // From some token on all of them follow from what was said before: nothing of the wrong values is left in any cache.
  const wrong = stream.ids.findLastIndex((id, i) => toyAnswer([...PROMPT, ...stream.ids.slice(0, i)], 1)[0] !== id)
  expect(wrong).toBeGreaterThanOrEqual(0)
  expect(wrong).toBeLessThan(220)
})

test('36: devices that compute rightly are checked and never accused, whatever the network does to their frames', async () => {
  const cluster = createSimCluster({ seed: 9, paths: { delayMs: 4, jitterMs: 6, corrupt: 0.01, loss: 0.02 } })
  const client = await cluster.addClient('client')
  for (let i = 0; i < 4; i++) await cluster.addDevice(`device-${i}`, 900)
  client.network.wish(simWish(3))
  await cluster.time.run(() => isServing(client) && simPlacement(client.network.view())?.shards.length === 3, 60_000)
  await cluster.time.run(() => false, 5_000)
  const streams = [1, 2, 3, 4].map((i) => follow(cluster.time, client.client.complete(simRequest([...PROMPT, i], 400))))
  await cluster.time.run(() => streams.every(({ isDone }) => isDone), 600_000)
  expect(streams.map(({ error }) => error)).toEqual([null, null, null, null])
  const checks = checksOf(cluster)
  expect(checks.reduce((sum, { checked }) => sum + checked, 0)).toBeGreaterThanOrEqual(10)
  expect(checks.filter(({ wrong, worstError }) => wrong > 0 || worstError > 0)).toEqual([])
})

test('36: nothing that a wrong device had a part in is taken over by a later answer that begins alike', async () => {
  const { cluster, client } = await openRing(6)
  const liar = cluster.devices.find(({ id }) => id === simPlacement(client.network.view())?.shards[1]?.peerId)
  if (!liar) throw new Error('no middle')
  liar.lies = true
  const isOut = (): boolean => !simPlacement(client.network.view())?.shards.some(({ peerId }) => peerId === liar.id)
  // Answers that end leave their KV caches on every shard.
  for (let i = 0; i < 40 && !isOut(); i++) {
    const stream = follow(cluster.time, client.client.complete(simRequest(PROMPT, 20, undefined, 'scope')))
    await cluster.time.run(() => stream.isDone, 60_000)
  }
  expect(isOut()).toBe(true)
  await cluster.time.run(() => isServing(client), 60_000)
  await cluster.time.run(() => false, 1_000)
  const next = follow(cluster.time, client.client.complete(simRequest(PROMPT, 20, undefined, 'scope')))
  await cluster.time.run(() => next.isDone, 60_000)
  expect(next.ids).toEqual(toyAnswer(PROMPT, 20))
})
