/** Sees which of the devices that this one depends on do not answer, though they are on the roster. */
import type { Network } from '../../core/cluster/network.ts'
import { NO_ANSWER } from '../../core/link/sliced-link.ts'
import type { PeerId } from '../../protocol/ids.ts'
import { MOST_CHUNK_TOKENS } from '../stage/prefill-chunks.ts'

/** A path that closed may be replaced by a fresh one in this time before anybody is suspected. */
const REPLACE_MS = 1_000
/** A first path may take a direct attempt and the relay after it. */
const FIRST_PATH_MS = 12_000
/** A suspect is dialed again this often: a path to it clears it. */
const DIAL_AGAIN_MS = 3_000
/** A pass of a device takes at least so long before it counts as stuck: where it is known how long, and where nothing has run. */
const STUCK_MS = { least: 15_000, unmeasured: 120_000 }

export type PeerWatch = {
  /** The devices whose silence matters from now on. */
  readonly depend: (peers: ReadonlySet<PeerId>) => void
  readonly suspects: () => readonly PeerId[]
  readonly close: () => void
}

export type PeerWatchOptions = {
  readonly network: Network
  readonly timer: (delayMs: number, callback: () => void) => () => void
  readonly onChange: () => void
}

export function createPeerWatch({ network, timer, onChange }: PeerWatchOptions): PeerWatch {
  const suspects = new Set<PeerId>()
  /** Those whose pages answer, and whose workers do not. */
  const stuck = new Set<PeerId>()
  const waits = new Map<PeerId, () => void>()
  let depended: ReadonlySet<PeerId> = new Set()
  /** Peers whose path went by the signal server. */
  const relayed = new Set<PeerId>()
  let wasOnline = network.isOnline()

  const wait = (peer: PeerId, delayMs: number, then: () => void): void => {
    waits.get(peer)?.()
    const due = (): void => {
      waits.delete(peer)
      if (!network.isLinked(peer)) then()
    }
    waits.set(peer, timer(delayMs, due))
  }
  const stopWaiting = (peer: PeerId): void => {
    waits.get(peer)?.()
    waits.delete(peer)
  }
  /** A worker whose pass takes longer is stuck, however well the page before it answers. */
  const mostStepMs = (peer: PeerId): number => {
    const { layerMs = null, shards = [] } = network.view().peers.get(peer)?.status ?? {}
    if (layerMs === null) return STUCK_MS.unmeasured
    const layers = Math.max(0, ...shards.map(({ startLayer, endLayer }) => endLayer - startLayer))
    return Math.max(STUCK_MS.least, layerMs * layers * MOST_CHUNK_TOKENS)
  }
  const isOnRoster = (peer: PeerId): boolean => network.view().peers.has(peer)

  function suspect(peer: PeerId): void {
    if (!isOnRoster(peer)) return
    if (!suspects.has(peer)) {
      suspects.add(peer)
      onChange()
    }
    network.dial(peer)
    wait(peer, DIAL_AGAIN_MS, () => suspect(peer))
  }

  function clear(peer: PeerId): void {
    stopWaiting(peer)
    if (suspects.delete(peer)) onChange()
  }

  function reconsider(peer: PeerId): void {
    clear(peer)
    if (network.isLinked(peer) || !depended.has(peer)) return
    network.dial(peer)
    wait(peer, FIRST_PATH_MS, () => suspect(peer))
  }

  const closers = [
    network.onLink((peer, path, reason) => {
      const wasRelayed = relayed.delete(peer)
      if (path === 'relay') relayed.add(peer)
      if (path !== null) return clear(peer)
      if (!depended.has(peer) || !isOnRoster(peer)) return
      if (reason === NO_ANSWER) return suspect(peer)
      network.dial(peer)
      // Without its server a relayed path says nothing about the peer at its other end.
      wait(peer, wasRelayed && !network.isOnline() ? FIRST_PATH_MS : REPLACE_MS, () => suspect(peer))
    }),
    network.onProgress((peer, { stepMs }) => {
      if (stepMs >= mostStepMs(peer)) {
        stuck.add(peer)
        if (depended.has(peer)) suspect(peer)
      } else if (stuck.delete(peer)) clear(peer)
    }),
    network.onView((view) => {
      // Who was cut off from the server was more likely cut off from the others, too, than they from each other.
      if (network.isOnline() && !wasOnline) for (const peer of [...suspects]) reconsider(peer)
      wasOnline = network.isOnline()
      for (const peer of [...suspects, ...waits.keys()]) if (!view.peers.has(peer)) clear(peer)
    }),
  ]
  return {
    depend: (peers) => {
      const added = [...peers].filter((peer) => !depended.has(peer))
      depended = new Set(peers)
      for (const peer of added) {
        if (stuck.has(peer)) suspect(peer)
        if (network.isLinked(peer) || !isOnRoster(peer) || suspects.has(peer)) continue
        network.dial(peer)
        wait(peer, FIRST_PATH_MS, () => suspect(peer))
      }
    },
    suspects: () => [...suspects],
    close: () => {
      for (const peer of [...waits.keys()]) stopWaiting(peer)
      for (const close of closers) close()
    },
  }
}
