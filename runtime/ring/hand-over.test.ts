import { expect, test } from 'vitest'
import { viewOf } from '../../core/cluster/cluster-view.ts'
import { IDLE_STATUS, type PeerEntry, type PeerStatus, type Placement, type ShardReport } from '../../protocol/cluster.ts'
import { modelId, peerId, type PeerId } from '../../protocol/ids.ts'
import { isHandedOver } from './hand-over.ts'

const MODEL = modelId('toy')
const [SELF, OTHER] = [peerId('self'), peerId('other')]
const report = (epoch: number, state: ShardReport['state']): ShardReport => ({
  model: MODEL,
  epoch,
  startLayer: 0,
  endLayer: 4,
  state,
  phase: state === 'ready' ? 'ready' : 'downloading',
  loadedBytes: 0,
  totalBytes: 0,
  weightFormat: 'f32',
  heldBytes: 0,
})
const device = (id: PeerId, status: Partial<PeerStatus>): PeerEntry => ({
  id,
  name: id,
  role: 'device',
  joined: 0,
  capabilities: { backend: 'simd', weightFormats: ['f32'], floatType: 'f32', memoryBytes: 1, threads: 1, hardware: '' },
  status: { ...IDLE_STATUS, ...status },
})
const ringOf = (epoch: number, owner: PeerId | null): Placement => ({
  model: MODEL,
  source: '/toy',
  epoch,
  strategy: 'memory-weighted',
  quality: 'balanced',
  announcer: SELF,
  numLayers: 4,
  contextLength: 64,
  handoff: 'f32',
  shards: owner === null ? [] : [{ peerId: owner, startLayer: 0, endLayer: 4, first: true, last: true, weightFormat: 'f32' }],
  spares: [],
  explanation: [],
  problem: null,
})
const own = (sequences: number): Partial<PeerStatus> => ({ state: 'paused', shards: [report(1, 'ready')], sequences })

test('waits for its answers to end, and for the ring without it to serve', () => {
  const view = (other: Partial<PeerStatus>, placement: Placement) => viewOf([device(SELF, own(0)), device(OTHER, other)], [], [placement])
  const status = { ...IDLE_STATUS, ...own(0) }
  expect(isHandedOver(view({}, ringOf(1, SELF)), SELF, status)).toBe(false)
  expect(isHandedOver(view({ shards: [report(2, 'loading')] }, ringOf(2, OTHER)), SELF, status)).toBe(false)
  const served = view({ shards: [report(2, 'ready')] }, ringOf(2, OTHER))
  expect(isHandedOver(served, SELF, status)).toBe(true)
  expect(isHandedOver(served, SELF, { ...status, sequences: 1 })).toBe(false)
})

test('a device alone, and one whose layers nobody can take, wait for their answers only', () => {
  const status = { ...IDLE_STATUS, ...own(0) }
  expect(isHandedOver(viewOf([device(SELF, own(0))], [], [ringOf(1, SELF)]), SELF, status)).toBe(true)
  const nobody = viewOf([device(SELF, own(0)), device(OTHER, {})], [], [ringOf(2, null)])
  expect(isHandedOver(nobody, SELF, status)).toBe(true)
  expect(isHandedOver(nobody, SELF, { ...status, sequences: 2 })).toBe(false)
})
