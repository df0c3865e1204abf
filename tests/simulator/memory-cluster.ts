/** A cluster in one process: the real ring nodes and clients over a network of arrays, with counts of what crosses it. */
import { applyEvent, EMPTY_VIEW, type ClusterView } from '../../core/cluster/cluster-view.ts'
import type { Network } from '../../core/cluster/network.ts'
import { IDLE_STATUS, type Capabilities, type PeerRole, type Wish } from '../../protocol/cluster.ts'
import { ClusterError } from '../../protocol/errors.ts'
import { peerId, type PeerId } from '../../protocol/ids.ts'
import { decodeFrame, HEADER_BYTES, type RingFrame } from '../../protocol/ring.ts'
import type { ClusterEvent } from '../../protocol/signaling.ts'

type Member = { readonly onView: Set<(view: ClusterView) => void>; readonly onFrame: Set<(from: PeerId, frame: Uint8Array) => void> }
export type SentFrame = { readonly from: PeerId; readonly to: PeerId; readonly frame: RingFrame }

/** The frames of a message, each in its own bytes. */
function framesOf(message: Uint8Array): readonly Uint8Array[] {
  const frames: Uint8Array[] = []
  for (let start = 0; start < message.length;) {
    const length = HEADER_BYTES + new DataView(message.buffer, message.byteOffset + start).getUint32(28, true)
    frames.push(message.slice(start, start + length))
    start += length
  }
  return frames
}

export type MemoryCluster = {
  readonly join: (id: string, role: PeerRole, capabilities: Capabilities | null) => Network
  /** As when a tab closes: gone from the roster, frames to it fail. */
  readonly kill: (id: PeerId) => void
  readonly wish: (wish: Wish) => void
  readonly unwish: (model: Wish['model']) => void
  readonly view: () => ClusterView
  /** Resolves with the view once `test` holds: asked now, after each change of the view and after each delivered frame. */
  readonly until: (test: (view: ClusterView) => boolean) => Promise<ClusterView>
  readonly sent: SentFrame[]
  /** Called before each delivery; false loses the frame. */
  filter: (sent: SentFrame) => boolean
}

/** @param later calls back in a task of its own, in the order of calls: browsers have no `setImmediate` */
export function createMemoryCluster(later: (deliver: () => void) => void = (deliver) => void setImmediate(deliver)): MemoryCluster {
  const members = new Map<PeerId, Member>()
  const watchers = new Set<() => void>()
  let view = EMPTY_VIEW
  let joined = 0

  const emit = (event: ClusterEvent): void => {
    view = applyEvent(view, event)
    const snapshot = view
    queueMicrotask(() => {
      for (const member of members.values()) for (const listener of member.onView) listener(snapshot)
      for (const watcher of watchers) watcher()
    })
  }

  function deliver(from: PeerId, to: PeerId, bytes: Uint8Array): Promise<void> {
    const target = members.get(to)
    if (!target || !members.has(from)) return Promise.reject(new ClusterError('link_closed', `no peer ${to}`))
    // Each frame of a message may be lost by itself.
    const kept = framesOf(bytes).filter((own) => {
      const sent = { from, to, frame: decodeFrame(own) }
      cluster.sent.push(sent)
      return cluster.filter(sent)
    })
    if (kept.length === 0) return Promise.resolve()
    const copy = Uint8Array.from(kept.flatMap((own) => [...own]))
    return new Promise((resolve) => {
      later(() => {
        for (const listener of target.onFrame) listener(from, copy)
        for (const watcher of watchers) watcher()
        resolve()
      })
    })
  }

  function join(name: string, role: PeerRole, capabilities: Capabilities | null): Network {
    const self = peerId(name)
    const member: Member = { onView: new Set(), onFrame: new Set() }
    members.set(self, member)
    emit({ type: 'peer-joined', peer: { id: self, name, role, joined: joined++, capabilities, status: IDLE_STATUS } })
    return {
      self,
      view: () => view,
      onView: (listener) => {
        member.onView.add(listener)
        return () => member.onView.delete(listener)
      },
      dial: () => undefined,
      isOnline: () => members.has(self),
      isLinked: (to) => members.has(to),
      onLink: () => () => undefined,
      probe: () => undefined,
      pulse: () => undefined,
      onProgress: () => () => undefined,
      send: (to, frame) => deliver(self, to, frame),
      onFrame: (listener) => {
        member.onFrame.add(listener)
        return () => member.onFrame.delete(listener)
      },
      publishStatus: (status) => {
        if (members.has(self)) emit({ type: 'peer-updated', id: self, status: { ...status, links: [] }, capabilities })
      },
      announce: (placement) => emit({ type: 'placement', placement }),
      wish: (wish) => emit({ type: 'wish-set', wish }),
      unwish: (model) => emit({ type: 'wish-dropped', model }),
    }
  }

  const cluster: MemoryCluster = {
    join,
    kill: (id) => {
      members.delete(id)
      emit({ type: 'peer-left', id })
    },
    wish: (wish) => emit({ type: 'wish-set', wish }),
    unwish: (model) => emit({ type: 'wish-dropped', model }),
    view: () => view,
    until: (test) =>
      new Promise((resolve) => {
        const watcher = (): void => {
          if (!test(view)) return
          watchers.delete(watcher)
          resolve(view)
        }
        watchers.add(watcher)
        watcher()
      }),
    sent: [],
    filter: () => true,
  }
  return cluster
}
