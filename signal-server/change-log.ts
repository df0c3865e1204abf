/** The way of every change: into one order, then to this server's roster and peers. */
import type { PeerId } from '../protocol/ids.ts'
import type { WireError } from '../protocol/errors.ts'
import type { Negotiation } from '../protocol/signaling.ts'
import type { Outcome } from './roster.ts'
import type { Change } from './shared-roster.ts'

/** What became of a change that this server committed. Called before anybody is told of it. */
type Settled = (outcome: Outcome) => void
export type Reply = (error: WireError | null) => void

/** What a server does with the changes of all servers, and with what others pass on to its peers. */
export type LogReader = {
  readonly apply: (change: Change, settled?: Settled) => void
  readonly negotiate: (to: PeerId, negotiation: Negotiation) => void
  readonly relay: (from: PeerId, to: PeerId, slice: Uint8Array, reply: Reply) => void
}

export type ChangeLog = {
  readonly commit: (change: Change, settled?: Settled) => void
  /** To a peer of another server. */
  readonly negotiate: (server: string, to: PeerId, negotiation: Negotiation) => void
  readonly relay: (server: string, from: PeerId, to: PeerId, slice: Uint8Array, reply: Reply) => void
  readonly close: () => void
}

/** A server alone: each change holds at once. */
export function localLog(reader: LogReader): ChangeLog {
  return {
    commit: reader.apply,
    negotiate: () => undefined,
    relay: (_server, _from, to, _slice, reply) => reply({ code: 'link_closed', message: `no peer ${to} is connected` }),
    close: () => undefined,
  }
}
