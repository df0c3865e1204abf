/**
 * The signal server without sockets: its real roster and admission behind a twin of its socket handling, over wires with a delay
 * that can be cut.
 */
import type { SignalSocket } from '../../core/cluster/signal-client.ts'
import type { Clock } from '../../core/link/clock.ts'
import { modelIdSchema, placementSchema, wishSchema } from '../../protocol/cluster.ts'
import type { WireError } from '../../protocol/errors.ts'
import type { PeerId } from '../../protocol/ids.ts'
import { negotiationSchema, selfUpdateSchema, type ClusterEvent } from '../../protocol/signaling.ts'
import { createAdmission, isAdmitted, secretDigest } from '../../signal-server/admission.ts'
import { createRoster, isRefusal, type Roster } from '../../signal-server/roster.ts'
import type { DeviceClock } from './virtual-time.ts'

type Listener = (...args: readonly unknown[]) => void
/** The server's end of one connection. */
type Connection = { id: PeerId | null; readonly secret: () => string; readonly push: (event: string, ...args: readonly unknown[]) => void }

export type SimSocket = SignalSocket & {
  /** Breaks the connection and keeps it from coming back until `mend`. */
  readonly cut: () => void
  readonly mend: () => void
  /** The process is gone: the server sees the socket close. */
  readonly die: () => void
}

export type SimSignaling = {
  readonly socket: (clock: DeviceClock) => SimSocket
  /** Everybody is disconnected and forgotten; the server is back after `downMs`. */
  readonly restart: (downMs: number) => void
  readonly roster: () => Roster
}

/** A client of socket.io tries again about this often. */
const RECONNECT_MS = 700

export function createSimSignaling(time: Clock, random: () => number, delayMs: number): SimSignaling {
  let roster = createRoster()
  let run = 0
  let isUp = true
  const connections = new Set<Connection>()
  const open = new Set<() => void>()
  const members = new Map<PeerId, Connection>()
  const secretDigestOf = (id: PeerId): string | null => {
    const secret = members.get(id)?.secret() ?? null
    return secret === null ? null : secretDigest(secret)
  }
  const admission = createAdmission({ authorize: () => null, holder: secretDigestOf })
  const tell = (events: readonly ClusterEvent[]): void => {
    if (events.length > 0) for (const member of members.values()) member.push('cluster', events)
  }

  function onHello(connection: Connection & { secretText: string }, raw: unknown, reply: (value: unknown) => void): void {
    const hello = admission(raw)
    if (!isAdmitted(hello)) return reply({ ok: false, error: hello })
    const before = members.get(hello.id)
    connection.id = hello.id
    connection.secretText = hello.secret
    members.set(hello.id, connection)
    const events = roster.join(hello)
    reply({
      ok: true,
      server: `run-${run}`,
      peers: [...roster.peers()],
      wishes: [...roster.wishes()],
      placements: [...roster.placements()],
      iceServers: [],
    })
    tell(events)
    if (before && before !== connection) before.push('refused', { code: 'peer_id_taken', message: 'connected again from elsewhere' })
  }

  function handle(connection: Connection & { secretText: string }, event: string, args: readonly unknown[]): void {
    const [first, second, third] = args
    const answer = (value: unknown): void => {
      const reply = args.at(-1)
      if (typeof reply === 'function') reply(value)
    }
    if (event === 'hello') return onHello(connection, first, answer)
    const { id } = connection
    if (id === null || members.get(id) !== connection) return
    const settle = (outcome: readonly ClusterEvent[] | WireError): void => (isRefusal(outcome) ? connection.push('refused', outcome) : tell(outcome))
    switch (event) {
      case 'update':
        return tell(roster.update(id, selfUpdateSchema.parse(first)))
      case 'announce':
        return settle(roster.announce(id, placementSchema.parse(first)))
      case 'wish':
        return settle(roster.wish(wishSchema.parse(first)))
      case 'unwish':
        return tell(roster.unwish(modelIdSchema.parse(first)))
      case 'negotiate': {
        const negotiation = negotiationSchema.parse(first)
        return members.get(negotiation.peerId)?.push('negotiate', { ...negotiation, peerId: id })
      }
      case 'relay': {
        const to = [...members].find(([member]) => member === first)?.[1]
        if (!to) return answer({ code: 'link_closed', message: `no peer ${String(first)} is connected` })
        to.push('relay', id, second)
        void third
        return answer(null)
      }
      case 'leave':
        return depart(connection)
    }
  }

  function depart(connection: Connection): void {
    const { id } = connection
    connections.delete(connection)
    if (id === null || members.get(id) !== connection) return
    members.delete(id)
    tell(roster.leave(id))
  }

  function socket(clock: DeviceClock): SimSocket {
    const listeners = new Map<string, Listener[]>()
    let connection: (Connection & { secretText: string }) | null = null
    let isCut = false
    let isWanted = false
    let isDead = false
    const fire = (event: string, args: readonly unknown[]): void => {
      for (const listener of listeners.get(event) ?? []) listener(...args)
    }
    /** What arrives, arrives in order and only on the connection that it was sent on. */
    const toClient = (from: Connection, event: string, args: readonly unknown[]): void => {
      const values = structuredClone(args)
      time.timer(delayMs, () => clock.deliver(() => connection === from && fire(event, values)))
    }
    const drop = (reason: string): void => {
      const old = connection
      connection = null
      if (!old) return
      depart(old)
      clock.deliver(() => fire('disconnect', [reason]))
      if (isWanted) clock.timer(RECONNECT_MS * (0.5 + random()), connect)
    }
    const connect = (): void => {
      isWanted = true
      if (connection || isDead) return
      if (isCut || !isUp) return void clock.timer(RECONNECT_MS * (0.5 + random()), connect)
      const opened = {
        id: null,
        secretText: '',
        secret: (): string => opened.secretText,
        push: (event: string, ...args: readonly unknown[]): void => toClient(opened, event, args),
      }
      connection = opened
      connections.add(opened)
      time.timer(delayMs, () => clock.deliver(() => connection === opened && fire('connect', [])))
    }
    open.add(() => drop('transport close'))
    return {
      connect,
      disconnect: () => {
        isWanted = false
        drop('io client disconnect')
      },
      on: (event, listener) => void listeners.set(event, [...(listeners.get(event) ?? []), listener]),
      emit: (event, ...args: readonly unknown[]) => {
        const from = connection
        if (!from) return
        const values = args.map((value) => {
          if (typeof value !== 'function') return structuredClone(value)
          return (result: unknown): void => void time.timer(delayMs, () => clock.deliver(() => connection === from && value(result)))
        })
        time.timer(delayMs, () => connection === from && handle(from, event, values))
      },
      cut: () => {
        isCut = true
        drop('transport close')
      },
      mend: () => void (isCut = false),
      die: () => {
        isDead = true
        isWanted = false
        drop('transport close')
      },
    }
  }

  return {
    socket,
    roster: () => roster,
    restart: (downMs) => {
      isUp = false
      members.clear()
      roster = createRoster()
      run += 1
      for (const drop of [...open]) drop()
      time.timer(downMs, () => void (isUp = true))
    },
  }
}
