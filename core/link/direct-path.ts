import type { Negotiation, Welcome } from '../../protocol/signaling.ts'
import type { RawChannel } from './raw-channel.ts'

export type DirectOptions = {
  /** Makes the offer; the other side answers. */
  readonly initiator: boolean
  readonly iceServers: Welcome['iceServers']
  /** Something to pass to the other side by signaling. */
  readonly onSignal: (kind: Negotiation['kind'], payload: string) => void
  /** Once; the channel is open. */
  readonly onOpen: (channel: RawChannel) => void
  /** At most once, and only before `onOpen`. */
  readonly onFail: (reason: string) => void
}

/** One try to connect two peers without the server between them. */
export type DirectAttempt = {
  /** Something came from the other side; what makes no sense fails the attempt. */
  readonly signal: (kind: Negotiation['kind'], payload: string) => void
  /** Gives up, silently. Without effect once open. */
  readonly abandon: () => void
}

/** WebRTC in browsers; none in Node. */
export type StartDirect = (options: DirectOptions) => DirectAttempt
