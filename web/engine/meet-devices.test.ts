import { expect, test } from 'vitest'
import { viewOf, type ClusterView } from '../../core/cluster/cluster-view.ts'
import { createManualClock } from '../../core/link/manual-clock.ts'
import { IDLE_STATUS, type PeerEntry } from '../../protocol/cluster.ts'
import { peerId } from '../../protocol/ids.ts'
import { meetDevices } from './meet-devices.ts'

const device = (name: string): PeerEntry => ({
  id: peerId(`device-${name}`),
  name,
  role: 'device',
  joined: 0,
  capabilities: { backend: 'simd', weightFormats: ['f32'], floatType: 'f32', memoryBytes: 1, threads: 1, hardware: '' },
  status: IDLE_STATUS,
})

function played(isLending = true) {
  const clock = createManualClock()
  const dialed: string[] = []
  let view: ClusterView = viewOf([], [], [])
  let listener: (view: ClusterView) => void = () => undefined
  const network = {
    self: peerId('device-b'),
    view: () => view,
    onView: (next: typeof listener) => ((listener = next), () => undefined),
    isLinked: (id: string) => id === 'device-d',
    dial: (id: string) => void dialed.push(id),
  }
  meetDevices(network, clock.timer, () => isLending)
  const see = (...names: readonly string[]): void => {
    view = viewOf(names.map(device), [], [])
    listener(view)
  }
  return { clock, dialed, see }
}

test('of each pair one dials, once the ring has had its time, and only whom it does not know', () => {
  const { clock, dialed, see } = played()
  see('a', 'b', 'c', 'd', 'e')
  expect(dialed).toEqual([])
  clock.advance(8_000)
  expect(dialed).toEqual(['device-c', 'device-e'])
  see('a', 'b', 'c', 'd', 'e')
  clock.advance(60_000)
  expect(dialed).toHaveLength(2)
})

test('a page that does not lend, and one among more than sixteen, dials nobody', () => {
  const names = [...'abcdefghijklmnopq']
  for (const [lends, count] of [
    [false, 4],
    [true, 17],
  ] as const) {
    const { clock, dialed, see } = played(lends)
    see(...names.slice(0, count))
    clock.advance(10_000)
    expect([count, dialed]).toEqual([count, []])
  }
})
