import { describe, expect, test } from 'vitest'
import { peerId, type PeerId } from '../../../protocol/ids.ts'
import { seededRandom } from '../../../tests/simulator/seeded-random.ts'
import type { ModelSizing } from '../sizing.ts'
import { fastestPlan, type PlanRequest } from './fastest-plan.ts'
import { estimateLap, tokensPerSecond, type HopModel, type PacedDevice } from './lap-model.ts'

const HOLDING = { backend: 'simd', weightFormat: 'int8', floatType: 'f32' } as const
const device = (id: string, memoryBytes: number, layerMs: number, stageMs = 0): PacedDevice => ({
  peerId: peerId(id),
  memoryBytes,
  holding: HOLDING,
  pace: { layerMs, stageMs },
})
type Ends = { readonly embedding: number; readonly head: number; readonly headWork: number }
const sized = (numLayers: number, { embedding, head, headWork }: Ends = { embedding: 0, head: 0, headWork: 0 }): ModelSizing => ({
  numLayers,
  contextLength: 1024,
  hiddenSize: 64,
  needsF32: false,
  refusal: () => null,
  shardBytes: ({ startLayer, endLayer }) => (endLayer - startLayer) * 10 + (startLayer === 0 ? embedding : 0) + (endLayer === numLayers ? head : 0),
  work: ({ startLayer, endLayer }) => endLayer - startLayer + (endLayer === numLayers ? headWork : 0),
})
const evenHops =
  (ms: number): HopModel =>
  () => ({ activationMs: ms, idMs: ms, busyMs: 0 })
const countsOf = (request: Partial<PlanRequest> & Pick<PlanRequest, 'devices' | 'sizing'>) => {
  const plan = fastestPlan({ hops: evenHops(1), streams: 1, least: 1, most: 64, ...request })
  return plan && Object.fromEntries([...plan.ranges].map(([id, { startLayer, endLayer }]) => [id, endLayer - startLayer]))
}

function* permutations(items: readonly PacedDevice[], size: number): Generator<readonly PacedDevice[]> {
  if (size === 0) return yield []
  for (const [i, item] of items.entries()) {
    const rest = [...items.slice(0, i), ...items.slice(i + 1)]
    for (const tail of permutations(rest, size - 1)) yield [item, ...tail]
  }
}
function* compositions(total: number, parts: number): Generator<readonly number[]> {
  if (parts === 1) return yield [total]
  for (let head = 1; head <= total - parts + 1; head++) for (const tail of compositions(total - head, parts - 1)) yield [head, ...tail]
}

/** Every set, order and share there is. */
function bruteForce({ devices, sizing, hops, streams, least, most }: PlanRequest): number | null {
  let best: number | null = null
  const largest = Math.min(most, devices.length, sizing.numLayers)
  for (let size = Math.min(least, largest); size <= largest; size++) {
    const shares = [...compositions(sizing.numLayers, size)]
    for (const order of permutations(devices, size)) {
      for (const counts of shares) {
        let startLayer = 0
        const ring = order.map((member, i) => {
          const range = { startLayer, endLayer: startLayer + (counts[i] ?? 0) }
          startLayer = range.endLayer
          return { device: member, range }
        })
        if (ring.some((member) => sizing.shardBytes(member.range, HOLDING) > member.device.memoryBytes)) continue
        const rate = tokensPerSecond(estimateLap(ring, sizing, hops), streams)
        if (best === null || rate > best) best = rate
      }
    }
  }
  return best
}

/** A cluster that a seed decides: memory from too little to plenty, paces and stage costs over a factor of ten, hops that differ each way. */
function randomRequest(seed: number, count: number, layers: number): PlanRequest {
  const random = seededRandom(seed)
  const between = (low: number, high: number): number => low + random() * (high - low)
  const ends = { embedding: Math.floor(between(0, 30)), head: Math.floor(between(0, 30)), headWork: between(0, 5) }
  const devices = Array.from({ length: count }, (_, i) => device(`dev-${i}`, Math.floor(between(5, 14 * layers)), between(0.5, 5), between(0, 4)))
  const hopsMs = new Map<string, number>()
  const ms = (key: string, low: number, high: number): number => {
    const known = hopsMs.get(key) ?? between(low, high)
    hopsMs.set(key, known)
    return known
  }
  const hops = (from: PeerId, to: PeerId) => ({
    activationMs: ms(`a ${from} ${to}`, 1, 15),
    idMs: ms(`i ${from} ${to}`, 0.5, 12),
    busyMs: ms(`b ${from} ${to}`, 0, 6),
  })
  const streams = [1, 1, 2, 4, 16, Infinity][Math.floor(random() * 6)] ?? 1
  return { devices, sizing: sized(layers, ends), hops, streams, least: random() < 0.2 ? 2 : 1, most: random() < 0.2 ? 3 : 64 }
}

describe('against brute force', () => {
  const compare = (seed: number, count: number, layers: number): void => {
    const request = randomRequest(seed, count, layers)
    const expected = bruteForce(request)
    const plan = fastestPlan(request)
    const what = `seed ${seed}, ${count} devices, ${layers} layers, ${request.streams} streams`
    if (expected === null) return expect(plan, what).toBeNull()
    expect(plan, what).not.toBeNull()
    expect((plan?.tokensPerSecond ?? 0) / expected, what).toBeCloseTo(1, 9)
  }
  test('is exact for 300 random clusters of up to 5 devices', () => {
    for (let seed = 1; seed <= 300; seed++) compare(seed, 1 + (seed % 5), 3 + (seed % 6))
  })
  test('is exact for random clusters of 6 and 7 devices', () => {
    for (let seed = 1; seed <= 12; seed++) compare(1000 + seed, 6, 7)
    for (let seed = 1; seed <= 4; seed++) compare(2000 + seed, 7, 7)
  })
  test('what it says of its plan is what the plan is: memory, layers and rate', () => {
    for (let seed = 1; seed <= 200; seed++) {
      const request = randomRequest(seed, 1 + (seed % 7), 4 + (seed % 20))
      const plan = fastestPlan(request)
      if (!plan) continue
      const ring = [...plan.ranges].flatMap(([id, range]) => {
        const own = request.devices.find((candidate) => candidate.peerId === id)
        return own ? [{ device: own, range }] : []
      })
      expect(ring.map(({ range }) => range.startLayer)).toEqual([0, ...ring.slice(0, -1).map(({ range }) => range.endLayer)])
      expect(ring.at(-1)?.range.endLayer).toBe(request.sizing.numLayers)
      for (const { device: own, range } of ring) expect(request.sizing.shardBytes(range, HOLDING)).toBeLessThanOrEqual(own.memoryBytes)
      expect(plan.tokensPerSecond).toBeCloseTo(tokensPerSecond(estimateLap(ring, request.sizing, request.hops), request.streams), 9)
    }
  })
})

describe('latency', () => {
  test('one device that holds everything serves alone: a hop only costs', () => {
    expect(countsOf({ devices: [device('aaaa', 1000, 1), device('bbbb', 1000, 1)], sizing: sized(24) })).toEqual({ aaaa: 24 })
  })
  test('a phone has no layer where it is not needed, and the fewest where it is', () => {
    const phone = device('phone', 1000, 10)
    expect(countsOf({ devices: [device('desk', 1000, 1), phone], sizing: sized(24) })).toEqual({ desk: 24 })
    expect(countsOf({ devices: [device('desk', 200, 1), phone], sizing: sized(24) })).toEqual({ desk: 20, phone: 4 })
  })
  test('a device that is far away is left out unless the model needs it', () => {
    const far: HopModel = (from, to) => (from === peerId('far-') || to === peerId('far-') ? evenHops(100)(from, to) : evenHops(1)(from, to))
    const near = [device('aaaa', 150, 2), device('bbbb', 150, 2)]
    expect(countsOf({ devices: [...near, device('far-', 239, 1)], sizing: sized(24), hops: far })).toEqual({ aaaa: 9, bbbb: 15 })
    expect(Object.keys(countsOf({ devices: [...near, device('far-', 240, 1)], sizing: sized(35), hops: far }) ?? {})).toContain('far-')
  })
  test('the head costs the tail: of two the faster is last', () => {
    const devices = [device('slow', 130, 2), device('fast', 130, 1)]
    const plan = fastestPlan({
      devices,
      sizing: sized(24, { embedding: 0, head: 0, headWork: 6 }),
      hops: evenHops(1),
      streams: 1,
      least: 1,
      most: 9,
    })
    expect([...(plan?.ranges.keys() ?? [])]).toEqual(['slow', 'fast'])
  })
  test('an exact fit is placed, one byte less is not', () => {
    expect(countsOf({ devices: [device('aaaa', 120, 1), device('bbbb', 120, 2)], sizing: sized(24) })).toEqual({ aaaa: 12, bbbb: 12 })
    expect(countsOf({ devices: [device('aaaa', 120, 1), device('bbbb', 119, 2)], sizing: sized(24) })).toBeNull()
  })
})

describe('throughput', () => {
  test('equal devices share equally, so that none is slowest', () => {
    const devices = ['aaaa', 'bbbb', 'cccc'].map((id) => device(id, 1000, 1))
    expect(countsOf({ devices, sizing: sized(24), streams: Infinity })).toEqual({ aaaa: 8, bbbb: 8, cccc: 8 })
  })
  test('layers are in proportion to speed', () => {
    expect(countsOf({ devices: [device('slow', 1000, 2), device('fast', 1000, 1)], sizing: sized(24), streams: Infinity })).toEqual({
      slow: 8,
      fast: 16,
    })
  })
  test('few streams take few devices, many take more', () => {
    const request = { devices: ['aaaa', 'bbbb', 'cccc', 'dddd'].map((id) => device(id, 1000, 1)), sizing: sized(24), hops: evenHops(6) }
    const sizes = [1, 2, 4, 16].map((streams) => Object.keys(countsOf({ ...request, streams }) ?? {}).length)
    expect(sizes).toEqual(sizes.toSorted((a, b) => a - b))
    expect(sizes[0]).toBe(1)
    expect(sizes.at(-1)).toBe(4)
  })
})

test('layers that are not alike are shared by what they cost', () => {
  const work = [8, 8, 1, 1, 1, 1, 1, 1]
  const sizing: ModelSizing = {
    ...sized(8),
    work: ({ startLayer, endLayer }) => work.slice(startLayer, endLayer).reduce((sum, one) => sum + (one * 8) / 22, 0),
  }
  const plan = fastestPlan({
    devices: [device('aaaa', 100, 1), device('bbbb', 100, 1)],
    sizing,
    hops: evenHops(0),
    streams: Infinity,
    least: 1,
    most: 9,
  })
  expect([...(plan?.ranges.values() ?? [])]).toEqual([
    { startLayer: 0, endLayer: 1 },
    { startLayer: 1, endLayer: 8 },
  ])
})

test('twenty devices are placed within memory, no worse than the ten fastest alone', () => {
  for (let seed = 1; seed <= 5; seed++) {
    const request = { ...randomRequest(seed, 20, 24), least: 1, most: 64, streams: 4 }
    const few = [...request.devices].sort((a, b) => a.pace.layerMs - b.pace.layerMs).slice(0, 8)
    const [all, some] = [fastestPlan(request), fastestPlan({ ...request, devices: few })]
    expect(all).not.toBeNull()
    expect(all?.tokensPerSecond ?? 0).toBeGreaterThan(0.9 * (some?.tokensPerSecond ?? 0))
    expect(fastestPlan({ ...request, devices: request.devices.toReversed() })).toEqual(all)
  }
})
