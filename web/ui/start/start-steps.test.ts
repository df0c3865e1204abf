import { expect, test } from 'vitest'
import { viewOf } from '../../../core/cluster/cluster-view.ts'
import { IDLE_STATUS, type PeerEntry, type Placement } from '../../../protocol/cluster.ts'
import { modelId, peerId } from '../../../protocol/ids.ts'
import { startSteps } from './start-steps.ts'

const device = (name: string, role: PeerEntry['role'], models: readonly string[]): PeerEntry => ({
  id: peerId(`device-${name}`),
  name,
  role,
  joined: 0,
  capabilities: { backend: 'simd', weightFormats: ['f32'], floatType: 'f32', memoryBytes: 2 ** 30, threads: 1, hardware: '' },
  status: {
    ...IDLE_STATUS,
    shards: models.map((model) => ({
      model: modelId(model),
      epoch: 1,
      startLayer: 0,
      endLayer: 8,
      state: 'ready',
      phase: 'ready',
      loadedBytes: 1,
      totalBytes: 1,
      weightFormat: 'f32',
      heldBytes: 1,
    })),
  },
})
const placed = (model: string, owner: string): Placement => ({
  model: modelId(model),
  source: `/models/${model}`,
  epoch: 1,
  strategy: 'memory-weighted',
  quality: 'balanced',
  announcer: peerId(`device-${owner}`),
  numLayers: 8,
  contextLength: 64,
  handoff: 'f32',
  shards: [{ peerId: peerId(`device-${owner}`), startLayer: 0, endLayer: 8, first: true, last: true, weightFormat: 'f32' }],
  spares: [],
  explanation: [],
  problem: null,
})
const done = (...view: Parameters<typeof viewOf>): readonly string[] => startSteps(viewOf(...view)).flatMap(({ id, isDone }) => (isDone ? [id] : []))

test('ticks off what is so: an answer, a browser that lends, a second one, another model', () => {
  expect(done([], [], [])).toEqual([])
  expect(done([device('server', 'local-device', ['ember'])], [], [placed('ember', 'server')])).toEqual(['answers'])
  const [laptop, phone] = [device('laptop', 'device', ['ember', 'org/big']), device('phone', 'device', [])]
  expect(done([laptop], [], [placed('ember', 'laptop')])).toEqual(['answers', 'lends'])
  expect(done([laptop, phone], [], [placed('ember', 'laptop')])).toEqual(['answers', 'lends', 'second'])
  expect(done([laptop, phone], [], [placed('ember', 'laptop'), placed('org/big', 'laptop')])).toEqual(['answers', 'lends', 'second', 'bigger'])
})

test('a device that left takes its tick along', () => {
  expect(done([], [], [placed('ember', 'laptop')])).toEqual([])
})
