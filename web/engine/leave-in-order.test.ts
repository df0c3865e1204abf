import { expect, test } from 'vitest'
import { EMPTY_VIEW, viewOf, type ClusterView } from '../../core/cluster/cluster-view.ts'
import { createManualClock } from '../../core/link/manual-clock.ts'
import { IDLE_STATUS, type Capabilities, type PeerEntry } from '../../protocol/cluster.ts'
import { peerId } from '../../protocol/ids.ts'
import { heardGone, leaveInOrder } from './leave-in-order.ts'

const SELF = peerId('self')
const CAPABILITIES: Capabilities = { backend: 'simd', weightFormats: ['f32'], floatType: 'f32', memoryBytes: 1, threads: 1, hardware: '' }
const me = (capabilities: Capabilities | null): PeerEntry => ({
  id: SELF,
  name: 'self',
  role: 'device',
  joined: 0,
  capabilities,
  status: IDLE_STATUS,
})

function played() {
  const clock = createManualClock()
  let view: ClusterView = EMPTY_VIEW
  let sequences = 1
  const listeners = new Set<() => void>()
  const on = (listener: () => void) => (listeners.add(listener), () => listeners.delete(listener))
  const onView = (listener: (view: ClusterView) => void) => on(() => listener(view))
  const network = { self: SELF, view: () => view, onView, isOnline: () => true }
  const tell = (): void => {
    for (const listener of [...listeners]) listener()
  }
  const device = { status: () => ({ ...IDLE_STATUS, sequences }) }
  return {
    clock,
    network,
    listeners,
    leave: () => leaveInOrder({ device, network, clock, onStatus: on }),
    finish: () => {
      sequences = 0
      tell()
    },
    see: (next: ClusterView) => {
      view = next
      tell()
    },
  }
}
const isDone = async (done: Promise<void>): Promise<boolean> => {
  let is = false
  void done.then(() => (is = true))
  await new Promise(setImmediate)
  return is
}

test('goes when its last answer has ended, and listens to nothing afterwards', async () => {
  const { clock, leave, finish, listeners } = played()
  const { done } = leave()
  clock.advance(1_000)
  expect(await isDone(done)).toBe(false)
  finish()
  expect(await isDone(done)).toBe(true)
  expect(listeners.size).toBe(0)
})

test('does not wait when its person does not want to, and no longer than a minute', async () => {
  const [impatient, patient] = [played(), played()]
  const first = impatient.leave()
  first.goNow()
  expect(await isDone(first.done)).toBe(true)
  const second = patient.leave()
  patient.clock.advance(59_000)
  expect(await isDone(second.done)).toBe(false)
  patient.clock.advance(1_000)
  expect(await isDone(second.done)).toBe(true)
})

test('it is gone when the server has told so, or does not answer', async () => {
  const { clock, network, see } = played()
  see(viewOf([me(CAPABILITIES)], [], []))
  const heard = heardGone(network, clock)
  expect(await isDone(heard)).toBe(false)
  see(viewOf([me(null)], [], []))
  expect(await isDone(heard)).toBe(true)
  see(viewOf([me(CAPABILITIES)], [], []))
  const silent = heardGone(network, clock)
  clock.advance(3_000)
  expect(await isDone(silent)).toBe(true)
})
