/** One fault at a time, in virtual time: what a stream and the ring make of it. */
import { describe, expect, test } from 'vitest'
import { placementState } from '../../core/cluster/cluster-view.ts'
import type { PeerRole } from '../../protocol/cluster.ts'
import type { PeerId } from '../../protocol/ids.ts'
import type { RingFrame } from '../../protocol/ring.ts'
import { createSimCluster, simPlacement, simRequest, simWish, type SimClient, type SimCluster, type SimDevice } from './sim-cluster.ts'
import { follow, longestGap, type Stream } from './stream.ts'
import { toyAnswer } from './toy-model.ts'

const PROMPT = [5, 17, 40, 3, 99]
const TOKENS = 60
const EXPECTED = toyAnswer(PROMPT, TOKENS)

type Ring = { readonly cluster: SimCluster; readonly client: SimClient; readonly stream: Stream }

const shardOwner = ({ cluster, client }: Pick<Ring, 'cluster' | 'client'>, index: number): SimDevice => {
  const id = simPlacement(client.network.view())?.shards[index]?.peerId
  const device = cluster.devices.find((candidate) => candidate.id === id && !candidate.isDead)
  if (!device) throw new Error(`no device holds shard ${index}`)
  return device
}
const isServing = (client: SimClient, devices: number): boolean => {
  const view = client.network.view()
  const placement = simPlacement(view)
  return placement?.shards.length === devices && placementState(view, placement) === 'ready'
}

/** A ring, of three unless said otherwise, with or without a spare, and an answer in the middle. */
async function midAnswer(
  options: {
    readonly ring?: number
    readonly role?: PeerRole
    readonly signalingMs?: number
    readonly spares?: number
    readonly memory?: number
    readonly corrupt?: number
    readonly restartAt?: number
    readonly isLost?: (to: PeerId, frame: RingFrame) => boolean
  } = {},
): Promise<Ring> {
  const { ring = 3, role = 'client', spares = 0, memory = 500, corrupt = 0, isLost = () => false, ...model } = options
  const cluster = createSimCluster({ ...model, isLost, seed: 1, paths: { delayMs: 2, corrupt } })
  const client = await cluster.addClient('client', role)
  for (let i = 0; i < ring + spares; i++) await cluster.addDevice(`device-${i}`, memory)
  client.network.wish(simWish(ring))
  expect(await cluster.time.run(() => isServing(client, ring), 30_000)).toBe(true)
  // Spares load beside the ring.
  await cluster.time.run(() => false, 3_000)
  const stream = follow(cluster.time, client.client.complete(simRequest(PROMPT, TOKENS)))
  await cluster.time.run(() => stream.ids.length >= 20, 60_000)
  return { cluster, client, stream }
}

async function expectWhole({ cluster, stream }: Ring): Promise<void> {
  await cluster.time.run(() => stream.isDone, 200_000)
  expect(stream.error).toBeNull()
  expect(stream.ids).toEqual(EXPECTED)
  expect(stream.indexes).toEqual(EXPECTED.map((_, i) => i))
}

describe.each([
  ['head', 0],
  ['middle', 1],
  ['tail', 2],
])('the %s', (_, index) => {
  test('1: closes its tab in mid-token: a spare that holds its range goes on within half a second', async () => {
    const ring = await midAnswer({ spares: 1, memory: 800 })
    ring.cluster.kill(shardOwner(ring, index), 'closed')
    await expectWhole(ring)
    expect(longestGap(ring.stream)).toBeLessThan(500)
  })

  test('1: closes its tab in mid-token: without a spare the others extend their ranges', async () => {
    const ring = await midAnswer()
    ring.cluster.kill(shardOwner(ring, index), 'closed')
    await expectWhole(ring)
    expect(longestGap(ring.stream)).toBeLessThan(2_000)
  })

  test('2: freezes with its channels open: the deadline fires and the answer goes on without it', async () => {
    const ring = await midAnswer({ spares: 1, memory: 800 })
    ring.cluster.freeze(shardOwner(ring, index), 60_000)
    await expectWhole(ring)
    expect(longestGap(ring.stream)).toBeLessThan(3_500)
  })

  test('2: has a stuck worker behind a page that answers: its pongs say so, and the answer goes on without it', async () => {
    const ring = await midAnswer({ spares: 1, memory: 800 })
    shardOwner(ring, index).isStuck = true
    await expectWhole(ring)
    // A pass may take long: only one that takes far longer than any of the device is stuck.
    expect(longestGap(ring.stream)).toBeGreaterThan(15_000)
    expect(longestGap(ring.stream)).toBeLessThan(20_000)
  })

  test('1: closes its tab while the ring is tokens ahead of a client that hears it late', async () => {
    const ring = await midAnswer({ spares: 1, memory: 800, role: 'gateway', signalingMs: 80 })
    ring.cluster.kill(shardOwner(ring, index), 'closed')
    await expectWhole(ring)
    expect(longestGap(ring.stream)).toBeLessThan(2_000)
  })

  test('3: is cut off from the others, though signaling lists it', async () => {
    const ring = await midAnswer({ spares: 1, memory: 800 })
    ring.cluster.paths.cut(shardOwner(ring, index).id)
    await expectWhole(ring)
  })

  test('4: loses its signaling only: nobody notices', async () => {
    const ring = await midAnswer()
    shardOwner(ring, index).socket.cut()
    await expectWhole(ring)
  })

  test('5: is slow: others are not taken for dead', async () => {
    const ring = await midAnswer()
    shardOwner(ring, index).slowness = 20
    await expectWhole(ring)
    expect(simPlacement(ring.client.network.view())?.epoch).toBe(1)
  })

  test('reloads and comes back as itself', async () => {
    const ring = await midAnswer({ memory: 300 })
    const device = shardOwner(ring, index)
    ring.cluster.kill(device, 'closed')
    ring.cluster.time.timer(1_000, () => void ring.cluster.addDevice(device.id, device.memoryBytes))
    await expectWhole(ring)
  })
})

describe('a model that rotates anew from some length on', () => {
  test.each([15, 45])('outgrows it at %i tokens, and loses a device afterwards or before', async (restartAt) => {
    const ring = await midAnswer({ spares: 1, memory: 800, restartAt })
    ring.cluster.kill(shardOwner(ring, 1), 'closed')
    await expectWhole(ring)
  })

  test.each([0, 2])('and loses shard %i', async (index) => {
    const ring = await midAnswer({ restartAt: 15 })
    ring.cluster.kill(shardOwner(ring, index), 'closed')
    await expectWhole(ring)
  })
})

test('2: the only device of a ring freezes: its spare notices and goes on', async () => {
  const ring = await midAnswer({ ring: 1, spares: 1, memory: 800 })
  ring.cluster.freeze(shardOwner(ring, 0), 60_000)
  await expectWhole(ring)
  expect(longestGap(ring.stream)).toBeLessThan(6_000)
})

describe.each([0, 1, 2])('with the signal server gone for good', (index) => {
  test(`4: shard ${index} is lost: the rest tell each other, and a spare goes on`, async () => {
    const ring = await midAnswer({ spares: 1, memory: 800 })
    ring.cluster.signaling.restart(10_000_000)
    await ring.cluster.time.run(() => ring.stream.ids.length >= 30, 60_000)
    ring.cluster.kill(shardOwner(ring, index), index === 1 ? 'silent' : 'closed')
    await expectWhole(ring)
    const next = follow(ring.cluster.time, ring.client.client.complete(simRequest([7, 7, 7], 20)))
    await ring.cluster.time.run(() => next.isDone, 60_000)
    expect(next.error).toBeNull()
    expect(next.ids).toEqual(toyAnswer([7, 7, 7], 20))
  })
})

test('1: two of four die at once: what is left goes on', async () => {
  const ring = await midAnswer({ spares: 1, memory: 500 })
  ring.cluster.kill(shardOwner(ring, 0), 'closed')
  ring.cluster.kill(shardOwner(ring, 1), 'silent')
  await expectWhole(ring)
})

test('7: corrupt frames are refused and asked for again', async () => {
  const ring = await midAnswer({ corrupt: 0.02 })
  await expectWhole(ring)
  expect(ring.cluster.log.some((line) => line.includes('refused a frame'))).toBe(true)
})

test('20: all devices leave: a running answer is held for 90 s, then ends with a typed error; a new one is refused at once', async () => {
  const ring = await midAnswer()
  const start = ring.cluster.time.now()
  for (const device of ring.cluster.devices) ring.cluster.kill(device, 'closed')
  await ring.cluster.time.run(() => ring.stream.isDone, 200_000)
  expect(ring.stream.error).toMatchObject({ code: 'no_ring' })
  expect(ring.cluster.time.now() - start).toBeGreaterThan(89_000)
  const late = follow(ring.cluster.time, ring.client.client.complete(simRequest(PROMPT, 5)))
  await ring.cluster.time.run(() => late.isDone, 1_000)
  expect(late.error).toMatchObject({ code: 'no_ring' })
})

test('20: all devices leave and come back after a minute: the answer goes on', async () => {
  const ring = await midAnswer()
  for (const device of ring.cluster.devices.slice()) {
    ring.cluster.kill(device, 'closed')
    ring.cluster.time.timer(60_000, () => void ring.cluster.addDevice(device.id, device.memoryBytes))
  }
  await expectWhole(ring)
})

test('13: signaling restarts: the answer does not notice, nothing is loaded again, and the same placement holds afterwards', async () => {
  const ring = await midAnswer()
  const before = simPlacement(ring.client.network.view())
  ring.cluster.signaling.restart(1_000)
  await expectWhole(ring)
  expect(longestGap(ring.stream)).toBeLessThan(200)
  await ring.cluster.time.run(() => false, 10_000)
  expect(isServing(ring.client, 3)).toBe(true)
  expect(simPlacement(ring.client.network.view())?.shards).toEqual(before?.shards)
  expect(ring.cluster.devices.map((device) => device.shards.runners.length)).toEqual([1, 1, 1])
  expect(ring.cluster.signaling.roster().placements()).toHaveLength(1)
})

test('19: a device joins during an answer: it runs on undisturbed, the next one uses the new ring', async () => {
  const ring = await midAnswer({ memory: 300 })
  ring.client.network.wish(simWish(8))
  await ring.cluster.addDevice('device-9', 300)
  expect(await ring.cluster.time.run(() => isServing(ring.client, 4), 30_000)).toBe(true)
  await expectWhole(ring)
  expect(longestGap(ring.stream)).toBeLessThan(200)
})

test('6: a device that keeps coming and going is left out longer each time: the ring does not re-form at each visit', async () => {
  const ring = await midAnswer()
  ring.client.network.wish(simWish(8))
  for (let visit = 0; visit < 20; visit++) {
    const flapper = await ring.cluster.addDevice('device-8', 800)
    await ring.cluster.time.run(() => false, 2_500)
    ring.cluster.kill(flapper, 'closed')
    await ring.cluster.time.run(() => false, 500)
  }
  await expectWhole(ring)
  expect(simPlacement(ring.client.network.view())?.epoch).toBeLessThan(10)
})

test('3: the word from where a new ring goes on is lost on its way to a device that kept its range: it asks for it', async () => {
  const lost: PeerId[] = []
  let last: PeerId | null = null
  const isLost = (to: PeerId, frame: RingFrame): boolean => frame.type === 'resume' && to === last && lost.push(to) === 1
  const ring = await midAnswer({ ring: 4, spares: 1, memory: 800, isLost })
  // Whoever takes over the tail asks the one before it for all that was sent.
  last = shardOwner(ring, 2).id
  ring.cluster.kill(shardOwner(ring, 3), 'closed')
  await expectWhole(ring)
  expect(lost).toEqual([last, last])
})
