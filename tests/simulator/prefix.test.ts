/** What answers that begin alike have of each other's KV caches, in virtual time. Every answer is checked against the unsplit model. */
import { expect, test } from 'vitest'
import { placementState } from '../../core/cluster/cluster-view.ts'
import { createSimCluster, simPlacement, simRequest, simWish, type SimClient, type SimCluster, type SimOptions } from './sim-cluster.ts'
import { follow, type Stream } from './stream.ts'
import { TOY_VOCAB, toyAnswer } from './toy-model.ts'

const FIRST = Array.from({ length: 300 }, (_, i) => (i * 37 + 11) % TOY_VOCAB)
const MORE = [1, 2, 3]
const TOKENS = 12

type Ring = { readonly cluster: SimCluster; readonly client: SimClient }

async function ringOfThree(options: Partial<SimOptions> & { readonly spares?: number; readonly memory?: number } = {}): Promise<Ring> {
  const { spares = 0, memory = 300, ...rest } = options
  const cluster = createSimCluster({ seed: 1, paths: { delayMs: 2 }, ...rest })
  const client = await cluster.addClient('client')
  for (let i = 0; i < 3 + spares; i++) await cluster.addDevice(`device-${i}`, memory)
  client.network.wish(simWish(3))
  expect(await cluster.time.run(() => isServing(client, 3), 30_000)).toBe(true)
  await cluster.time.run(() => false, 3_000)
  return { cluster, client }
}

const isServing = (client: SimClient, devices: number): boolean => {
  const view = client.network.view()
  const placement = simPlacement(view)
  return placement?.shards.length === devices && placementState(view, placement) === 'ready'
}

type Asked = { readonly client?: SimClient; readonly scope?: string | null; readonly tokens?: number }

/** The answer, once it is whole and right. */
async function ask({ cluster, ...ring }: Ring, prompt: readonly number[], { client = ring.client, scope = 'all', tokens = TOKENS }: Asked = {}) {
  const askedMs = cluster.time.now()
  const stream = follow(cluster.time, client.client.complete(simRequest(prompt, tokens, undefined, scope)))
  await cluster.time.run(() => stream.isDone, 200_000)
  expect(stream.error).toBeNull()
  expect(stream.ids).toEqual(toyAnswer(prompt, tokens))
  // What the tail tells the others on its last token is under way still.
  await cluster.time.run(() => false, 100)
  return { ...stream, firstMs: (stream.atMs[0] ?? Number.NaN) - askedMs }
}

/** The next turn's prompt. */
const after = (prompt: readonly number[], { ids }: Pick<Stream, 'ids'>): readonly number[] => [...prompt, ...ids, ...MORE]
const ownerOf = ({ cluster, client }: Ring, index: number) => {
  const id = simPlacement(client.network.view())?.shards[index]?.peerId
  const device = cluster.devices.find((candidate) => candidate.id === id && !candidate.isDead)
  if (!device) throw new Error(`no device holds shard ${index}`)
  return device
}
const keptBy = ({ cluster }: Ring): number[] => cluster.devices.filter(({ isDead }) => !isDead).map(({ shards }) => shards.caches())

test('a second turn computes what is new: all of the first but its last token is cached, and its first token comes soon', async () => {
  const ring = await ringOfThree()
  const first = await ask(ring, FIRST)
  expect(first.cached).toBe(0)
  const second = await ask(ring, after(FIRST, first))
  expect(second.cached).toBe(FIRST.length + TOKENS - 1)
  expect(second.firstMs).toBeLessThan(0.15 * first.firstMs)
  expect(keptBy(ring)).toEqual([1, 1, 1])
})

test('the same prompt again computes its last token, another end only what differs, and an end of its own nothing less', async () => {
  const ring = await ringOfThree()
  await ask(ring, FIRST)
  expect((await ask(ring, FIRST)).cached).toBe(FIRST.length - 1)
  expect((await ask(ring, [...FIRST.slice(0, 170), 5, 5, 5])).cached).toBe(170)
  expect((await ask(ring, [9, ...FIRST])).cached).toBe(0)
})

test('nothing is shared between scopes, between clients, or with answers that want no cache; those leave none', async () => {
  const ring = await ringOfThree()
  const other = await ring.cluster.addClient('other')
  await ask(ring, FIRST, { scope: null })
  expect(keptBy(ring)).toEqual([0, 0, 0])
  await ask(ring, FIRST)
  expect((await ask(ring, FIRST, { scope: 'mine' })).cached).toBe(0)
  expect((await ask(ring, FIRST, { client: other })).cached).toBe(0)
  expect((await ask(ring, FIRST, { scope: null })).cached).toBe(0)
  expect((await ask(ring, FIRST)).cached).toBe(FIRST.length - 1)
})

test('what a client left goes with it', async () => {
  const ring = await ringOfThree()
  await ask(ring, FIRST)
  expect(keptBy(ring)).toEqual([1, 1, 1])
  ring.client.client.close()
  ring.client.socket.die()
  ring.cluster.paths.close(ring.client.id)
  await ring.cluster.time.run(() => keptBy(ring).every((caches) => caches === 0), 120_000)
  expect(keptBy(ring)).toEqual([0, 0, 0])
})

test('a device without room keeps the newest, and the others keep no more than it', async () => {
  // Of three layers: one answer of 311 tokens and not a second one beside it.
  const ring = await ringOfThree({ cacheBytes: 3 * 400 })
  await ask(ring, FIRST)
  const another = FIRST.map((id) => (id + 1) % TOY_VOCAB)
  await ask(ring, another)
  expect(keptBy(ring)).toEqual([1, 1, 1])
  expect((await ask(ring, FIRST)).cached).toBe(0)
  expect((await ask(ring, FIRST)).cached).toBe(FIRST.length - 1)
})

test.each([
  ['what it sends on is kept', 2 ** 26],
  ['nothing that was sent on is kept', 0],
])('a shard with a new owner has nothing: the ring begins with what all have, and the answer is the same (%s)', async (_, logBytes) => {
  for (const index of [0, 1, 2]) {
    const ring = await ringOfThree({ spares: 1, memory: 800, logBytes })
    const first = await ask(ring, FIRST)
    ring.cluster.kill(ownerOf(ring, index), 'closed')
    await ring.cluster.time.run(() => isServing(ring.client, 3), 60_000)
    const second = await ask(ring, after(FIRST, first))
    expect(second.cached).toBe(0)
    const third = await ask(ring, after(after(FIRST, first), second))
    expect(third.cached).toBe(FIRST.length + 2 * TOKENS + MORE.length - 1)
  }
})

test('a new placement in which every range stays keeps what was cached', async () => {
  const ring = await ringOfThree()
  const first = await ask(ring, FIRST)
  const before = simPlacement(ring.client.network.view())
  ring.client.network.wish({ ...simWish(3), maxDevices: 3, minDevices: 2 })
  await ring.cluster.addDevice('another', 300)
  await ring.cluster.time.run(() => false, 30_000)
  const now = simPlacement(ring.client.network.view())
  expect(now?.epoch).toBeGreaterThan(before?.epoch ?? 0)
  expect(now?.shards.map(({ peerId, startLayer }) => [peerId, startLayer])).toEqual(
    before?.shards.map(({ peerId, startLayer }) => [peerId, startLayer]),
  )
  expect((await ask(ring, after(FIRST, first))).cached).toBe(FIRST.length + TOKENS - 1)
})

test('an answer that was cancelled leaves what every shard has of it', async () => {
  const ring = await ringOfThree()
  const abort = new AbortController()
  const stream = follow(ring.cluster.time, ring.client.client.complete(simRequest(FIRST, 200, abort.signal, 'all')))
  await ring.cluster.time.run(() => stream.ids.length >= 5, 60_000)
  abort.abort()
  await ring.cluster.time.run(() => stream.isDone, 10_000)
  await ring.cluster.time.run(() => false, 100)
  const said = stream.ids.slice(0, 5)
  expect((await ask(ring, [...FIRST, ...said, 200, 201])).cached).toBeGreaterThanOrEqual(FIRST.length + 4)
})
