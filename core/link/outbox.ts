/** The sending half of a link: a queue of messages that leaves slice by slice as the channel and the reader's credit allow. */
import { ClusterError } from '../../protocol/errors.ts'
import { LINK_HIGH_WATER_BYTES, LINK_WINDOW_BYTES, MAX_FRAME_BYTES, MAX_SLICE_BYTES } from '../../protocol/limits.ts'
import type { Clock } from './clock.ts'
import type { RawChannel } from './raw-channel.ts'
import { encodeAbort, encodeDataSlice, sliceCount } from './slices.ts'

const DEFAULT_DEADLINE_MS = 10_000

type Pending = {
  readonly content: Uint8Array
  /** Number on the wire; null until the first slice has left. */
  message: number | null
  nextIndex: number
  readonly settle: (error: ClusterError | null) => void
}

export type Outbox = {
  readonly send: (content: Uint8Array, deadlineMs?: number) => Promise<void>
  /** The reader has taken this many bytes in all, modulo 2^32. */
  readonly credit: (takenBytes: number) => void
  /** Tries again to send: the channel has room. */
  readonly pump: () => void
  readonly sentBytes: () => number
  readonly queuedBytes: () => number
  /** Every pending send fails with link_closed. */
  readonly close: (reason: string) => void
}

/** @param onBroken the channel refused a slice */
export function createOutbox(channel: RawChannel, clock: Clock, onBroken: (reason: string) => void): Outbox {
  const queue: Pending[] = []
  let lastMessage = 0
  let sentBytes = 0
  let takenBytes = 0
  let aboveHighWater = false
  let closedReason: string | null = null

  const hasRoom = (): boolean => {
    if (aboveHighWater) return false
    aboveHighWater = channel.bufferedAmount() >= LINK_HIGH_WATER_BYTES
    return !aboveHighWater && sentBytes - takenBytes + MAX_SLICE_BYTES <= LINK_WINDOW_BYTES
  }

  const sendSlices = (pending: Pending): boolean => {
    const count = sliceCount(pending.content.length)
    while (pending.nextIndex < count) {
      if (!hasRoom()) return false
      const message = (pending.message ??= nextMessage())
      const slice = encodeDataSlice(message, pending.nextIndex, pending.content)
      pending.nextIndex++
      sentBytes += slice.length
      channel.send(slice)
    }
    return true
  }

  const nextMessage = (): number => (lastMessage = (lastMessage + 1) >>> 0)

  const pump = (): void => {
    try {
      for (let pending = queue[0]; pending && closedReason === null; pending = queue[0]) {
        if (!sendSlices(pending)) return
        queue.shift()
        pending.settle(null)
      }
    } catch (thrown) {
      onBroken(thrown instanceof Error ? thrown.message : 'the channel refused a slice')
    }
  }

  const expire = (pending: Pending, deadlineMs: number): void => {
    const place = queue.indexOf(pending)
    if (place < 0) return
    queue.splice(place, 1)
    pending.settle(new ClusterError('deadline_exceeded', `the link did not take ${pending.content.length} bytes within ${deadlineMs} ms`))
    if (pending.message === null) return
    try {
      channel.send(encodeAbort(pending.message))
      pump()
    } catch (thrown) {
      onBroken(thrown instanceof Error ? thrown.message : 'the channel refused an abort')
    }
  }

  const enqueue = (content: Uint8Array, deadlineMs: number): Promise<void> =>
    new Promise((resolve, reject) => {
      const settle = (error: ClusterError | null): void => {
        stopTimer?.()
        if (error) reject(error)
        else resolve()
      }
      const pending: Pending = { content, message: null, nextIndex: 0, settle }
      let stopTimer: (() => void) | null = null
      queue.push(pending)
      if (queue.length === 1) pump()
      if (queue.includes(pending)) stopTimer = clock.timer(deadlineMs, () => expire(pending, deadlineMs))
    })

  return {
    send: (content, deadlineMs = DEFAULT_DEADLINE_MS) => {
      if (closedReason !== null) return Promise.reject(new ClusterError('link_closed', `the link is closed: ${closedReason}`))
      if (content.length > MAX_FRAME_BYTES) {
        return Promise.reject(new ClusterError('frame_too_large', `a message of ${content.length} bytes; at most ${MAX_FRAME_BYTES}`))
      }
      return enqueue(content, deadlineMs)
    },
    credit: (taken) => {
      // The wire carries the count modulo 2^32; a credit for more than was sent is a lie and ignored.
      const advanced = (taken - (takenBytes % 2 ** 32)) >>> 0
      if (takenBytes + advanced > sentBytes) return
      takenBytes += advanced
      pump()
    },
    pump: () => {
      aboveHighWater = false
      pump()
    },
    sentBytes: () => sentBytes,
    queuedBytes: () => queue.reduce((sum, pending) => sum + pending.content.length, 0),
    close: (reason) => {
      if (closedReason !== null) return
      closedReason = reason
      for (const pending of queue.splice(0)) pending.settle(new ClusterError('link_closed', `the link closed while sending: ${reason}`))
    },
  }
}
