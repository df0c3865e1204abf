import { afterEach, describe, expect, test } from 'vitest'
import { createRingClient, type CompletionEvent, type CompletionRequest, type RingClient } from '../../core/client/ring-client.ts'
import { placementState } from '../../core/cluster/cluster-view.ts'
import type { ModelSizing } from '../../core/cluster/sizing.ts'
import type { Capabilities, Wish } from '../../protocol/cluster.ts'
import { ClusterError } from '../../protocol/errors.ts'
import { modelId, peerId } from '../../protocol/ids.ts'
import { GREEDY } from '../../protocol/ring.ts'
import { createRingNode, type RingNode } from '../../runtime/ring/ring-node.ts'
import { createMemoryCluster, type MemoryCluster } from '../simulator/memory-cluster.ts'
import { toyAnswer, toyShards, toySizing, type ToyShards } from '../simulator/toy-model.ts'

const CONTEXT = 600
const MODEL = modelId('toy')
const capabilities: Capabilities = { backend: 'wasm', weightFormats: ['f32'], floatType: 'f32', memoryBytes: 500, threads: 1, hardware: 'test' }
const WISH: Wish = {
  model: MODEL,
  source: '/models/toy',
  strategy: 'memory-weighted',
  quality: 'balanced',
  minDevices: 1,
  maxDevices: 64,
  contextLength: null,
  localDevice: 'withdraw',
  state: 'serve',
}
const timer = (delayMs: number, callback: () => void): (() => void) => {
  // Settling and retiring are shortened, their order is kept.
  const handle = setTimeout(callback, delayMs / 100)
  return () => clearTimeout(handle)
}
let nextId = 1n
const randomId = (): string => (nextId++).toString(16).padStart(16, '0')

type Ring = {
  sizing: ModelSizing
  cluster: MemoryCluster
  client: RingClient
  shards: ToyShards[]
  nodes: RingNode[]
  addDevice: (name: string, memoryBytes?: number) => void
}
const open: Ring[] = []
afterEach(async () => {
  for (const ring of open.splice(0)) {
    ring.client.close()
    await Promise.all(ring.nodes.map((node) => node.close()))
  }
})

function createRing(names: readonly string[], memoryBytes = 500): Ring {
  const cluster = createMemoryCluster()
  const network = cluster.join('client', 'client', null)
  const client = createRingClient({ network, randomId, timer, now: () => performance.now(), formTimeoutMs: 20_000 })
  const ring: Ring = {
    sizing: toySizing(CONTEXT),
    cluster,
    client,
    shards: [],
    nodes: [],
    addDevice: (name, memory = memoryBytes) => {
      const shards = toyShards()
      ring.shards.push(shards)
      const device = cluster.join(name, 'device', { ...capabilities, memoryBytes: memory })
      ring.nodes.push(
        createRingNode({
          network: device,
          load: shards.load,
          fetch: shards.fetch,
          sizing: async () => ring.sizing,
          memoryBytes: () => 2 ** 30,
          timer,
          now: () => performance.now(),
          log: () => undefined,
        }),
      )
    },
  }
  for (const name of names) ring.addDevice(name)
  open.push(ring)
  return ring
}
const ready = (ring: Ring, devices: number): Promise<unknown> =>
  ring.cluster.until((view) => {
    const placement = view.placements.get(MODEL)
    return placement !== undefined && placement.shards.length === devices && placementState(view, placement) === 'ready'
  })
const prompt = (seed: number, length: number): number[] => Array.from({ length }, (_, i) => (seed * 37 + i * 11) % 251)
const request = (promptIds: readonly number[], extra: Partial<CompletionRequest> = {}): CompletionRequest => ({
  model: MODEL,
  promptIds,
  sampling: GREEDY,
  stopIds: [],
  maxTokens: 20,
  signal: new AbortController().signal,
  ...extra,
})
async function answer(events: AsyncIterable<CompletionEvent>): Promise<number[]> {
  const ids: number[] = []
  for await (const event of events) if (event.type === 'token') ids.push(event.tokenId)
  return ids
}
const noCaches = (ring: Ring): Promise<unknown> => ring.cluster.until(() => ring.shards.every((shards) => shards.caches() === 0))

describe('a ring of devices', () => {
  test.each([1, 2, 3, 8])('of %i gives the answer of the unsplit model', async (count) => {
    const ring = createRing(
      Array.from({ length: count }, (_, i) => `device-${i}`),
      900,
    )
    ring.cluster.wish(WISH)
    await ready(ring, count)
    expect(await answer(ring.client.complete(request(prompt(1, 9))))).toEqual(toyAnswer(prompt(1, 9), 20))
    await noCaches(ring)
  })

  test('sends the token from the tail to head and client, and logits nowhere', async () => {
    const ring = createRing(['aaaa', 'bbbb', 'cccc'])
    ring.cluster.wish(WISH)
    await ready(ring, 3)
    await answer(ring.client.complete(request(prompt(2, 3), { maxTokens: 4 })))
    // Deadlines are a hundredth here: on a busy machine what is late is asked for, and sent, again.
    const places = ring.cluster.sent.map(({ from, to, frame }) => {
      const place = frame.type === 'token' ? frame.index : frame.type === 'activation' ? frame.position : 0
      return `${from}>${to} ${frame.type} at ${place}`
    })
    const hops = [...new Set(places)].map((hop) => hop.replace(/ at \d+$/, ''))
    expect(hops.filter((hop) => hop === 'cccc>client token')).toHaveLength(4)
    expect(hops.filter((hop) => hop === 'cccc>aaaa token')).toHaveLength(3)
    // The head first, whose next lap waits for it; the last token goes to the client only.
    const byTail = hops.filter((hop) => hop.startsWith('cccc>') && hop.endsWith('token'))
    const lap = ['cccc>aaaa token', 'cccc>client token']
    expect(byTail).toEqual([...lap, ...lap, ...lap, 'cccc>client token'])
    expect(hops.filter((hop) => hop === 'aaaa>bbbb activation')).toHaveLength(4)
    expect(hops.some((hop) => hop.startsWith('bbbb>client') || hop.startsWith('aaaa>cccc activation'))).toBe(false)
  })

  test('a prompt of several chunks, the last of one token, gives the same answer and reports progress', async () => {
    const ring = createRing(['aaaa', 'bbbb'])
    ring.cluster.wish(WISH)
    await ready(ring, 2)
    const events: CompletionEvent[] = []
    for await (const event of ring.client.complete(request(prompt(3, 257), { maxTokens: 5 }))) events.push(event)
    expect(events.flatMap((event) => (event.type === 'token' ? [event.tokenId] : []))).toEqual(toyAnswer(prompt(3, 257), 5))
    expect(events.filter((event) => event.type === 'progress').map((event) => event.processed)).toEqual([128, 256])
  })

  test('eight interleaved streams each equal their solo run; cancelling one frees it everywhere and leaves the others', async () => {
    const ring = createRing(['aaaa', 'bbbb', 'cccc'])
    ring.cluster.wish(WISH)
    await ready(ring, 3)
    const abort = new AbortController()
    const runs = Array.from({ length: 8 }, (_, i) => answer(ring.client.complete(request(prompt(i, 5 + i * 20), { maxTokens: 30 }))))
    const doomed = answer(ring.client.complete(request(prompt(50, 10), { maxTokens: 500, signal: abort.signal })))
    await ring.cluster.until(() => ring.cluster.sent.some(({ frame, to }) => frame.type === 'token' && to === 'client'))
    abort.abort()
    await expect(doomed).rejects.toMatchObject({ code: 'cancelled' })
    expect(await Promise.all(runs)).toEqual(Array.from({ length: 8 }, (_, i) => toyAnswer(prompt(i, 5 + i * 20), 30)))
    await noCaches(ring)
  })

  test('200 long requests given up in their middle leave nothing on any shard, and the next is answered', async () => {
    const ring = createRing(['aaaa', 'bbbb', 'cccc'])
    ring.cluster.wish(WISH)
    await ready(ring, 3)
    const abandon = async (seed: number): Promise<void> => {
      const abort = new AbortController()
      const run = answer(ring.client.complete(request(prompt(seed, 90), { maxTokens: 500, signal: abort.signal })))
      run.catch(() => undefined)
      const sent = ring.cluster.sent.length
      // Some are cut while they read, some while they wait, some while they write.
      await ring.cluster.until(() => ring.cluster.sent.length > sent + (seed % 40))
      abort.abort()
      await expect(run).rejects.toMatchObject({ code: 'cancelled' })
    }
    for (let batch = 0; batch < 10; batch++) await Promise.all(Array.from({ length: 20 }, (_, i) => abandon(batch * 20 + i)))
    expect(await answer(ring.client.complete(request(prompt(3, 9))))).toEqual(toyAnswer(prompt(3, 9), 20))
    await noCaches(ring)
  })

  test('stops at a stop id and at the end of the context', async () => {
    const ring = createRing(['aaaa', 'bbbb'])
    ring.cluster.wish(WISH)
    await ready(ring, 2)
    const whole = toyAnswer(prompt(4, 6), 10)
    const stopId = whole[6] ?? 0
    const stopped = await answer(ring.client.complete(request(prompt(4, 6), { stopIds: [stopId] })))
    expect(stopped).toEqual(whole.slice(0, whole.indexOf(stopId) + 1))
    expect(await answer(ring.client.complete(request(prompt(5, CONTEXT - 3), { maxTokens: 50 })))).toHaveLength(4)
    await expect(answer(ring.client.complete(request(prompt(5, CONTEXT))))).rejects.toMatchObject({ code: 'context_length_exceeded' })
  })

  test.each(['aaaa', 'bbbb', 'cccc'])('the death of %s in mid-answer is a pause: the same answer goes on', async (name) => {
    const ring = createRing(['aaaa', 'bbbb', 'cccc'])
    ring.cluster.wish(WISH)
    await ready(ring, 3)
    const run = answer(ring.client.complete(request(prompt(6, 6), { maxTokens: 400 })))
    await ring.cluster.until(() => ring.cluster.sent.filter(({ frame }) => frame.type === 'token').length > 100)
    ring.cluster.kill(peerId(name))
    await ready(ring, 2)
    expect(await run).toEqual(toyAnswer(prompt(6, 6), 400))
    // The dead device's own memory is nobody's matter.
    ring.shards.splice(['aaaa', 'bbbb', 'cccc'].indexOf(name), 1)
    await noCaches(ring)
    expect(await answer(ring.client.complete(request(prompt(6, 6))))).toEqual(toyAnswer(prompt(6, 6), 20))
  })

  test('the announcer may die: the next device takes over', async () => {
    const ring = createRing(['aaaa', 'bbbb'], 900)
    ring.cluster.wish(WISH)
    await ready(ring, 2)
    ring.cluster.kill(peerId('aaaa'))
    await ready(ring, 1)
    expect(ring.cluster.view().placements.get(MODEL)?.announcer).toBe('bbbb')
  })

  test('a device that joins in mid-answer does not disturb it; the next answer uses the new ring', async () => {
    const ring = createRing(['aaaa', 'bbbb'])
    ring.cluster.wish(WISH)
    await ready(ring, 2)
    const run = answer(ring.client.complete(request(prompt(7, 6), { maxTokens: 300 })))
    ring.addDevice('cccc')
    await ready(ring, 3)
    expect(await run).toEqual(toyAnswer(prompt(7, 6), 300))
    expect(await answer(ring.client.complete(request(prompt(8, 6))))).toEqual(toyAnswer(prompt(8, 6), 20))
    await ring.cluster.until((view) => [...view.peers.values()].every((peer) => peer.status.shards.length <= 1))
  })

  test('a client that leaves takes its sequences with it', async () => {
    const ring = createRing(['aaaa', 'bbbb'])
    ring.cluster.wish(WISH)
    await ready(ring, 2)
    const run = answer(ring.client.complete(request(prompt(9, 6), { maxTokens: 500 })))
    run.catch(() => undefined)
    await ring.cluster.until(() => ring.shards.every((shards) => shards.caches() === 1))
    ring.cluster.kill(peerId('client'))
    await noCaches(ring)
  })

  test('a placement that is taken back ends its streams with a typed error and frees the shards', async () => {
    const ring = createRing(['aaaa', 'bbbb'])
    ring.cluster.wish(WISH)
    await ready(ring, 2)
    const run = answer(ring.client.complete(request(prompt(9, 6), { maxTokens: 500 })))
    await ring.cluster.until(() => ring.cluster.sent.some(({ frame }) => frame.type === 'token'))
    ring.cluster.unwish(MODEL)
    await expect(run).rejects.toMatchObject({ code: 'ring_broken' })
    await ring.cluster.until((view) => [...view.peers.values()].every((peer) => peer.status.shards.length === 0))
    expect(ring.shards.flatMap((shards) => shards.runners).every((runner) => runner.disposed())).toBe(true)
  })
})

describe('two models on the same devices', () => {
  const OTHER = modelId('other')
  const both = (ring: Ring, devices: number): Promise<unknown> =>
    ring.cluster.until((view) =>
      [MODEL, OTHER].every((model) => {
        const placement = view.placements.get(model)
        return placement?.shards.length === devices && placementState(view, placement) === 'ready'
      }),
    )
  test.each([
    ['one after the other', false],
    ['at once', true],
  ])('are placed %s, and streams of both answer at once as each would alone', async (_, isAtOnce) => {
    const ring = createRing(['aaaa', 'bbbb'], 2000)
    const terms = { minDevices: 2, maxDevices: 2 }
    ring.cluster.wish({ ...WISH, ...terms })
    if (!isAtOnce) await ready(ring, 2)
    ring.cluster.wish({ ...WISH, ...terms, model: OTHER })
    await both(ring, 2)
    const runs = Array.from({ length: 8 }, (_, i) =>
      answer(ring.client.complete(request(prompt(i, 5 + i * 30), { model: i % 2 === 0 ? MODEL : OTHER, maxTokens: 40 }))),
    )
    expect(await Promise.all(runs)).toEqual(runs.map((_, i) => toyAnswer(prompt(i, 5 + i * 30), 40)))
    await noCaches(ring)
  })

  test('one is taken back while both answer: the other goes on', async () => {
    const ring = createRing(['aaaa', 'bbbb'], 2000)
    ring.cluster.wish({ ...WISH, minDevices: 2 })
    ring.cluster.wish({ ...WISH, minDevices: 2, model: OTHER })
    await both(ring, 2)
    const stays = answer(ring.client.complete(request(prompt(1, 9), { maxTokens: 300 })))
    const goes = answer(ring.client.complete(request(prompt(2, 9), { model: OTHER, maxTokens: 500 })))
    await ring.cluster.until(() => ring.cluster.sent.filter(({ frame }) => frame.type === 'token').length > 40)
    ring.cluster.unwish(OTHER)
    await expect(goes).rejects.toMatchObject({ code: 'ring_broken' })
    expect(await stays).toEqual(toyAnswer(prompt(1, 9), 300))
    await noCaches(ring)
  })
})

describe('asking without a ring', () => {
  test('an unknown model, no device, and a model that does not fit are each told by their code', async () => {
    const ring = createRing([])
    await expect(answer(ring.client.complete(request([1])))).rejects.toMatchObject({ code: 'model_not_found' })
    ring.cluster.wish(WISH)
    await ring.cluster.until((view) => view.wishes.size === 1)
    await expect(answer(ring.client.complete(request([1])))).rejects.toMatchObject({ code: 'no_ring' })
    ring.addDevice('tiny', 350)
    await expect(answer(ring.client.complete(request([1])))).rejects.toMatchObject({ code: 'not_enough_memory', detail: { missingBytes: 450 } })
  })

  test('a checkpoint that cannot be sized is a problem that is told, not a wait', async () => {
    const ring = createRing([])
    const broken = (): never => {
      throw new ClusterError('bad_checkpoint', 'tensor of layer 3 is missing')
    }
    ring.sizing = { ...toySizing(CONTEXT), shardBytes: broken }
    ring.addDevice('aaaa')
    ring.cluster.wish(WISH)
    await expect(answer(ring.client.complete(request([1])))).rejects.toMatchObject({ code: 'bad_checkpoint' })
  })
})
