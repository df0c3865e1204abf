import { expect, test } from 'vitest'
import { peerId } from '../../protocol/ids.ts'
import { LINK_HIGH_WATER_BYTES } from '../../protocol/limits.ts'
import { createManualClock } from './manual-clock.ts'
import { createMemoryChannels, createMemoryLinks } from './memory-link.ts'
import { encodeDataSlice } from './slices.ts'
import { createSlicedLink } from './sliced-link.ts'

const peers = [peerId('peer-a'), peerId('peer-b')] as const

test('an idle link lives on beats, and measures 40 ms for a delay of 20 ms each way', () => {
  const clock = createManualClock()
  const { a, b } = createMemoryLinks({ clock, peers, delayMs: 20 })
  let closed = 0
  for (const link of [a, b]) link.onClose(() => closed++)
  clock.advance(60_000)
  expect(closed).toBe(0)
  expect(a.stats().rttMs).toBeCloseTo(40)
})

test('2: a frozen peer is taken for dead after three beats, not after one', () => {
  const clock = createManualClock()
  const links = createMemoryLinks({ clock, peers, delayMs: 1 })
  const reasons: string[] = []
  links.a.onClose((reason) => reasons.push(reason))
  clock.advance(10_500)
  links.freeze()
  clock.advance(2_400)
  expect(reasons).toEqual([])
  clock.advance(1_100)
  expect(reasons).toEqual(['no answer'])
})

test('closing undoes every timer', () => {
  const clock = createManualClock()
  const { a, b } = createMemoryLinks({ clock, peers })
  clock.advance(1_500)
  void a.send(new Uint8Array(10))
  a.close()
  clock.advance(0)
  expect(b.stats().bytesReceived).toBe(10)
  clock.advance(1)
  expect(clock.pendingTimers()).toBe(0)
})

test('keeps the channel between its water marks while 4 MiB wait', async () => {
  const clock = createManualClock()
  const channels = createMemoryChannels({ clock, bandwidth: 1e6 })
  let most = 0
  const link = createSlicedLink({
    remote: peers[1],
    clock,
    channel: {
      ...channels.a,
      send: (bytes) => {
        channels.a.send(bytes)
        most = Math.max(most, channels.a.bufferedAmount())
      },
    },
  })
  const reader = createSlicedLink({ remote: peers[0], clock, channel: channels.b })
  const sizes: number[] = []
  reader.onMessage((message) => sizes.push(message.length))
  const sending = link.send(new Uint8Array(4 * 1024 * 1024), { deadlineMs: 20_000 })
  clock.advance(10_000)
  await sending
  expect(sizes).toEqual([4 * 1024 * 1024])
  expect(most).toBeGreaterThan(LINK_HIGH_WATER_BYTES - 5_000)
  expect(most).toBeLessThan(LINK_HIGH_WATER_BYTES + 5_000)
})

test('closes with a reason when the other side sends what is no slice', () => {
  const clock = createManualClock()
  const channels = createMemoryChannels({ clock })
  const link = createSlicedLink({ remote: peers[1], clock, channel: channels.a })
  let reason = ''
  link.onClose((text) => (reason = text))
  const huge = encodeDataSlice(1, 0, new Uint8Array(10_000))
  new DataView(huge.buffer).setUint32(16, 256 * 1024 * 1024, true)
  channels.b.send(huge)
  clock.advance(1)
  expect(reason).toMatch(/refused a message of 268435456 bytes/)
})

test('a listener that throws does not close the link', () => {
  const clock = createManualClock()
  const links = createMemoryLinks({ clock, peers })
  let closed = false
  links.b.onClose(() => (closed = true))
  links.b.onMessage(() => {
    throw new Error('the listener is at fault')
  })
  void links.a.send(new Uint8Array(1))
  expect(() => clock.advance(1)).toThrow('the listener is at fault')
  expect(closed).toBe(false)
})
