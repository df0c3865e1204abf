/** Half an hour of devices that come and go under constant load, in virtual time: nothing is left behind. */
import { expect, test } from 'vitest'
import { createSimCluster, SIM_MODEL, simRequest, simWish } from './sim-cluster.ts'
import { follow, type Stream } from './stream.ts'
import { toyAnswer } from './toy-model.ts'

const MINUTES = 30
const CHURN_MS = 20_000
const PROMPT = [9, 1, 200, 77]
const EXPECTED = toyAnswer(PROMPT, 40)

test(`42: ${MINUTES} minutes of churn leave no cache, shard, path or timer behind`, { timeout: 240_000 }, async () => {
  const cluster = createSimCluster({ seed: 7, paths: { delayMs: 3, jitterMs: 2 }, layerMs: 12 })
  const client = await cluster.addClient('client')
  for (let i = 0; i < 4; i++) await cluster.addDevice(`device-${i}`, 400)
  client.network.wish(simWish(3))
  await cluster.time.run(() => !(client.client.serving(SIM_MODEL) instanceof Error), 30_000)
  const streams: Stream[] = []
  const timers: number[] = []
  const alive = () => cluster.devices.filter((device) => !device.isDead)
  for (let visit = 0; visit < (MINUTES * 60_000) / CHURN_MS; visit++) {
    streams.push(follow(cluster.time, client.client.complete(simRequest(PROMPT, EXPECTED.length))))
    streams.push(follow(cluster.time, client.client.complete(simRequest(PROMPT, EXPECTED.length))))
    await cluster.time.run(() => false, CHURN_MS / 4)
    const leaver = alive()[visit % alive().length]
    if (leaver) cluster.kill(leaver, visit % 3 === 0 ? 'silent' : 'closed')
    await cluster.addDevice(`visitor-${visit}`, 400)
    await cluster.time.run(() => false, (CHURN_MS * 3) / 4)
    timers.push(cluster.time.pending())
  }
  await cluster.time.run(() => streams.every((stream) => stream.isDone), 200_000)
  expect(streams.filter((stream) => stream.error !== null || String(stream.ids) !== String(EXPECTED))).toEqual([])
  await cluster.time.run(() => false, 120_000)
  for (const { shards, node } of alive()) {
    expect(shards.caches()).toBe(0)
    // A shard in the ring, or the ranges of a spare: nothing of older placements.
    const held = shards.runners.filter((runner) => !runner.disposed()).length
    expect(held).toBe(node.status().shards.length)
    expect(held).toBeLessThanOrEqual(4)
  }
  const [early, late] = [timers.slice(5, 20), timers.slice(-15)].map((part) => part.reduce((sum, count) => sum + count, 0) / part.length)
  expect(late).toBeLessThan((early ?? 0) * 1.3)
})
