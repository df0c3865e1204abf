import { describe, expect, test } from 'vitest'
import { IDLE_STATUS, type Capabilities, type PeerEntry, type PeerRole, type Placement, type Wish } from '../../protocol/cluster.ts'
import { modelId, peerId } from '../../protocol/ids.ts'
import { viewOf } from './cluster-view.ts'
import { place } from './placement.ts'
import type { ModelSizing } from './sizing.ts'
import { takenMemory } from './taken-memory.ts'

const GIB = 2 ** 30
const MIB = 2 ** 20
const capabilities = (memoryBytes: number, extra: Partial<Capabilities> = {}): Capabilities => ({
  backend: 'wasm',
  weightFormats: ['f32'],
  floatType: 'f32',
  memoryBytes,
  threads: 1,
  hardware: 'test',
  ...extra,
})
let joined = 0
const device = (id: string, memoryBytes: number, role: PeerRole = 'device', extra: Partial<Capabilities> = {}): PeerEntry => ({
  id: peerId(id),
  name: id,
  role,
  joined: joined++,
  capabilities: capabilities(memoryBytes, extra),
  status: IDLE_STATUS,
})
/** Uniform layers of `layerBytes`; the first shard also holds an embedding, the last a head. */
const uniform = (numLayers: number, layerBytes: number, endBytes = 0): ModelSizing => ({
  numLayers,
  contextLength: 1024,
  hiddenSize: 512,
  needsF32: false,
  refusal: () => null,
  shardBytes: (range) =>
    (range.endLayer - range.startLayer) * layerBytes + (range.startLayer === 0 ? endBytes : 0) + (range.endLayer === numLayers ? endBytes : 0),
  work: (range) => range.endLayer - range.startLayer,
})
const wish = (extra: Partial<Wish> = {}): Wish => ({
  model: modelId('toy'),
  source: '/models/toy',
  strategy: 'memory-weighted',
  quality: 'balanced',
  minDevices: 1,
  maxDevices: 64,
  contextLength: null,
  localDevice: 'withdraw',
  state: 'serve',
  ...extra,
})
const layersOf = (devices: readonly PeerEntry[], sizing: ModelSizing, extra: Partial<Wish> = {}) => {
  const placement = place({ wish: wish(extra), devices, sizing, announcer: peerId('anna'), epoch: 1 })
  return { placement, layers: Object.fromEntries(placement.shards.map((shard) => [shard.peerId, shard.endLayer - shard.startLayer])) }
}

describe('memory-weighted placement', () => {
  test('gives 16 and 8 of 24 layers to devices with memory 2:1', () => {
    expect(layersOf([device('small', GIB), device('large', 2 * GIB)], uniform(24, 1)).layers).toEqual({ large: 16, small: 8 })
  })

  test('covers every layer once, in order, with one first and one last, for any mix of up to 7 devices', () => {
    for (let seed = 1; seed <= 200; seed++) {
      const count = 1 + (seed % 7)
      const devices = Array.from({ length: count }, (_, i) => device(`dev-${i}`, 100 + ((seed * 7919 + i * 104729) % 900)))
      const { placement } = layersOf(devices, uniform(8 + (seed % 25), 7, 11))
      if (placement.problem) continue
      expect(placement.shards.map((shard) => shard.startLayer)).toEqual([0, ...placement.shards.slice(0, -1).map((shard) => shard.endLayer)])
      expect(placement.shards.at(-1)?.endLayer).toBe(placement.numLayers)
      expect(placement.shards.every((shard) => shard.endLayer > shard.startLayer)).toBe(true)
      expect(placement.shards.filter((shard) => shard.first)).toHaveLength(1)
      expect(placement.shards.filter((shard) => shard.last)).toHaveLength(1)
    }
  })

  test('never goes beyond what a device can hold, even for the remainder layer', () => {
    const sizing = uniform(10, 100, 150)
    const devices = [device('aaaa', 560), device('bbbb', 560), device('cccc', 360)]
    const { placement } = layersOf(devices, sizing)
    expect(placement.problem).toBeNull()
    for (const shard of placement.shards) {
      const memory = devices.find((candidate) => candidate.id === shard.peerId)?.capabilities?.memoryBytes ?? 0
      expect(sizing.shardBytes(shard, { backend: 'wasm', weightFormat: 'f32', floatType: 'f32' })).toBeLessThanOrEqual(memory)
    }
  })

  test('an exact fit is placed, one byte less is short by at least that byte', () => {
    const sizing = uniform(8, 100)
    expect(layersOf([device('aaaa', 400), device('bbbb', 400)], sizing).placement.problem).toBeNull()
    const short = layersOf([device('aaaa', 400), device('bbbb', 399)], sizing).placement
    expect(short.shards).toEqual([])
    expect(short.problem).toMatchObject({ code: 'not_enough_memory' })
    expect(short.problem?.missingBytes).toBeGreaterThan(0)
    expect(short.problem?.message).toContain('short by')
  })

  test('a device that cannot hold one layer becomes a spare', () => {
    const { placement, layers } = layersOf([device('large', 1000), device('phone', 50)], uniform(8, 100))
    expect(layers).toEqual({ large: 8 })
    expect(placement.spares.map(({ peerId }) => peerId)).toEqual(['phone'])
  })

  test('devices beyond maxDevices and beyond the number of layers are spares', () => {
    const devices = ['aaaa', 'bbbb', 'cccc', 'dddd'].map((id) => device(id, 1000))
    expect(new Set(layersOf(devices, uniform(2, 100)).placement.spares.map((spare) => spare.peerId)).size).toBe(2)
    expect(layersOf(devices, uniform(8, 100), { maxDevices: 3 }).placement.shards).toHaveLength(3)
  })

  test('is the same for any order of the roster', () => {
    const devices = [device('aaaa', 500), device('bbbb', 700), device('cccc', 500)]
    const forward = layersOf(devices, uniform(12, 10)).placement
    const backward = layersOf([...devices].reverse(), uniform(12, 10)).placement
    expect(backward.shards).toEqual(forward.shards)
  })

  test('f32 hand-off where every shard holds f32 weights or the model exceeds f16', () => {
    const exact = [device('aaaa', 500), device('bbbb', 500)]
    expect(layersOf(exact, uniform(8, 100)).placement.handoff).toBe('f32')
    const mixed = [device('aaaa', 500), device('bbbb', 500, 'device', { weightFormats: ['int8'] })]
    expect(layersOf(mixed, uniform(8, 100)).placement.handoff).toBe('f16')
    expect(layersOf(mixed, { ...uniform(8, 100), needsF32: true }).placement.handoff).toBe('f32')
  })
})

describe('formats', () => {
  const BYTES = { f32: 400 * MIB, f16: 200 * MIB, int8: 100 * MIB, int4: 50 * MIB } as const
  /** Layers of 400 MiB in f32, less in the others. */
  const sized = (numLayers: number, change: Partial<ModelSizing> = {}): ModelSizing => ({
    ...uniform(numLayers, 0),
    shardBytes: (range, { weightFormat }) => (range.endLayer - range.startLayer) * BYTES[weightFormat],
    ...change,
  })
  const gpu = (id: string, memoryBytes: number) =>
    device(id, memoryBytes, 'device', { backend: 'webgpu', weightFormats: ['f32', 'f16', 'int8', 'int4'], floatType: 'f16' })
  const cpu = (id: string, memoryBytes: number) => device(id, memoryBytes, 'device', { weightFormats: ['f32', 'int8'] })
  const formatsOf = (devices: readonly PeerEntry[], sizing: ModelSizing, extra: Partial<Wish> = {}) => {
    const { placement } = layersOf(devices, sizing, extra)
    return Object.fromEntries(placement.shards.map((shard) => [shard.peerId, shard.weightFormat]))
  }

  test('each backend has its own balance; quality takes f32 and small the fewest bits', () => {
    const devices = [gpu('gpu-', 10_000 * MIB), cpu('cpu-', 10_000 * MIB)]
    expect(formatsOf(devices, sized(8))).toEqual({ 'gpu-': 'f16', 'cpu-': 'f32' })
    expect(formatsOf(devices, sized(8), { quality: 'quality' })).toEqual({ 'gpu-': 'f32', 'cpu-': 'f32' })
    expect(formatsOf(devices, sized(8), { quality: 'small' })).toEqual({ 'gpu-': 'int4', 'cpu-': 'int8' })
  })

  test('a model of a few megabytes stays exact in balance: less would save nothing', () => {
    const tiny = sized(8, { shardBytes: (range, { weightFormat }) => ((range.endLayer - range.startLayer) * BYTES[weightFormat]) / 100 })
    expect(formatsOf([gpu('gpu-', 10_000 * MIB), cpu('cpu-', 10_000 * MIB)], tiny)).toEqual({ 'gpu-': 'f32', 'cpu-': 'f32' })
    expect(formatsOf([gpu('gpu-', 10_000 * MIB)], tiny, { quality: 'small' })).toEqual({ 'gpu-': 'int4' })
  })

  test('falls to the next smaller format as far as needed, one byte decides, and says so', () => {
    expect(formatsOf([gpu('gpu-', 3200 * MIB)], sized(8), { quality: 'quality' })).toEqual({ 'gpu-': 'f32' })
    expect(formatsOf([gpu('gpu-', 3200 * MIB - 1)], sized(8), { quality: 'quality' })).toEqual({ 'gpu-': 'f16' })
    expect(formatsOf([gpu('gpu-', 1600 * MIB - 1)], sized(8), { quality: 'quality' })).toEqual({ 'gpu-': 'int8' })
    expect(formatsOf([gpu('gpu-', 800 * MIB - 1)], sized(8))).toEqual({ 'gpu-': 'int4' })
    const { placement } = layersOf([gpu('gpu-', 3200 * MIB - 1)], sized(8), { quality: 'quality' })
    expect(placement.explanation.join()).toContain('gpu- holds f16 because f32 does not fit')
    expect(layersOf([gpu('gpu-', 400 * MIB - 1)], sized(8)).placement.problem).toMatchObject({ code: 'not_enough_memory', missingBytes: 1 })
  })

  test('a device with room to spare keeps the more exact format when the others had to fall', () => {
    const devices = [gpu('gpu-', 800 * MIB), cpu('cpu-', 400 * MIB)]
    // In f16 and f32 there is room for 5 of 8 layers; int8 makes it fit, and five layers are too many for f16 on the GPU.
    expect(formatsOf(devices, sized(8))).toEqual({ 'gpu-': 'int8', 'cpu-': 'int8' })
    expect(layersOf([gpu('gpu-', 1200 * MIB), cpu('cpu-', 300 * MIB)], sized(8)).placement.shards.map((shard) => shard.weightFormat)).toEqual([
      'f16',
      'int8',
    ])
  })

  test('what a model cannot be held as is passed over; where nothing is left, the reason is the problem', () => {
    const noHalves = sized(8, { refusal: ({ weightFormat }) => (weightFormat === 'f16' ? 'it exceeds f16' : null) })
    expect(formatsOf([gpu('gpu-', 10_000 * MIB)], noHalves)).toEqual({ 'gpu-': 'f32' })
    const onlyCpu = sized(8, { refusal: ({ backend }) => (backend === 'webgpu' ? 'it caps its scores' : null) })
    const { placement } = layersOf([gpu('gpu-', 10_000 * MIB), cpu('cpu-', 10_000 * MIB)], onlyCpu)
    expect(placement.shards.map((shard) => shard.peerId)).toEqual(['cpu-'])
    expect(placement.spares.map(({ peerId }) => peerId)).toEqual(['gpu-'])
    expect(layersOf([gpu('gpu-', 10_000 * MIB)], onlyCpu).placement.problem).toEqual({
      code: 'unsupported_backend',
      message: 'no device here runs toy: it caps its scores',
    })
  })

  test('an owner who insists on a format gets it or stays out', () => {
    const insists = device('aaaa', 500 * MIB, 'device', { weightFormats: ['int8'] })
    expect(formatsOf([insists], sized(4), { quality: 'quality' })).toEqual({ aaaa: 'int8' })
    expect(layersOf([insists], sized(6)).placement.problem?.code).toBe('not_enough_memory')
  })
})

describe('the server’s own device', () => {
  const local = device('server', 10_000, 'local-device')
  test('serves alone while no browser is here', () => {
    expect(layersOf([local], uniform(8, 100)).layers).toEqual({ server: 8 })
  })
  test('withdraws when browsers hold the model, stays when asked to', () => {
    const browsers = [device('aaaa', 1000), device('bbbb', 1000)]
    expect(layersOf([local, ...browsers], uniform(8, 100)).layers).toEqual({ aaaa: 4, bbbb: 4 })
    expect(Object.keys(layersOf([local, ...browsers], uniform(8, 100), { localDevice: 'stay' }).layers)).toContain('server')
  })
  test('serves while fewer browsers than minDevices are here; without it the placement says who is missing', () => {
    const one = device('aaaa', 1000)
    expect(layersOf([local, one], uniform(8, 100), { minDevices: 2 }).layers).toEqual({ server: 8 })
    expect(layersOf([one], uniform(8, 100), { minDevices: 2 }).placement.problem).toEqual({
      code: 'no_ring',
      message: 'waiting for devices: 1 of 2 are here',
    })
  })
  test('too small and alone, it is told how much is missing', () => {
    const small = device('server', 300, 'local-device')
    expect(layersOf([small], uniform(8, 100)).placement.problem).toMatchObject({ code: 'not_enough_memory', missingBytes: 500 })
  })
  test('helps browsers out when neither holds the model alone', () => {
    const small = device('server', 300, 'local-device')
    expect(layersOf([small, device('aaaa', 600)], uniform(8, 100)).layers).toEqual({ aaaa: 5, server: 3 })
  })
})

describe('placement by measured time', () => {
  /** A device that has measured what one layer of the model takes it. */
  const paced = (id: string, memoryBytes: number, layerMs: number, rttMs: Readonly<Record<string, number>> = {}): PeerEntry => {
    const plain = device(id, memoryBytes, 'device', { layerSpeeds: [{ model: modelId('toy'), weightFormat: 'f32', layerMs }] })
    const links = Object.entries(rttMs).map(([other, ms]) => ({ peerId: peerId(other), path: 'webrtc' as const, rttMs: ms, bytesPerSecond: null }))
    return { ...plain, status: { ...IDLE_STATUS, links } }
  }
  const byTime = (
    devices: readonly PeerEntry[],
    sizing: ModelSizing,
    extra: Partial<Parameters<typeof place>[0]> & { strategy?: Wish['strategy'] } = {},
  ) => {
    const { strategy = 'latency', ...rest } = extra
    const placement = place({ wish: wish({ strategy }), devices, sizing, announcer: peerId('anna'), epoch: 2, ...rest })
    return { placement, layers: Object.fromEntries(placement.shards.map((shard) => [shard.peerId, shard.endLayer - shard.startLayer])) }
  }

  test('latency: the fastest device that holds the model serves alone, and the explanation says what another would do', () => {
    const { placement, layers } = byTime([paced('fast', 1000, 1), paced('slow', 1000, 3)], uniform(8, 100))
    expect(layers).toEqual({ fast: 8 })
    expect(placement.predictedLapMs).toBeCloseTo(8.3, 5)
    const words = placement.explanation.join('\n')
    expect(words).toContain('fast pledges 1 MiB, takes 1.0 ms a layer, gets 8 of 8 layers')
    expect(words).toContain('A lap is predicted to take 8.3 ms: 8.3 ms in layers and head, no hops.')
    expect(words).toMatch(/Without fast the ring would be 66 % slower/)
    expect(words).toMatch(/With slow in it the ring would be \d+ % slower/)
  })
  test('throughput shares by speed; auto follows the number of streams', () => {
    const devices = [paced('aaaa', 1000, 1, { bbbb: 2 }), paced('bbbb', 1000, 1)]
    expect(byTime(devices, uniform(24, 10), { strategy: 'throughput' }).layers).toEqual({ aaaa: 12, bbbb: 12 })
    expect(byTime(devices, uniform(24, 10), { strategy: 'auto', streams: 1 }).layers).toEqual({ aaaa: 24 })
    expect(byTime(devices, uniform(24, 10), { strategy: 'auto', streams: 8 }).layers).toEqual({ aaaa: 12, bbbb: 12 })
  })
  test('a far device is used only where memory asks for it', () => {
    const far = [paced('near', 600, 2, { also: 2, 'far-': 300 }), paced('also', 600, 2, { 'far-': 300 }), paced('far-', 800, 0.1)]
    expect(Object.keys(byTime(far, uniform(8, 100)).layers)).toEqual(['far-'])
    expect(Object.keys(byTime(far, uniform(9, 100)).layers).toSorted()).toEqual(['also', 'near'])
    expect(Object.keys(byTime(far, uniform(14, 100)).layers)).toContain('far-')
  })
  test('what no device has measured is guessed, and nothing is predicted from it', () => {
    const { placement } = byTime([device('aaaa', 500), device('bbbb', 500)], uniform(8, 100))
    expect(placement.shards).toHaveLength(2)
    expect(placement.predictedLapMs).toBeUndefined()
    expect(placement.explanation.join()).not.toMatch(/predicted/)
  })
  test('a model that does not fit is short by as much as ever', () => {
    expect(byTime([paced('aaaa', 400, 1), paced('bbbb', 399, 1)], uniform(8, 100)).placement.problem).toMatchObject({
      code: 'not_enough_memory',
      missingBytes: 100,
    })
  })

  const ring = (devices: readonly PeerEntry[]) => byTime(devices, uniform(8, 100), { strategy: 'throughput', epoch: 1 }).placement
  test('a whole ring is changed for one that is faster by 15 %, not for less, and not before it may', () => {
    const before = [paced('aaaa', 1000, 1), paced('bbbb', 1000, 1)]
    const known = ring(before)
    const slower = [paced('aaaa', 1000, 1), paced('bbbb', 1000, 1.1)]
    expect(byTime(slower, uniform(8, 100), { strategy: 'throughput', known }).layers).toEqual({ aaaa: 4, bbbb: 4 })
    const slow = [paced('aaaa', 1000, 1), paced('bbbb', 1000, 10)]
    expect(byTime(slow, uniform(8, 100), { strategy: 'throughput', known, mayRearrange: false }).layers).toEqual({ aaaa: 4, bbbb: 4 })
    const { placement, layers } = byTime(slow, uniform(8, 100), { strategy: 'throughput', known })
    expect(layers).toEqual({ aaaa: 8 })
    expect(placement.cutOver).toBe('soon')
  })
  test('a whole ring is changed where more or fewer devices are wished for, though that is no faster', () => {
    const devices = [paced('aaaa', 1000, 1), paced('bbbb', 1000, 1), paced('cccc', 1000, 1)]
    const known = byTime(devices, uniform(8, 100), { epoch: 1 }).placement
    const again = (extra: Partial<Wish>, before: Placement) =>
      place({ wish: wish({ strategy: 'latency', ...extra }), devices, sizing: uniform(8, 100), announcer: peerId('anna'), epoch: 2, known: before })
    const three = again({ minDevices: 3 }, known)
    expect([known.shards.length, three.shards.length]).toEqual([1, 3])
    expect(again({ maxDevices: 2, minDevices: 2 }, three).shards).toHaveLength(2)
  })
  test('a spare takes a slow device’s range over, and the other ranges stay', () => {
    const members = [paced('aaaa', 300, 1), paced('bbbb', 300, 1), paced('cccc', 300, 1)]
    const known = ring(members)
    const [, middle] = known.shards
    const now = [...members.map((entry) => (entry.id === middle?.peerId ? paced(entry.id, 300, 20) : entry)), paced('zzzz', 300, 1)]
    const { placement } = byTime(now, uniform(8, 100), { strategy: 'throughput', known })
    const ranges = (shards: typeof placement.shards) => shards.map(({ startLayer, endLayer }) => [startLayer, endLayer])
    expect(ranges(placement.shards)).toEqual(ranges(known.shards))
    expect(placement.shards[1]?.peerId).toBe('zzzz')
    expect([placement.shards[0]?.peerId, placement.shards[2]?.peerId]).toEqual([known.shards[0]?.peerId, known.shards[2]?.peerId])
  })
})

describe('memory that other models have', () => {
  const other = modelId('other')
  const viewWith = (placements: readonly Placement[], wished: readonly Wish[]) => viewOf([], wished, placements)
  test('is not given away twice: shards count against shards, what spares hold only against spares', () => {
    const devices = [device('aaaa', 1000), device('bbbb', 1000)]
    const first = place({ wish: { ...wish({ maxDevices: 1 }), model: other }, devices, sizing: uniform(6, 100), announcer: peerId('anna'), epoch: 1 })
    expect(first.shards).toMatchObject([{ peerId: 'aaaa', memoryBytes: 600 }])
    expect(first.spares).toMatchObject([{ peerId: 'bbbb', memoryBytes: 600 }])
    const taken = takenMemory(viewWith([first], [{ ...wish(), model: other }]), [first], modelId('toy'))
    expect([...taken]).toEqual([
      ['aaaa', { shards: 600, all: 600 }],
      ['bbbb', { shards: 0, all: 600 }],
    ])
    const placement = place({ wish: wish(), devices, sizing: uniform(14, 100), announcer: peerId('anna'), epoch: 2, taken })
    expect(Object.fromEntries(placement.shards.map((shard) => [shard.peerId, shard.endLayer - shard.startLayer]))).toEqual({ aaaa: 4, bbbb: 10 })
    expect(place({ wish: wish(), devices, sizing: uniform(15, 100), announcer: peerId('anna'), epoch: 2, taken }).problem?.code).toBe(
      'not_enough_memory',
    )
  })
  test('a model that is paused has none', () => {
    const held = place({ wish: wish(), devices: [device('aaaa', 1000)], sizing: uniform(6, 100), announcer: peerId('anna'), epoch: 1 })
    expect(takenMemory(viewWith([held], [wish({ state: 'paused' })]), [held], other).size).toBe(0)
    expect(takenMemory(viewWith([held], [wish()]), [held], other).size).toBe(1)
  })
})
