/** The engine's end of a peer port: the host's sockets and links as a Network. */
import { type ClusterError, fromWireError } from '../../protocol/errors.ts'
import type { Capabilities, LinkPath } from '../../protocol/cluster.ts'
import type { PeerId } from '../../protocol/ids.ts'
import { applyEvent, viewOf, type ClusterView } from '../../core/cluster/cluster-view.ts'
import type { Network } from '../../core/cluster/network.ts'
import type { WorkerProgress } from '../../core/link/link.ts'
import { decodeFrame, isGossip } from '../../protocol/ring.ts'
import { createGossip, type Gossip } from './gossip.ts'
import type { EngineToHost, HostToEngine, Port } from './peer-port.ts'

export type PortNetwork = Network & {
  /** What the next published status offers; null withdraws the device from placement. */
  readonly setCapabilities: (capabilities: Capabilities | null) => void
}

type Pending = { readonly resolve: () => void; readonly reject: (error: ClusterError) => void }

/** Resolves with the network once the host has been welcomed. */
export function openPortNetwork(port: Port<HostToEngine, EngineToHost>): Promise<PortNetwork> {
  const viewListeners = new Set<(view: ClusterView) => void>()
  const frameListeners = new Set<(from: PeerId, frame: Uint8Array) => void>()
  const linkListeners = new Set<(peer: PeerId, path: LinkPath | null, reason: string) => void>()
  const progressListeners = new Set<(peer: PeerId, progress: WorkerProgress) => void>()
  const linked = new Set<PeerId>()
  const pending = new Map<number, Pending>()
  let view: ClusterView | null = null
  let isOnline = false
  let capabilities: Capabilities | null = null
  let ticket = 0

  const setView = (next: ClusterView): void => {
    view = next
    for (const listener of [...viewListeners]) listener(next)
  }
  const settle = (id: number, error: ClusterError | null): void => {
    const waiting = pending.get(id)
    pending.delete(id)
    if (error) waiting?.reject(error)
    else waiting?.resolve()
  }

  let gossip: Gossip | null = null
  /** To the host; whether it left is nobody's concern here. */
  const sendQuietly = (to: PeerId, frame: Uint8Array): void => {
    const bytes = frame.slice()
    port.post({ type: 'send', ticket: 0, to, bytes }, [bytes.buffer])
  }
  const hearGossip = (from: PeerId, bytes: Uint8Array): void => {
    try {
      const frame = decodeFrame(bytes)
      if (frame.type === 'gossip') gossip?.receive(from, frame)
    } catch {
      // Damaged gossip is no loss: the next one says more.
    }
  }
  const gossipOf = (self: PeerId): Gossip =>
    createGossip({
      self,
      linked: () => linked,
      isOnline: () => isOnline,
      send: sendQuietly,
      // In a turn of its own: what is told may be the answer to a change of the view that is still being told.
      apply: (event) => queueMicrotask(() => view && setView(applyEvent(view, event))),
    })
  /** Placements that were announced while there was no server are newer than what the host remembers. */
  const withGossiped = (welcomed: ClusterView): ClusterView =>
    [...(view?.placements.values() ?? [])].reduce(
      (next, placement) => (next.placements.has(placement.model) ? applyEvent(next, { type: 'placement', placement }) : next),
      welcomed,
    )

  const networkOf = (self: PeerId): PortNetwork => ({
    self,
    view: () => view ?? viewOf([], [], []),
    onView: (listener) => {
      viewListeners.add(listener)
      return () => viewListeners.delete(listener)
    },
    onFrame: (listener) => {
      frameListeners.add(listener)
      return () => frameListeners.delete(listener)
    },
    send: (to, frame) =>
      new Promise((resolve, reject) => {
        if (to === self) {
          // A peer that is client and device at once: no network lies between them.
          queueMicrotask(() => {
            for (const listener of frameListeners) listener(self, frame)
          })
          resolve()
          return
        }
        ticket += 1
        pending.set(ticket, { resolve, reject })
        const bytes = frame.slice()
        port.post({ type: 'send', ticket, to, bytes }, [bytes.buffer])
      }),
    isOnline: () => isOnline,
    isLinked: (to) => to === self || linked.has(to),
    onLink: (listener) => {
      linkListeners.add(listener)
      return () => linkListeners.delete(listener)
    },
    pulse: (pulse) => port.post({ type: 'pulse', pulse }),
    onProgress: (listener) => {
      progressListeners.add(listener)
      return () => progressListeners.delete(listener)
    },
    probe: (to) => port.post({ type: 'probe', to }),
    dial: (to) => port.post({ type: 'dial', to }),
    publishStatus: (status) => {
      port.post({ type: 'status', status, capabilities })
      gossip?.tell({ type: 'peer-updated', id: self, status: { ...status, links: [] }, capabilities })
    },
    announce: (placement) => {
      port.post({ type: 'announce', placement })
      gossip?.tell({ type: 'placement', placement })
    },
    wish: (wish) => port.post({ type: 'wish', wish }),
    unwish: (model) => port.post({ type: 'unwish', model }),
    setCapabilities: (next) => {
      capabilities = next
    },
  })

  return new Promise((resolve) => {
    port.onMessage((message) => {
      switch (message.type) {
        case 'welcome': {
          const { peers, wishes, placements } = message.welcome
          const first = view === null
          isOnline = true
          gossip ??= gossipOf(message.self)
          setView(withGossiped(viewOf(peers, wishes, placements)))
          if (first) resolve(networkOf(message.self))
          return
        }
        case 'offline':
          isOnline = false
          return
        case 'cluster':
          if (view) setView(applyEvent(view, message.event))
          return
        case 'frame':
          if (isGossip(message.bytes)) return hearGossip(message.from, message.bytes)
          for (const listener of frameListeners) listener(message.from, message.bytes)
          return
        case 'sent':
          settle(message.ticket, message.error ? fromWireError(message.error) : null)
          return
        case 'progress':
          for (const listener of [...progressListeners]) listener(message.peerId, message.progress)
          return
        case 'link':
          if (message.path === null) linked.delete(message.peerId)
          else linked.add(message.peerId)
          for (const listener of [...linkListeners]) listener(message.peerId, message.path, message.reason)
          return
      }
    })
  })
}
