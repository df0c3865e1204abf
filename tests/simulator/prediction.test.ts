/** Laps as they were predicted when a ring was placed, against those that it then takes, where every time is known. */
import { expect, test } from 'vitest'
import { placementState } from '../../core/cluster/cluster-view.ts'
import { createSimCluster, simPlacement, simRequest, simWish, type SimClient, type SimCluster } from './sim-cluster.ts'
import { follow } from './stream.ts'

type Terms = { readonly devices: number; readonly strategy: 'latency' | 'throughput' }
/** As the bench of placements: sizes and shares change each time. */
const CASES: readonly Terms[] = [
  { devices: 1, strategy: 'latency' },
  { devices: 3, strategy: 'throughput' },
  { devices: 2, strategy: 'latency' },
  { devices: 3, strategy: 'latency' },
  { devices: 1, strategy: 'latency' },
  { devices: 2, strategy: 'throughput' },
  { devices: 3, strategy: 'throughput' },
]
/** Before these are over some device or some hop has measured nothing. */
const WARM = 2

async function place(cluster: SimCluster, client: SimClient, { devices, strategy }: Terms): Promise<number | null> {
  const before = simPlacement(client.network.view())?.epoch ?? -1
  client.network.wish({ ...simWish(devices, devices), strategy })
  const placed = () => {
    const view = client.network.view()
    const placement = simPlacement(view)
    const isNew = placement !== undefined && placement.epoch > before && placement.shards.length === devices
    return isNew && placementState(view, placement) === 'ready' ? placement : null
  }
  expect(await cluster.time.run(() => placed() !== null, 120_000)).toBe(true)
  return placed()?.predictedLapMs ?? null
}

/** Milliseconds of a lap behind the first tokens of a second answer; the first lets the ring measure itself. */
async function observe(cluster: SimCluster, client: SimClient): Promise<number> {
  let lapMs = 0
  for (let answer = 0; answer < 2; answer++) {
    const stream = follow(cluster.time, client.client.complete({ ...simRequest([5, 17, 40], 60), drafts: false }))
    await cluster.time.run(() => stream.isDone, 120_000)
    expect(stream.error).toBeNull()
    const times = stream.atMs.slice(5)
    lapMs = ((times.at(-1) ?? 0) - (times[0] ?? 0)) / (times.length - 1)
  }
  // Figures go out once a second.
  await cluster.time.run(() => false, 3_000)
  return lapMs
}

test.each([
  { name: 'alike, over hops of 7 ms', delayMs: 7, jitterMs: 0, stageMs: 0, slowness: [1, 1, 1], within: 0.02 },
  { name: 'of three speeds, over hops of 20 ms and up to 4 more', delayMs: 20, jitterMs: 4, stageMs: 0, slowness: [1, 2, 3], within: 0.05 },
  { name: 'with a fixed part of 5 ms in each pass, over hops of 1 ms', delayMs: 1, jitterMs: 0, stageMs: 5, slowness: [1, 1, 1], within: 0.15 },
])('laps of rings of devices $name are predicted within $within', async ({ delayMs, jitterMs, stageMs, slowness, within }) => {
  const cluster = createSimCluster({ seed: 3, layerMs: 3, stageMs, paths: { delayMs, jitterMs } })
  const client = await cluster.addClient('client')
  for (const [i, factor] of slowness.entries()) (await cluster.addDevice(`device-${i}`, 900)).slowness = factor
  const errors: number[] = []
  for (const [i, terms] of CASES.entries()) {
    const predictedMs = await place(cluster, client, terms)
    const observedMs = await observe(cluster, client)
    if (i < WARM) continue
    expect(predictedMs).not.toBeNull()
    errors.push(Math.abs((predictedMs ?? 0) - observedMs) / observedMs)
  }
  expect(Math.max(...errors)).toBeLessThan(within)
})
