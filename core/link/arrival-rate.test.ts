import { expect, test } from 'vitest'
import { peerId } from '../../protocol/ids.ts'
import { createArrivalRate } from './arrival-rate.ts'
import { createManualClock } from './manual-clock.ts'
import { createMemoryLinks } from './memory-link.ts'

const peers = [peerId('peer-a'), peerId('peer-b')] as const

test('large messages tell the bandwidth of a path whatever its delay, each direction its own; small ones tell nothing', () => {
  const clock = createManualClock()
  const { a, b } = createMemoryLinks({ clock, peers, delayMs: 40, bandwidth: 2e6 })
  a.onMessage(() => undefined)
  b.onMessage(() => undefined)
  for (let i = 0; i < 20; i++) void a.send(new Uint8Array(4_000))
  clock.advance(1_000)
  expect(b.stats().arrivalBytesPerSecond).toBeNull()
  void a.send(new Uint8Array(400_000))
  clock.advance(1_000)
  // Payload is counted, headers of slices are not.
  expect(b.stats().arrivalBytesPerSecond).toBeGreaterThan(1.9e6)
  expect(b.stats().arrivalBytesPerSecond).toBeLessThan(2e6)
  expect(a.stats().arrivalBytesPerSecond).toBeNull()
})

/** One message of 40 slices of 1000 bytes, of which slice i comes at `at(i)`. */
function message(rate: ReturnType<typeof createArrivalRate>, clock: { at: number }, number: number, at: (index: number) => number): void {
  const startedAt = clock.at
  for (let index = 0; index < 40; index++) {
    clock.at = startedAt + at(index)
    rate.add({ message: number, index, count: 40, payload: new Uint8Array(1000) })
  }
}

test('the first half of a message, in which a window still opens, counts for nothing', () => {
  const clock = { at: 0 }
  const rate = createArrivalRate(() => clock.at)
  message(rate, clock, 1, (index) => (index < 20 ? index * 50 : 1000 + (index - 20)))
  expect(rate.bytesPerSecond()).toBeCloseTo(1e6)
})

test('a message that came all at once, and one that was held up, change nothing among others', () => {
  const clock = { at: 0 }
  const rate = createArrivalRate(() => clock.at)
  for (let number = 1; number <= 9; number++) {
    const stepMs = number === 3 ? 0.001 : number === 5 ? 200 : 2
    message(rate, clock, number, (index) => index * stepMs)
  }
  expect(rate.bytesPerSecond()).toBeCloseTo(5e5)
})

test('slices that come twice or of an aborted message are no bytes more', () => {
  const clock = { at: 0 }
  const rate = createArrivalRate(() => clock.at)
  const slice = (number: number, index: number): void => rate.add({ message: number, index, count: 40, payload: new Uint8Array(1000) })
  for (let index = 20; index < 30; index++) slice(1, index)
  for (let index = 20; index < 40; index++) {
    clock.at += 1
    slice(2, index)
    slice(2, index)
  }
  expect(rate.bytesPerSecond()).toBeCloseTo(1e6)
})
