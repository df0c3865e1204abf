import { expect, test } from 'vitest'
import type { PairReport } from '../../protocol/cluster.ts'
import { createManualClock } from './manual-clock.ts'
import { createMemoryChannels } from './memory-link.ts'
import { watchPair } from './pair-watch.ts'

const report = (bytesSent: number): PairReport => ({
  route: 'host',
  protocol: 'udp',
  rttMs: 1,
  bytesSent,
  bytesReceived: 0,
  availableBytesPerSecond: null,
  retransmissions: null,
})
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('asks after a second and then every three; the last answer stays where there is none, and nothing is asked once it is stopped', async () => {
  const clock = createManualClock()
  let asked = 0
  const pairReport = async (): Promise<PairReport | null> => {
    asked += 1
    if (asked === 3) throw new Error('the connection is closed')
    return asked === 2 ? null : report(asked)
  }
  const watch = watchPair({ ...createMemoryChannels({ clock }).a, pairReport }, clock)
  expect(watch.latest()).toBeNull()
  const seen: (number | undefined)[] = []
  for (const ms of [1_000, 3_000, 3_000, 3_000]) {
    clock.advance(ms)
    await settle()
    seen.push(watch.latest()?.bytesSent)
  }
  expect(seen).toEqual([1, 1, 1, 4])
  watch.stop()
  clock.advance(60_000)
  expect([asked, clock.pendingTimers()]).toEqual([4, 0])
})

test('a channel whose platform says nothing is never asked', () => {
  const clock = createManualClock()
  const watch = watchPair(createMemoryChannels({ clock }).a, clock)
  expect([watch.latest(), clock.pendingTimers()]).toEqual([null, 0])
})
