/** A vector of a text while its ring loses a device: the same one, whoever leaves and however far it was. */
import { describe, expect, test } from 'vitest'
import type { RingEvent } from '../../core/client/ring-client.ts'
import { placementState } from '../../core/cluster/cluster-view.ts'
import type { Pooling } from '../../protocol/ring.ts'
import { createSimCluster, SIM_MODEL, simPlacement, simWish } from './sim-cluster.ts'
import { toyVector } from './toy-model.ts'

const PROMPT = Array.from({ length: 180 }, (_, i) => (7 * i + 3) % 250)
/** Of the time that it takes undisturbed: before the first chunk is through, among the chunks, and near the end. */
const MOMENTS = [0.03, 0.3, 0.6, 0.95]

type Outcome = { readonly vector: readonly number[]; readonly ring: readonly RingEvent['type'][]; readonly tookMs: number }

/** @param lost which shard's device leaves, so many milliseconds after the request; null: none */
async function embedWhile(pooling: Pooling, lost: { readonly index: number; readonly atMs: number } | null): Promise<Outcome> {
  const { time, ...cluster } = createSimCluster({ seed: 3, paths: { delayMs: 2 } })
  const { client, network } = await cluster.addClient('client')
  for (let i = 0; i < 4; i++) await cluster.addDevice(`device-${i}`, 800)
  network.wish(simWish(3))
  const isServing = (): boolean => {
    const placement = simPlacement(network.view())
    return placement?.shards.length === 3 && placementState(network.view(), placement) === 'ready'
  }
  expect(await time.run(isServing, 30_000)).toBe(true)
  await time.run(() => false, 3_000)
  const ring: RingEvent['type'][] = []
  let outcome: unknown
  const began = time.now()
  const { signal } = new AbortController()
  void client
    .embed({ model: SIM_MODEL, promptIds: PROMPT, pooling, signal, onRing: ({ type }) => void ring.push(type) })
    .then((vector) => (outcome = vector))
    .catch((error: unknown) => (outcome = error))
  if (lost) {
    const owner = simPlacement(network.view())?.shards[lost.index]?.peerId
    expect(await time.run(() => outcome !== undefined, lost.atMs)).toBe(false)
    const device = cluster.devices.find(({ id }) => id === owner)
    if (device) cluster.kill(device, 'closed')
  }
  await time.run(() => outcome !== undefined, 120_000)
  if (!(outcome instanceof Float32Array)) throw outcome
  const tookMs = time.now() - began
  // Nothing of it stays on any device that lives.
  await time.run(() => false, 2_000)
  expect(cluster.devices.filter(({ isDead }) => !isDead).map(({ shards }) => shards.caches())).toEqual(lost ? [0, 0, 0] : [0, 0, 0, 0])
  return { vector: [...outcome], ring, tookMs }
}

describe.each(['last', 'mean'] as const)('by the %s', (pooling) => {
  const expected = toyVector(PROMPT, pooling)
  const close = (vector: readonly number[]): void => {
    expect(vector.length).toBe(expected.length)
    for (const [i, value] of expected.entries()) expect(Math.abs((vector[i] ?? Infinity) / value - 1)).toBeLessThan(1e-6)
  }

  test('undisturbed it is that of the unsplit model', async () => {
    const { vector, ring } = await embedWhile(pooling, null)
    close(vector)
    expect(ring).toEqual(['ring'])
  })

  test.each([
    ['head', 0],
    ['middle', 1],
    ['tail', 2],
  ])('the %s closes its tab: the same vector from another ring, whenever it was', async (_, index) => {
    const { tookMs } = await embedWhile(pooling, null)
    for (const moment of MOMENTS) {
      const { vector, ring } = await embedWhile(pooling, { index, atMs: moment * tookMs })
      close(vector)
      // Near the end the first devices have done their part.
      if (moment < 0.9) expect(ring.slice(0, 3)).toEqual(['ring', 'pause', 'ring'])
    }
  })
})
