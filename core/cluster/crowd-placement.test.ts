import { expect, test } from 'vitest'
import { IDLE_STATUS, placementSchema, type PeerEntry } from '../../protocol/cluster.ts'
import { modelId, peerId } from '../../protocol/ids.ts'
import { place } from './placement.ts'

const MIB = 2 ** 20
const deviceOf = (joined: number): PeerEntry => ({
  id: peerId(`dev-${joined}`),
  name: `Device ${joined}`,
  role: 'device',
  joined,
  capabilities: { backend: 'wasm', weightFormats: ['f32'], floatType: 'f32', memoryBytes: 100 * MIB, threads: 1, hardware: 'test' },
  status: IDLE_STATUS,
})

test('22: of a thousand devices a placement names the ring, three spares a range, and some dozens of the others', () => {
  const placement = place({
    wish: {
      model: modelId('toy'),
      source: '/models/toy',
      strategy: 'memory-weighted',
      quality: 'balanced',
      minDevices: 1,
      maxDevices: 4,
      contextLength: null,
      localDevice: 'withdraw',
      state: 'serve',
    },
    devices: Array.from({ length: 1000 }, (_, i) => deviceOf(i)),
    sizing: {
      numLayers: 8,
      contextLength: 1024,
      hiddenSize: 512,
      needsF32: false,
      refusal: () => null,
      shardBytes: ({ startLayer, endLayer }) => (endLayer - startLayer) * MIB,
      work: ({ startLayer, endLayer }) => endLayer - startLayer,
    },
    announcer: peerId('dev-0'),
    epoch: 1,
  })
  expect(placementSchema.safeParse(placement).success).toBe(true)
  for (const { startLayer } of placement.shards)
    expect(placement.spares.filter((spare) => spare.startLayer === startLayer && spare.endLayer > spare.startLayer)).toHaveLength(3)
  expect(placement.spares.length).toBeLessThan(100)
  expect(JSON.stringify(placement).length).toBeLessThan(32 * 1024)
})
