/** 100 000 mutated frames against devices in the middle of an answer: refused, counted, and nothing changes. */
import { expect, test } from 'vitest'
import { GOLDEN_FRAMES } from '../fixtures/frames/frames.ts'
import { crc32 } from '../../protocol/crc32.ts'
import { encodeFrame } from '../../protocol/ring.ts'
import type { PeerId } from '../../protocol/ids.ts'
import { createSimCluster, simPlacement, simRequest, simWish } from './sim-cluster.ts'
import { seededRandom } from './seeded-random.ts'
import { follow } from './stream.ts'
import { toyAnswer } from './toy-model.ts'
import { placementState } from '../../core/cluster/cluster-view.ts'

const FRAMES = 100_000
const BURST = 500
const PROMPT = Array.from({ length: 20 }, (_, i) => (i * 37) % 251)

const originals = Object.values(GOLDEN_FRAMES).map(encodeFrame)

/** One frame with something wrong: bits, length, or a header that says what it likes, with its checksum made right. */
function mutate(random: () => number, epoch: number): { readonly bytes: Uint8Array; readonly isSealed: boolean } {
  const original = originals[Math.floor(random() * originals.length)] ?? new Uint8Array(40)
  const bytes = original.slice()
  const isSealed = random() < 0.5
  const changes = 1 + Math.floor(random() * 4)
  for (let i = 0; i < changes; i++) bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256)
  if (!isSealed) return { bytes: random() < 0.3 ? bytes.subarray(0, Math.floor(random() * bytes.length)) : bytes, isSealed }
  const view = new DataView(bytes.buffer)
  view.setUint32(12, epoch, true)
  view.setUint32(32, 0, true)
  view.setUint32(32, crc32(bytes), true)
  return { bytes, isSealed }
}

test(`7: ${FRAMES} mutated frames change no answer and leave nothing behind`, { timeout: 120_000 }, async () => {
  const random = seededRandom(11)
  const cluster = createSimCluster({ seed: 3, paths: { delayMs: 2 }, layerMs: 20 })
  const client = await cluster.addClient('client')
  const stranger = await cluster.addClient('stranger')
  for (let i = 0; i < 3; i++) await cluster.addDevice(`device-${i}`, 500)
  client.network.wish(simWish(3))
  const isReady = (): boolean => {
    const placement = simPlacement(client.network.view())
    return placement !== undefined && placementState(client.network.view(), placement) === 'ready'
  }
  await cluster.time.run(isReady, 30_000)
  const stream = follow(cluster.time, client.client.complete(simRequest(PROMPT, 40)))
  await cluster.time.run(() => stream.ids.length > 2, 30_000)
  const epoch = simPlacement(client.network.view())?.epoch ?? 0
  const members = cluster.devices.map((device) => device.id)
  const refusedBefore = cluster.log.filter((line) => line.includes('refused a frame')).length
  let [sent, broken] = [0, 0]
  while (sent < FRAMES) {
    for (let i = 0; i < BURST; i++) {
      const { bytes, isSealed } = mutate(random, epoch)
      const to = members[Math.floor(random() * members.length)]
      const from = members[Math.floor(random() * members.length)]
      if (!to || !from) throw new Error('no members')
      // What passes the checksum comes from a stranger: a member that lies is another matter than a broken frame.
      if (isSealed) void stranger.network.send(to, bytes).catch(() => undefined)
      else void senderOf(from, to)(bytes)
      if (!isSealed) broken += 1
      sent += 1
    }
    await cluster.time.run(() => false, 20)
  }
  function senderOf(from: PeerId, to: PeerId): (bytes: Uint8Array) => Promise<void> {
    const device = cluster.devices.find((candidate) => candidate.id === from)
    return (bytes) => (device && from !== to ? device.network.send(to, bytes).catch(() => undefined) : Promise.resolve())
  }
  await cluster.time.run(() => stream.isDone, 300_000)
  expect(stream.error).toBeNull()
  expect(stream.ids).toEqual(toyAnswer(PROMPT, 40))
  expect(simPlacement(client.network.view())?.epoch).toBe(epoch)
  const refused = cluster.log.filter((line) => line.includes('refused a frame')).length - refusedBefore
  // A third of the broken ones had the same sender and recipient, and were not sent.
  expect(refused).toBeGreaterThan(broken / 2)
  await cluster.time.run(() => cluster.devices.every((device) => device.shards.caches() === 0), 300_000)
  expect(cluster.devices.map((device) => device.shards.caches())).toEqual([0, 0, 0])
})
