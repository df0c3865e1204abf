import type { LinkPath, PairReport } from '../../protocol/cluster.ts'

/**
 * An open, ordered channel of small messages (each at most MAX_SLICE_BYTES), as a data channel or the relay gives it. What it
 * lacks to be a `Link` (slicing, credit, deadlines, beats) is added once, by `createSlicedLink`.
 * Each listener is set once, and synchronously after the channel was handed out.
 */
export type RawChannel = {
  readonly path: LinkPath
  /** @throws {Error} when the channel is closed. */
  readonly send: (bytes: Uint8Array) => void
  /** Bytes sent but not yet handed to the network. */
  readonly bufferedAmount: () => number
  /** Called when `bufferedAmount` has fallen to LINK_LOW_WATER_BYTES from above. */
  readonly onLow: (listener: () => void) => void
  readonly onMessage: (listener: (bytes: Uint8Array) => void) => void
  /** Called at most once, also after `close`; at once when already closed. */
  readonly onClose: (listener: (reason: string) => void) => void
  readonly close: () => void
  /** What the platform says of the path now; null when it says nothing. Absent where there is nothing to ask. */
  readonly pairReport?: () => Promise<PairReport | null>
}
