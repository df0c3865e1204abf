import type { PeerId } from '../../protocol/ids.ts'
import { LINK_BEAT_MS, LINK_PROBE_MS } from '../../protocol/limits.ts'
import { createArrivalRate } from './arrival-rate.ts'
import type { Clock } from './clock.ts'
import { createInbox } from './inbox.ts'
import type { Link, WorkerProgress } from './link.ts'
import { createOutbox } from './outbox.ts'
import type { RawChannel } from './raw-channel.ts'
import { decodeSlice, encodeCredit, encodePing, encodePong, type Slice } from './slices.ts'

const MISSED_BEATS = 3
/** Why a link ended that got no sign of life. */
export const NO_ANSWER = 'no answer'
/** A timer this much late shows that this side was held up: silence meanwhile says nothing about the other. */
const HELD_UP_MS = 400
/** Weight of a new round trip in the smoothed one: RFC 6298's 1/8 is for many samples, a beat gives one a second. */
const RTT_WEIGHT = 0.25

export type SlicedLinkOptions = {
  readonly remote: PeerId
  readonly channel: RawChannel
  readonly clock: Clock
  /** Default LINK_BEAT_MS. */
  readonly beatMs?: number
  /** A peer that computes on the thread that answers: it is silent during a step, and its process's end closes the channel. */
  readonly isPatient?: boolean
  /** What computes behind this side. Default: nothing. */
  readonly progress?: () => WorkerProgress
  /** What the other side says of what computes behind it, with each of its pongs. */
  readonly onProgress?: (progress: WorkerProgress) => void
}

const IDLE: WorkerProgress = { waiting: 0, stepMs: 0 }

/** Beats: one a period unless data flows both ways. A side that hears nothing for three periods takes the other for dead. */
function createBeats(options: SlicedLinkOptions, isBusy: () => boolean, send: (bytes: Uint8Array) => void, onDead: (reason: string) => void) {
  const { clock, beatMs = LINK_BEAT_MS } = options
  let beat = 0
  /** When the last beats left, by number modulo the length. */
  const sentAt = new Float64Array(MISSED_BEATS + 1)
  let missed = 0
  let heard = false
  let rttMs: number | null = null
  let stopTimer = (): void => undefined
  let stopProbe: (() => void) | null = null
  let tickDue = 0

  const ping = (): void => {
    beat = (beat + 1) >>> 0
    sentAt[beat % sentAt.length] = clock.now()
    send(encodePing(beat))
  }
  const nextTick = (): void => {
    tickDue = clock.now() + beatMs
    stopTimer = clock.timer(beatMs, tick)
  }
  const tick = (): void => {
    const isHeldUp = clock.now() - tickDue > HELD_UP_MS
    missed = heard || isHeldUp ? 0 : missed + 1
    heard = false
    if (missed >= MISSED_BEATS) return onDead(NO_ANSWER)
    nextTick()
    if (!isBusy() || missed > 0 || isHeldUp) ping()
  }
  const probe = (): void => {
    if (stopProbe) return
    const due = clock.now() + LINK_PROBE_MS
    ping()
    stopProbe = clock.timer(LINK_PROBE_MS, () => {
      stopProbe = null
      if (clock.now() - due > HELD_UP_MS) probe()
      else onDead(NO_ANSWER)
    })
  }
  return {
    start: (): void => {
      nextTick()
      ping()
    },
    probe,
    hear: (): void => {
      heard = true
      stopProbe?.()
      stopProbe = null
    },
    pong: (number: number): void => {
      if (number > beat || beat - number >= sentAt.length) return
      const sample = clock.now() - (sentAt[number % sentAt.length] ?? 0)
      rttMs = rttMs === null ? sample : rttMs + RTT_WEIGHT * (sample - rttMs)
    },
    rttMs: () => rttMs,
    stop: (): void => {
      stopTimer()
      stopProbe?.()
    },
  }
}

/** A `Link` over a channel of small messages. Starts at once; the channel must be open. */
export function createSlicedLink(options: SlicedLinkOptions): Link {
  const { remote, channel, clock } = options
  let bytesReceived = 0
  let closedReason: string | null = null
  let onClose: ((reason: string) => void) | null = null
  let busyMark = { sent: 0, received: 0 }

  const end = (reason: string): void => {
    if (closedReason !== null) return
    closedReason = reason
    beats.stop()
    outbox.close(reason)
    channel.close()
    onClose?.(reason)
  }
  const attempt = <T>(run: () => T): T | null => {
    try {
      return run()
    } catch (thrown) {
      end(thrown instanceof Error ? thrown.message : 'the channel failed')
      return null
    }
  }
  const outbox = createOutbox(channel, clock, end)
  const inbox = createInbox((takenBytes) => attempt(() => channel.send(encodeCredit(takenBytes))))
  const arrivals = createArrivalRate(clock.now)
  const isBusy = (): boolean => {
    const before = busyMark
    busyMark = { sent: outbox.sentBytes(), received: bytesReceived }
    return busyMark.sent > before.sent && busyMark.received > before.received
  }
  const beats = createBeats(options, isBusy, (bytes) => void attempt(() => channel.send(bytes)), end)

  /** Acts on a slice; gives the message that it completes. */
  const handle = (slice: Slice): Uint8Array | null => {
    switch (slice.type) {
      case 'data':
        bytesReceived += slice.payload.length
        arrivals.add(slice)
        return inbox.accept(slice)
      case 'ping':
        channel.send(encodePong(slice.beat, options.progress?.() ?? IDLE))
        return null
      case 'pong':
        beats.pong(slice.beat)
        options.onProgress?.(slice.progress)
        return null
      case 'credit':
        outbox.credit(slice.takenBytes)
        return null
      case 'abort':
        inbox.abort(slice.message)
        return null
    }
  }
  channel.onMessage((bytes) => {
    if (closedReason !== null) return
    beats.hear()
    const message = attempt(() => handle(decodeSlice(bytes)))
    // Outside `attempt`: what a listener throws is its own fault, not the link's.
    if (message) inbox.deliver(message)
  })
  channel.onLow(outbox.pump)
  channel.onClose(end)
  if (closedReason === null) beats.start()

  return {
    remote,
    path: channel.path,
    send: (message, sendOptions = {}) => outbox.send(message, sendOptions.deadlineMs),
    onMessage: inbox.onMessage,
    onClose: (listener) => {
      onClose = listener
      if (closedReason !== null) listener(closedReason)
    },
    probe: () => {
      if (closedReason === null && !options.isPatient) beats.probe()
    },
    stats: () => ({
      rttMs: beats.rttMs(),
      bytesSent: outbox.sentBytes(),
      bytesReceived,
      arrivalBytesPerSecond: arrivals.bytesPerSecond(),
      bufferedBytes: outbox.queuedBytes() + (closedReason === null ? channel.bufferedAmount() : 0),
    }),
    close: () => end('closed here'),
  }
}
