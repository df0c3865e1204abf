/**
 * Messages between a peer's host, which owns sockets and links (a page's main thread, or Node's), and its engine, which
 * owns runner, ring node and client (a worker). Only bytes and plain objects cross; arrays are transferred, not copied.
 */
import type { Capabilities, LinkPath, PeerStatus, Placement, Wish } from '../../protocol/cluster.ts'
import type { WorkerProgress, WorkerPulse } from '../../core/link/link.ts'
import type { WireError } from '../../protocol/errors.ts'
import type { ModelId, PeerId } from '../../protocol/ids.ts'
import type { ClusterEvent, Welcome } from '../../protocol/signaling.ts'

export type HostToEngine =
  /** After every hello: the whole view anew. */
  | { readonly type: 'welcome'; readonly self: PeerId; readonly welcome: Welcome }
  | { readonly type: 'cluster'; readonly event: ClusterEvent }
  /** The connection to the signal server is gone; `welcome` says that it is back. */
  | { readonly type: 'offline' }
  | { readonly type: 'frame'; readonly from: PeerId; readonly bytes: Uint8Array }
  /** Answers `send`: accepted, or why not. */
  | { readonly type: 'sent'; readonly ticket: number; readonly error: WireError | null }
  /** The other side of a path says how what computes behind it is doing: while a pass takes long, and once when it is over. */
  | { readonly type: 'progress'; readonly peerId: PeerId; readonly progress: WorkerProgress }
  /** A path to a peer opened, or went away: null, with the reason. */
  | { readonly type: 'link'; readonly peerId: PeerId; readonly path: LinkPath | null; readonly reason: string }

export type EngineToHost =
  | { readonly type: 'send'; readonly ticket: number; readonly to: PeerId; readonly bytes: Uint8Array }
  /** Opens a path before there is something to send. */
  | { readonly type: 'dial'; readonly to: PeerId }
  /** Asks for a sign of life on the path to a peer, if there is one. */
  | { readonly type: 'probe'; readonly to: PeerId }
  /** How the engine is doing, several times a second while it has work; null once it serves nothing. */
  | { readonly type: 'pulse'; readonly pulse: WorkerPulse | null }
  /** The host adds its links and passes it on. */
  | { readonly type: 'status'; readonly status: Omit<PeerStatus, 'links'>; readonly capabilities: Capabilities | null }
  | { readonly type: 'announce'; readonly placement: Placement }
  | { readonly type: 'wish'; readonly wish: Wish }
  | { readonly type: 'unwish'; readonly model: ModelId }

/** The part of MessagePort, Worker and worker_threads' ports that both sides use. */
export type Port<In, Out> = {
  readonly post: (message: Out, transfer?: readonly ArrayBuffer[]) => void
  readonly onMessage: (listener: (message: In) => void) => void
}
