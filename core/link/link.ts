import type { LinkPath } from '../../protocol/cluster.ts'
import type { PeerId } from '../../protocol/ids.ts'

export type SendOptions = {
  /** Fails with `deadline_exceeded` when the message has not been accepted in this many milliseconds. Default 10 000. */
  readonly deadlineMs?: number
}
export type LinkStats = {
  /** Milliseconds, smoothed; null before the first measurement. */
  readonly rttMs: number | null
  readonly bytesSent: number
  readonly bytesReceived: number
  /** Bytes accepted but not yet handed to the network. */
  readonly bufferedBytes: number
  /** Bytes per second with which large messages lately arrived; null before there were any. */
  readonly arrivalBytesPerSecond: number | null
}

/** What computes behind a peer: passes in line, and milliseconds that the running one takes by now; 0 while none runs. */
export type WorkerProgress = { readonly waiting: number; readonly stepMs: number }
/** The same as the one who computes says it; null while no pass runs. */
export type WorkerPulse = { readonly waiting: number; readonly stepMs: number | null }

/**
 * A reliable, ordered, message-preserving path to one peer. Messages are up to MAX_FRAME_BYTES; the link slices them.
 * Implementations: WebRTC data channel, relay through signaling, memory. One conformance suite runs on all three.
 */
export type Link = {
  readonly remote: PeerId
  readonly path: LinkPath
  /**
   * Resolves when the message is accepted below the high-water mark: a caller that awaits it cannot flood a slow reader.
   * @throws {ClusterError} frame_too_large, link_closed, deadline_exceeded
   */
  send: (message: Uint8Array, options?: SendOptions) => Promise<void>
  /** At most one listener for each; a later call replaces the earlier. Messages that arrive before a listener is set are kept. */
  onMessage: (listener: (message: Uint8Array) => void) => void
  /** Called once, at once when already closed. `reason` is for people. */
  onClose: (listener: (reason: string) => void) => void
  /** Something is overdue: closes the link unless the other side gives a sign of life within LINK_PROBE_MS. */
  probe: () => void
  stats: () => LinkStats
  /** May be called twice. Undoes every listener and timer; pending sends fail with link_closed. */
  close: () => void
}
