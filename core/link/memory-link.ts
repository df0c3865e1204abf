/** The in-memory twin of the real channels: delay, jitter, loss, duplicates, bandwidth, and death on request. For tests. */
import { LINK_LOW_WATER_BYTES } from '../../protocol/limits.ts'
import type { PeerId } from '../../protocol/ids.ts'
import type { Clock } from './clock.ts'
import type { Link } from './link.ts'
import type { RawChannel } from './raw-channel.ts'
import { createSlicedLink } from './sliced-link.ts'

export type MemoryNetworkOptions = {
  readonly clock: Clock
  /** Uniform in [0, 1). Needed for jitter, loss and duplicates. */
  readonly random?: () => number
  /** One-way delay. Default 0: delivered in the next timer turn. */
  readonly delayMs?: number
  /** Up to this much more, at random; order is kept, as on the real channels. */
  readonly jitterMs?: number
  /** Part of slices that are lost and sent again: they and all behind them come `retransmitMs` later, as on SCTP and TCP. */
  readonly loss?: number
  readonly retransmitMs?: number
  /** Part of slices that arrive twice. */
  readonly duplicate?: number
  /** Part of slices with which a burst of losses begins: all that is sent in the next `burstMs` comes when it is over. */
  readonly burst?: number
  readonly burstMs?: number
  /** Part of slices that overtake the one before them, which no channel of ours may do: a link must survive it or close. */
  readonly reorder?: number
  /** Part of slices of which one bit arrives wrong. */
  readonly corrupt?: number
  /** Bytes per second a direction. Default unlimited. */
  readonly bandwidth?: number
}

export type ChannelPair = {
  readonly a: RawChannel
  readonly b: RawChannel
  /** From now on nothing arrives, and nobody is told: a frozen tab or a cut cable. */
  readonly freeze: () => void
  /** Both ends see a close at once: a closed tab. */
  readonly kill: () => void
}

type End = { readonly channel: RawChannel; readonly receive: (bytes: Uint8Array) => void; readonly shut: (reason: string) => void }

function flipBit(bytes: Uint8Array, random: () => number): void {
  const bit = Math.floor(random() * bytes.length * 8)
  bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
}

function createEnd(options: MemoryNetworkOptions, isFrozen: () => boolean, other: () => End): End {
  const {
    clock,
    random = () => 0,
    delayMs = 0,
    jitterMs = 0,
    loss = 0,
    retransmitMs = 50,
    duplicate = 0,
    burst = 0,
    burstMs = 300,
    reorder = 0,
    corrupt = 0,
    bandwidth = Infinity,
  } = options
  let onMessage: (bytes: Uint8Array) => void = () => undefined
  let onClose: ((reason: string) => void) | null = null
  let onLow = (): void => undefined
  let closedReason: string | null = null
  let buffered = 0
  let sendFreeAt = 0
  let lastArrival = 0
  let burstUntil = 0
  /** What is on its way. Timers of real clocks are coarse and may fire out of order: each delivers the oldest. */
  const travelling: (() => void)[] = []

  const travel = (arrival: number, arrive: () => void): void => {
    lastArrival = Math.max(lastArrival, arrival)
    const overtakes = reorder > 0 && travelling.length > 0 && random() < reorder
    travelling.splice(travelling.length - (overtakes ? 1 : 0), 0, arrive)
    clock.timer(lastArrival - clock.now(), () => {
      const oldest = travelling.shift()
      if (!isFrozen()) oldest?.()
    })
  }
  const shut = (reason: string): void => {
    if (closedReason !== null) return
    closedReason = reason
    onClose?.(reason)
  }
  const leave = (bytes: Uint8Array): void => {
    const wasAbove = buffered > LINK_LOW_WATER_BYTES
    buffered -= bytes.length
    if (wasAbove && buffered <= LINK_LOW_WATER_BYTES && closedReason === null) onLow()
  }
  const send = (bytes: Uint8Array): void => {
    if (closedReason !== null) throw new Error(`the channel is closed: ${closedReason}`)
    const copy = bytes.slice()
    if (corrupt > 0 && random() < corrupt) flipBit(copy, random)
    buffered += copy.length
    sendFreeAt = Math.max(sendFreeAt, clock.now()) + (copy.length / bandwidth) * 1000
    const lost = random() < loss ? retransmitMs : 0
    if (burst > 0 && clock.now() >= burstUntil && random() < burst) burstUntil = clock.now() + burstMs
    const held = Math.max(0, burstUntil - clock.now())
    const arrival = sendFreeAt + delayMs + random() * jitterMs + lost + held
    clock.timer(sendFreeAt - clock.now(), () => leave(copy))
    const times = random() < duplicate ? 2 : 1
    travel(arrival, () => {
      for (let i = 0; i < times; i++) other().receive(copy)
    })
  }
  const channel: RawChannel = {
    path: 'local',
    send,
    bufferedAmount: () => buffered,
    onLow: (listener) => void (onLow = listener),
    onMessage: (listener) => void (onMessage = listener),
    onClose: (listener) => {
      onClose = listener
      if (closedReason !== null) listener(closedReason)
    },
    close: () => {
      if (closedReason !== null) return
      shut('closed here')
      travel(clock.now() + delayMs, () => other().shut('closed by the other side'))
    },
  }
  return { channel, receive: (bytes) => closedReason === null && onMessage(bytes), shut }
}

/** Two ends of one channel. Each keeps the order of what is sent. */
export function createMemoryChannels(options: MemoryNetworkOptions): ChannelPair {
  let frozen = false
  const a: End = createEnd(
    options,
    () => frozen,
    () => b,
  )
  const b: End = createEnd(
    options,
    () => frozen,
    () => a,
  )
  return {
    a: a.channel,
    b: b.channel,
    freeze: () => void (frozen = true),
    kill: () => {
      a.shut('the other side is gone')
      b.shut('the other side is gone')
    },
  }
}

export type LinkPair = { readonly a: Link; readonly b: Link; readonly freeze: () => void; readonly kill: () => void }

/** @param peers remote of `b`, then remote of `a`: the ids of the peers that hold `a` and `b` */
export function createMemoryLinks(options: MemoryNetworkOptions & { readonly peers: readonly [PeerId, PeerId]; readonly beatMs?: number }): LinkPair {
  const { clock, peers, beatMs } = options
  const channels = createMemoryChannels(options)
  const link = (channel: RawChannel, remote: PeerId): Link =>
    createSlicedLink({ remote, channel, clock, ...(beatMs === undefined ? {} : { beatMs }) })
  return { a: link(channels.a, peers[1]), b: link(channels.b, peers[0]), freeze: channels.freeze, kill: channels.kill }
}
