/** Many streams at once in virtual time: how much more a ring gives than to one stream, and what a long prompt takes from the others. */
import { expect, test } from 'vitest'
import { placementState } from '../../core/cluster/cluster-view.ts'
import { createSimCluster, simPlacement, simRequest, simWish, type SimClient, type SimCluster } from './sim-cluster.ts'
import { follow, type Stream } from './stream.ts'
import { toyAnswer } from './toy-model.ts'

const LAYER_MS = 4
const promptOf = (stream: number): number[] => [3 + stream, 90, 41]

async function ringOf(devices: number, delayMs: number, sharesMemory = false): Promise<{ cluster: SimCluster; client: SimClient }> {
  const cluster = createSimCluster({ seed: 7, layerMs: LAYER_MS, paths: { delayMs }, sharesMemory })
  const client = await cluster.addClient('client')
  for (let i = 0; i < devices; i++) await cluster.addDevice(`device-${i}`, 900)
  client.network.wish(simWish(devices, devices))
  const isServing = (): boolean => {
    const placement = simPlacement(client.network.view())
    return placement?.shards.length === devices && placementState(client.network.view(), placement) === 'ready'
  }
  expect(await cluster.time.run(isServing, 60_000)).toBe(true)
  return { cluster, client }
}

/** All tokens over virtual time, of so many streams that begin together. */
async function rateOf(devices: number, delayMs: number, streams: number, tokens = 100, sharesMemory = false): Promise<number> {
  const { cluster, client } = await ringOf(devices, delayMs, sharesMemory)
  const started = cluster.time.now()
  const all = Array.from({ length: streams }, (_, i) => follow(cluster.time, client.client.complete(simRequest(promptOf(i), tokens))))
  expect(await cluster.time.run(() => all.every((stream) => stream.isDone), 600_000)).toBe(true)
  expect(all.map(({ ids }) => ids)).toEqual(all.map((_, i) => toyAnswer(promptOf(i), tokens)))
  return (1000 * streams * tokens) / (cluster.time.now() - started)
}

/** Passes of up to five rows take as long as one: what is gained is what the ring makes of it. */
test.each([
  { devices: 1, delayMs: 0, streams: 4, atLeast: 3.8 },
  { devices: 2, delayMs: 0, streams: 2, atLeast: 1.9 },
  { devices: 2, delayMs: 0, streams: 4, atLeast: 3.6 },
  { devices: 2, delayMs: 0, streams: 8, atLeast: 7 },
  { devices: 3, delayMs: 20, streams: 4, atLeast: 3.6 },
])('$devices devices with hops of $delayMs ms give $streams streams $atLeast times what one gets, and more', async (given) => {
  const { devices, delayMs, streams, atLeast } = given
  expect((await rateOf(devices, delayMs, streams)) / (await rateOf(devices, delayMs, 1))).toBeGreaterThan(atLeast)
})

/** Two passes beside each other take what they take one after the other: as two groups four streams get twice what one gets, as one group four times. */
test('where two devices share their memory, four streams come to go around together', async () => {
  expect((await rateOf(2, 0, 4, 400, true)) / (await rateOf(2, 0, 1, 100, true))).toBeGreaterThan(3)
})

const tokensBetween = (streams: readonly Stream[], from: number, to: number): number =>
  streams.reduce((sum, { atMs }) => sum + atMs.filter((at) => at > from && at <= to).length, 0)

test.each([
  { devices: 2, delayMs: 0 },
  { devices: 3, delayMs: 20 },
])(
  'on $devices devices with hops of $delayMs ms a long prompt slows four streams by a quarter at most, and none pauses for more than two laps',
  async ({ devices, delayMs }) => {
    const { cluster, client } = await ringOf(devices, delayMs)
    const streams = Array.from({ length: 4 }, (_, i) => follow(cluster.time, client.client.complete(simRequest(promptOf(i), 500))))
    await cluster.time.run(() => streams.every(({ ids }) => ids.length >= 60), 600_000)
    const begun = cluster.time.now()
    const steadyFrom = Math.max(...streams.map(({ atMs }) => atMs[20] ?? Infinity))
    const long = Array.from({ length: 300 }, (_, i) => (i * 7) % 200)
    const prompt = follow(cluster.time, client.client.complete(simRequest(long, 2)))
    await cluster.time.run(() => prompt.ids.length > 0, 600_000)
    const until = cluster.time.now()
    expect(streams.every((stream) => !stream.isDone)).toBe(true)
    const before = tokensBetween(streams, steadyFrom, begun) / (begun - steadyFrom)
    const meanwhile = tokensBetween(streams, begun, until) / (until - begun)
    const lapMs = 4 / before
    const pauses = streams.flatMap(({ atMs }) => atMs.flatMap((at, i) => (at > begun && at <= until ? [at - (atMs[i - 1] ?? at)] : [])))
    expect(meanwhile / before).toBeGreaterThanOrEqual(0.75)
    expect(Math.max(...pauses)).toBeLessThanOrEqual(2 * lapMs)
    expect(prompt.ids).toEqual(toyAnswer(long, 2).slice(0, prompt.ids.length))
  },
)

test.each([1, 2])('on %i devices short prompts that come while one stream decodes are soon answered beside it, not behind it', async (devices) => {
  const { cluster, client } = await ringOf(devices, 0)
  const first = follow(cluster.time, client.client.complete(simRequest(promptOf(0), 400)))
  await cluster.time.run(() => first.ids.length >= 20, 600_000)
  const prompts = [1, 2, 3].map((seed) => Array.from({ length: 24 }, (_, i) => (seed * 31 + i * 7) % 200))
  const others = prompts.map((prompt) => follow(cluster.time, client.client.complete(simRequest(prompt, 20))))
  await cluster.time.run(() => others.every(({ ids }) => ids.length > 0), 600_000)
  expect(others.map(({ ids }) => ids.length > 0)).toEqual([true, true, true])
  expect(first.ids.length).toBeLessThan(20 + 40)
  await cluster.time.run(() => [first, ...others].every((stream) => stream.isDone), 600_000)
  expect(others.map(({ ids }) => ids)).toEqual(prompts.map((prompt) => toyAnswer(prompt, 20)))
})
