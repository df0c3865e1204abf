import type { LinkPath, PeerStatus, Placement, Wish } from '../../protocol/cluster.ts'
import type { WorkerProgress, WorkerPulse } from '../link/link.ts'
import type { ModelId, PeerId } from '../../protocol/ids.ts'
import type { ClusterView } from './cluster-view.ts'

/**
 * What a ring node or a client sees of the others: the shared view, and frames to and from any peer by the best path.
 * Implemented over worker ports in browsers and in Node, and in memory for tests.
 */
export type Network = {
  readonly self: PeerId
  /** The newest view; replaced, never changed in place. */
  view: () => ClusterView
  /** Called after each change of the view. Returns the way to unsubscribe. */
  onView: (listener: (view: ClusterView) => void) => () => void
  /** Opens a path when there is none. Resolves when the frame is accepted. @throws {ClusterError} link_closed, deadline_exceeded, frame_too_large */
  send: (to: PeerId, frame: Uint8Array) => Promise<void>
  /** Opens a path ahead of the first frame; without effect when there is one. Failing is no error: `send` tries again and tells. */
  dial: (to: PeerId) => void
  /** Frames from peers, in order for each peer. Returns the way to unsubscribe. */
  onFrame: (listener: (from: PeerId, frame: Uint8Array) => void) => () => void
  /** Whether the signal server hears this peer now. Paths between peers may live on without it. */
  isOnline: () => boolean
  /** Whether there is an open path to the peer now. */
  isLinked: (to: PeerId) => boolean
  /** A path opened, or closed: null, with the reason. Returns the way to unsubscribe. */
  onLink: (listener: (peer: PeerId, path: LinkPath | null, reason: string) => void) => () => void
  /** Asks the peer for a sign of life on the path to it, if there is one: without any it closes soon. */
  probe: (to: PeerId) => void
  /** Says how this engine is doing; null once it serves nothing. Peers hear it with their beats. */
  pulse: (pulse: WorkerPulse | null) => void
  /** How what computes behind a linked peer is doing: while a pass takes long, and once when it is over. Returns the way to unsubscribe. */
  onProgress: (listener: (peer: PeerId, progress: WorkerProgress) => void) => () => void
  publishStatus: (status: Omit<PeerStatus, 'links'>) => void
  announce: (placement: Placement) => void
  wish: (wish: Wish) => void
  unwish: (model: ModelId) => void
}
