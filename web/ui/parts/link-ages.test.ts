import { expect, test } from 'vitest'
import { viewOf } from '../../../core/cluster/cluster-view.ts'
import { IDLE_STATUS, type PeerEntry } from '../../../protocol/cluster.ts'
import { peerId } from '../../../protocol/ids.ts'
import { createLinkAges } from './link-ages.ts'

const [A, B] = [peerId('device-a'), peerId('device-b')]
const CAPABILITIES = { backend: 'simd', weightFormats: ['f32'], floatType: 'f32', memoryBytes: 1, threads: 1, hardware: '' } as const
const device = (id: PeerEntry['id'], links: PeerEntry['status']['links']): PeerEntry => ({
  id,
  name: id,
  role: 'device',
  joined: 0,
  capabilities: { ...CAPABILITIES, weightFormats: ['f32'] },
  status: { ...IDLE_STATUS, links },
})
const viewWith = (rttMs: number) => viewOf([device(A, [{ peerId: B, path: 'webrtc', rttMs, bytesPerSecond: null }]), device(B, [])], [], [])

test('a value is as old as it has not changed; a link that ended is none', () => {
  let now = 0
  const ages = createLinkAges(() => now)
  ages.note(viewWith(3))
  now = 4_000
  ages.note(viewWith(3))
  expect(ages.cell(A, B)).toEqual({ path: 'webrtc', rttMs: 3, ageMs: 4_000 })
  ages.note(viewWith(5))
  now = 4_500
  expect(ages.cell(A, B)).toEqual({ path: 'webrtc', rttMs: 5, ageMs: 500 })
  expect(ages.cell(B, A)).toBeNull()
  ages.note(viewOf([device(A, [])], [], []))
  expect(ages.cell(A, B)).toBeNull()
})
