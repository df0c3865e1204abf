/** Many streams at once in virtual time: how much more a ring gives than to one stream, and what a long prompt takes from the others. */
import { expect, test } from 'vitest'
import { placementState } from '../../core/cluster/cluster-view.ts'
import { createSimCluster, simPlacement, simRequest, simWish, type SimClient, type SimCluster, type SimOptions } from './sim-cluster.ts'
import { follow, type Stream } from './stream.ts'
import { toyAnswer } from './toy-model.ts'

const LAYER_MS = 4
const promptOf = (stream: number): number[] => [3 + stream, 90, 41]

type Machine = Pick<SimOptions, 'layerMs' | 'costOf' | 'sharesMemory'>

async function ringOf(devices: number, delayMs: number, machine: Machine = {}): Promise<{ cluster: SimCluster; client: SimClient }> {
  const cluster = createSimCluster({ seed: 7, layerMs: LAYER_MS, paths: { delayMs }, ...machine })
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
async function rateOf(devices: number, delayMs: number, streams: number, tokens = 100, machine: Machine = {}): Promise<number> {
  const { cluster, client } = await ringOf(devices, delayMs, machine)
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

const SHARED: Machine = { sharesMemory: 1 }

/** Two passes beside each other take what they take one after the other: as two groups four streams get twice what one gets, as one group four times. */
test('where two devices share their memory, four streams come to go around together', async () => {
  expect((await rateOf(2, 0, 4, 400, SHARED)) / (await rateOf(2, 0, 1, 100, SHARED))).toBeGreaterThan(3)
})

const tokensBetween = (streams: readonly Stream[], from: number, to: number): number =>
  streams.reduce((sum, { atMs }) => sum + atMs.filter((at) => at > from && at <= to).length, 0)

/** Milliseconds of a pass over so many rows, as measured of half of SmolLM2-135M's shape in f32 (docs/benchmarks.md): kernels take rows in fours. */
const MEASURED_MS = [0, 12.8, 13.4, 14.4, 15.6, 20.7, 25.8, 28, 30.1, 33.2, 36.4, 39.5, 42.6, 46.2, 49.8, 53.3, 56.9]
const LARGEST = MEASURED_MS.length - 1
const measuredMs = (rows: number): number => MEASURED_MS[rows] ?? ((MEASURED_MS[LARGEST] ?? 0) * rows) / LARGEST
const KERNELS: Machine = { layerMs: measuredMs(1) / 4, costOf: (rows) => measuredMs(rows) / measuredMs(1) }
/** Two devices on one machine read its memory 1.35 times as fast as one. */
const TABS: Machine = { ...KERNELS, sharesMemory: 1.35 }

const tokenIds = (count: number, step: number): readonly number[] => Array.from({ length: count }, (_, i) => (i * step) % 200)

test.each([
  { machine: 'five rows as fast as one', devices: 2, delayMs: 0, costs: {}, length: 300, most: 2 },
  { machine: 'five rows as fast as one', devices: 3, delayMs: 20, costs: {}, length: 300, most: 2 },
  { machine: 'measured kernels', devices: 1, delayMs: 0, costs: KERNELS, length: 120, most: 7 },
  { machine: 'measured kernels', devices: 2, delayMs: 0, costs: KERNELS, length: 300, most: 2.5 },
  { machine: 'measured kernels, tabs', devices: 2, delayMs: 1, costs: TABS, length: 300, most: 4.5 },
  { machine: 'measured kernels', devices: 3, delayMs: 20, costs: KERNELS, length: 300, most: 2.5 },
])(
  '$machine, $devices devices, hops of $delayMs ms: a long prompt slows four streams by a quarter at most, none pauses for more than two laps, and it takes $most times as long as alone at most',
  async ({ devices, delayMs, costs, length, most }) => {
    const { cluster, client } = await ringOf(devices, delayMs, costs)
    const { time } = cluster
    const ask = (promptIds: readonly number[], tokens: number): Stream => follow(time, client.client.complete(simRequest(promptIds, tokens)))
    const aloneFrom = time.now()
    const alone = ask(tokenIds(length, 11), 2)
    await time.run(() => alone.isDone, 600_000)
    const streams = Array.from({ length: 4 }, (_, i) => ask(promptOf(i), 580))
    await time.run(() => streams.every(({ ids }) => ids.length >= 260), 600_000)
    const begun = time.now()
    const steadyFrom = Math.max(...streams.map(({ atMs }) => atMs[200] ?? Infinity))
    const prompt = ask(tokenIds(length, 7), 2)
    await time.run(() => prompt.ids.length > 0, 600_000)
    const until = time.now()
    expect(streams.every((stream) => !stream.isDone)).toBe(true)
    const before = tokensBetween(streams, steadyFrom, begun) / (begun - steadyFrom)
    const meanwhile = tokensBetween(streams, begun, until) / (until - begun)
    const lapMs = 4 / before
    const pauses = streams.flatMap(({ atMs }) => atMs.flatMap((at, i) => (at > begun && at <= until ? [at - (atMs[i - 1] ?? at)] : [])))
    expect(meanwhile / before).toBeGreaterThanOrEqual(0.75)
    expect(Math.max(...pauses)).toBeLessThanOrEqual(2 * lapMs)
    expect((until - begun) / ((alone.atMs[0] ?? 0) - aloneFrom)).toBeLessThan(most)
    expect(prompt.ids).toEqual(toyAnswer(tokenIds(length, 7), 2).slice(0, prompt.ids.length))
  },
)

/** A prompt of 16 tokens takes a shard 57 ms, alone or with others: eight take nine times that on two shards, one behind the other. */
test.each([
  { before: 'nothing ran', others: 0 },
  { before: 'others have just ended', others: 8 },
])('eight prompts that begin at once have their first tokens as soon as passes over them can be done, where $before', async ({ others }) => {
  const { cluster, client } = await ringOf(2, 0, KERNELS)
  const ask = (seed: number, tokens: number): Stream => follow(cluster.time, client.client.complete(simRequest(tokenIds(16, seed), tokens)))
  const earlier = Array.from({ length: others }, (_, i) => ask(31 + i, 60))
  await cluster.time.run(() => earlier.every((stream) => stream.isDone), 600_000)
  const begun = cluster.time.now()
  const streams = Array.from({ length: 8 }, (_, i) => ask(7 + i, 60))
  await cluster.time.run(() => streams.every((stream) => stream.isDone), 600_000)
  const firstMs = streams.map(({ atMs }) => (atMs[0] ?? Infinity) - begun).toSorted((a, b) => a - b)
  expect(firstMs[3]).toBeLessThan(1.3 * 5 * measuredMs(16))
  expect(firstMs[7]).toBeLessThan(1.2 * 9 * measuredMs(16))
  expect(streams.map(({ ids }) => ids)).toEqual(streams.map((_, i) => toyAnswer(tokenIds(16, 7 + i), 60)))
})

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
