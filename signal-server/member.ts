import type { Socket } from 'socket.io'
import type { Hello, PeerToServer, ServerToPeer } from '../protocol/signaling.ts'
import type { RelayGate } from './relay-gate.ts'

/** Inbound payloads are unknown until a schema has accepted them; what goes out is typed. */
export type Inbound = { readonly [Name in keyof PeerToServer]: (...args: readonly unknown[]) => void }
export type PeerSocket = Socket<Inbound, ServerToPeer>

/** A peer that is connected to this server, with what it said last of itself. */
export type Member = { readonly socket: PeerSocket; readonly hello: Hello; readonly gate: RelayGate }
