import type { WireError } from '../../protocol/errors.ts'
import { LINK_LOW_WATER_BYTES } from '../../protocol/limits.ts'
import type { RawChannel } from './raw-channel.ts'
import { encodeRelayPacket } from './relay-packet.ts'

/** Sends one packet through the signal server; resolves once the server has passed it on, or with why not. */
export type RelaySend = (packet: Uint8Array) => Promise<WireError | null>

export type RelayChannel = RawChannel & {
  readonly session: number
  /** A slice of this session came in. */
  readonly receive: (slice: Uint8Array) => void
  /** The other side, or the way to it, is gone. */
  readonly fail: (reason: string) => void
}

/** A channel over the signal server. What the server has not yet acknowledged counts as buffered. */
export function createRelayChannel(session: number, send: RelaySend): RelayChannel {
  let onMessage: (bytes: Uint8Array) => void = () => undefined
  let onClose: ((reason: string) => void) | null = null
  let onLow = (): void => undefined
  let buffered = 0
  let closedReason: string | null = null

  const fail = (reason: string): void => {
    if (closedReason !== null) return
    closedReason = reason
    onClose?.(reason)
  }
  const passedOn = (bytes: number, error: WireError | null): void => {
    const wasAbove = buffered > LINK_LOW_WATER_BYTES
    buffered -= bytes
    if (error) return fail(error.message)
    if (wasAbove && buffered <= LINK_LOW_WATER_BYTES && closedReason === null) onLow()
  }
  return {
    session,
    path: 'relay',
    send: (slice) => {
      if (closedReason !== null) throw new Error(`the relayed link is closed: ${closedReason}`)
      buffered += slice.length
      void send(encodeRelayPacket('data', session, slice)).then((error) => passedOn(slice.length, error))
    },
    bufferedAmount: () => buffered,
    onLow: (listener) => void (onLow = listener),
    onMessage: (listener) => void (onMessage = listener),
    onClose: (listener) => {
      onClose = listener
      if (closedReason !== null) listener(closedReason)
    },
    receive: (slice) => closedReason === null && onMessage(slice),
    fail,
    close: () => {
      if (closedReason !== null) return
      fail('closed here')
      void send(encodeRelayPacket('close', session))
    },
  }
}
