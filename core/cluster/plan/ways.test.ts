import { expect, test } from 'vitest'
import { IDLE_STATUS, type LinkReport, type PeerEntry, type Placement } from '../../../protocol/cluster.ts'
import { modelId, peerId } from '../../../protocol/ids.ts'
import type { ModelSizing } from '../sizing.ts'
import { bandwidths, hopsBetween, observedHandling } from './ways.ts'

const [A, B, C] = [peerId('aaaa'), peerId('bbbb'), peerId('cccc')]
const SIZING: ModelSizing = {
  numLayers: 4,
  contextLength: 64,
  hiddenSize: 500,
  needsF32: false,
  refusal: () => null,
  shardBytes: () => 1,
  work: ({ startLayer, endLayer }) => endLayer - startLayer,
}
const link = (to: string, rttMs: number | null, arrivalBytesPerSecond?: number): LinkReport => ({
  peerId: peerId(to),
  path: 'webrtc',
  rttMs,
  bytesPerSecond: null,
  ...(arrivalBytesPerSecond === undefined ? {} : { arrivalBytesPerSecond }),
})
const device = (id: string, links: readonly LinkReport[]): PeerEntry => ({
  id: peerId(id),
  name: id,
  role: 'device',
  joined: 0,
  capabilities: null,
  status: { ...IDLE_STATUS, links: [...links] },
})

test('bandwidth of a way is what its receiver saw arrive, each direction its own', () => {
  const between = bandwidths([device('aaaa', [link('bbbb', 5, 1e6)]), device('bbbb', [link('aaaa', 5, 8e6)])])
  expect([between(A, B), between(B, A)]).toEqual([8e6, 1e6])
})

test('where two have sent each other nothing large, it is what one sends and the other gets elsewhere; where nobody has, a network at home', () => {
  const devices = [device('aaaa', [link('bbbb', 5, 1e6), link('cccc', 5)]), device('bbbb', [link('aaaa', 5, 8e6)]), device('cccc', [])]
  const between = bandwidths(devices)
  // B was seen to send 1 MB/s at most, A to send 8.
  expect([between(B, C), between(A, C)]).toEqual([1e6, 8e6])
  expect(bandwidths([device('aaaa', []), device('bbbb', [])])(A, B)).toBe(12.5e6)
})

test('a slow uplink makes hidden states late, and ids not', () => {
  const devices = [device('aaaa', [link('bbbb', 10, 4e6)]), device('bbbb', [link('aaaa', 10, 0.1e6)])]
  const hops = hopsBetween(devices, SIZING, 0.5)
  // 500 numbers of 4 bytes: 20 ms at 100 kB/s, 0.5 ms at 4 MB/s.
  expect(hops(A, B)).toEqual({ activationMs: 25.5, idMs: 5.5, busyMs: 20 })
  expect(hops(B, A)).toEqual({ activationMs: 6, idMs: 5.5, busyMs: 0.5 })
})

const stage = { queueMs: 1, computeMs: 10, readBackMs: 2, sendMs: 0, p50Ms: 12, p95Ms: 12 }
const shard = (id: string, startLayer: number, endLayer: number) => ({
  peerId: peerId(id),
  startLayer,
  endLayer,
  first: startLayer === 0,
  last: endLayer === 4,
  weightFormat: 'f32' as const,
})
const PLACEMENT: Omit<Placement, 'shards'> = {
  model: modelId('toy'),
  source: '/models/toy',
  epoch: 1,
  strategy: 'latency',
  quality: 'balanced',
  announcer: A,
  numLayers: 4,
  contextLength: 64,
  handoff: 'f32',
  spares: [],
  explanation: [],
  problem: null,
}
const ring = (laps: number, ids: readonly string[]) => ({
  placement: { ...PLACEMENT, shards: ids.map((id, i) => shard(id, i * 2, i * 2 + 2)) },
  laps: { epoch: 1, laps, lapMs: 44, p95Ms: 44, stages: ids.map(() => stage) },
})

test('handling is what a lap takes beside stages, round trips and bytes, and the same ring is then predicted as it was observed', () => {
  const devices = [device('aaaa', [link('bbbb', 6, 4e6)]), device('bbbb', [link('aaaa', 6, 0.5e6)])]
  const observed = ring(8, ['aaaa', 'bbbb'])
  const handling = observedHandling(devices, SIZING, observed)
  // 44 − 2 · 13 in stages − 2 · 3 on the way − 4 for 2000 bytes at 0.5 MB/s, over two hops.
  expect(handling).toBeCloseTo(4)
  const hops = hopsBetween(devices, SIZING, handling)
  expect(26 + hops(A, B).activationMs + hops(B, A).idMs).toBeCloseTo(44)
})

test('a ring of one, and one that has hardly run, say nothing of hops', () => {
  expect(observedHandling([], SIZING, ring(100, ['aaaa']))).toBeNull()
  expect(observedHandling([], SIZING, ring(7, ['aaaa', 'bbbb']))).toBeNull()
})
