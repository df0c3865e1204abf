import type { Capabilities, PeerStatus } from '../../protocol/cluster.ts'
import type { Clock } from '../link/clock.ts'

/** What others act on (states, shards, paths) goes out this soon, gathering what changes together. */
const PROMPT_MS = 50
/** Mere figures (round trips, counters, bytes) go out this often: every update reaches every peer. */
const FIGURES_MS = 1_000

export type StatusPublisher = {
  readonly publish: (status: PeerStatus, capabilities: Capabilities | null) => void
  /** Sends the last status again, to a server that has forgotten it. */
  readonly repeat: () => void
  readonly close: () => void
}

/** The status without what changes all the time. */
function whatOthersActOn(status: PeerStatus, capabilities: Capabilities | null): string {
  const shards = status.shards.map((shard) => [shard.model, shard.epoch, shard.startLayer, shard.endLayer, shard.state, shard.phase])
  const links = status.links.map((link) => [link.peerId, link.path, link.rttMs === null])
  return JSON.stringify([status.state, status.visibility, shards, links, status.layerMs === null, capabilities])
}

/**
 * Sends the newest status, never twice the same, soon after changes that matter and at most once a second otherwise.
 * @param send false when it could not be sent: `repeat` brings it back
 */
export function createStatusPublisher(clock: Clock, send: (status: PeerStatus, capabilities: Capabilities | null) => boolean): StatusPublisher {
  let latest: { readonly status: PeerStatus; readonly capabilities: Capabilities | null } | null = null
  let sent = { all: '', actedOn: '' }
  let due: { readonly at: number; readonly stop: () => void } | null = null

  const flush = (): void => {
    due?.stop()
    due = null
    if (!latest) return
    const all = JSON.stringify(latest)
    if (all === sent.all || !send(latest.status, latest.capabilities)) return
    sent = { all, actedOn: whatOthersActOn(latest.status, latest.capabilities) }
  }
  const flushWithin = (delayMs: number): void => {
    const at = clock.now() + delayMs
    if (due && due.at <= at) return
    due?.stop()
    due = { at, stop: clock.timer(delayMs, flush) }
  }
  return {
    publish: (status, capabilities) => {
      latest = { status, capabilities }
      flushWithin(whatOthersActOn(status, capabilities) === sent.actedOn ? FIGURES_MS : PROMPT_MS)
    },
    repeat: () => {
      sent = { all: '', actedOn: '' }
      flush()
    },
    close: () => {
      due?.stop()
      due = null
      latest = null
    },
  }
}
