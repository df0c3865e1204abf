/**
 * One log of changes for several signal servers. Redis gives every subscriber of a channel the same messages in the same order: each
 * server applies what comes back to it, its own changes too, so all have the same roster. A server that starts, or that missed messages
 * while its connection was broken, asks for the state at its own place in the order, and goes on from there.
 */
import { randomBytes } from 'node:crypto'
import { createClient } from '@redis/client'
import type { PeerId } from '../protocol/ids.ts'
import type { ChangeLog, Reply } from './change-log.ts'
import type { SignalLog } from './peer-socket.ts'
import { decodeMessage, encodeMessage, logMessageSchema, postMessageSchema, type LogMessage, type PostMessage } from './redis-messages.ts'
import type { Outcome } from './roster.ts'
import type { Change, Snapshot } from './shared-roster.ts'
import type { SharedReader } from './signal-server.ts'

const ALIVE_EVERY_MS = 1_000
/** A server of which nothing was heard for so long has lost its peers. */
const GONE_AFTER_MS = 5_000
/** Nobody gives the state within this time: nobody has one. */
const STATE_WITHIN_MS = 1_500
/** A change, or a slice for another server, of which nothing comes back. */
const ANSWER_WITHIN_MS = 10_000

const LATE = { code: 'deadline_exceeded', message: 'the servers of this cluster do not reach each other; try again' } as const

export type RedisLogOptions = {
  readonly url: string
  readonly log: SignalLog
  /** Channels of clusters that share a Redis differ by it. Default `ringlet`. */
  readonly prefix?: string
}

type Waiting<Answer> = Map<number, (answer: Answer) => void>
type Phase = 'connecting' | 'syncing' | 'beginning' | 'live'

/** Waits for an answer by ticket, and gives `late` when there is none in time. */
function waitFor<Answer>(waiting: Waiting<Answer>, ticket: number, late: Answer, settled: (answer: Answer) => void): void {
  const timer = setTimeout(() => waiting.get(ticket)?.(late), ANSWER_WITHIN_MS)
  waiting.set(ticket, (answer) => {
    clearTimeout(timer)
    waiting.delete(ticket)
    settled(answer)
  })
}

export function openRedisLog({ url, log, prefix = 'ringlet' }: RedisLogOptions, server: string, reader: SharedReader): ChangeLog {
  const client = createClient({ url })
  const subscriber = client.duplicate()
  const logChannel = `${prefix}:log`
  const postChannel = (of: string): string => `${prefix}:server:${of}`
  const outcomes: Waiting<Outcome> = new Map()
  const replies: Waiting<Parameters<Reply>[0]> = new Map()
  /** When a server was heard last. */
  const heard = new Map<string, number>()
  let phase: Phase = 'connecting'
  let nonce = ''
  let hasBegun = false
  /** Since the state was asked for. */
  let hasHeardLive = false
  let wasLive = false
  let missed: Extract<LogMessage, { kind: 'change' }>[] = []
  /** What was committed before this server had the state. */
  const held: (() => void)[] = []
  let tickets = 0
  let stateTimer: NodeJS.Timeout | undefined
  let isClosed = false

  const publish = (channel: string, message: LogMessage | PostMessage, bytes?: Uint8Array): void => {
    client.publish(channel, encodeMessage(message, bytes)).catch((cause: unknown) => {
      if (!isClosed) log('warn', 'a message to the other servers was lost', { cause: String(cause) })
    })
  }

  function sync(): void {
    phase = 'syncing'
    hasBegun = false
    hasHeardLive = false
    missed = []
    nonce = randomBytes(8).toString('hex')
    publish(logChannel, { kind: 'sync', server, nonce })
  }

  function onNobody(): void {
    // Somebody has become able to since it was asked.
    if (hasHeardLive) return sync()
    phase = 'beginning'
    publish(logChannel, { kind: 'begin', server, snapshot: reader.roster.snapshot() })
  }

  function goLive(snapshot: Snapshot): void {
    clearTimeout(stateTimer)
    reader.restore(snapshot)
    phase = 'live'
    const isBack = wasLive
    wasLive = true
    for (const message of missed.splice(0)) onChange(message)
    for (const commitHeld of held.splice(0)) commitHeld()
    // Those of a first start are among what was held.
    if (isBack) for (const change of reader.missing()) commit(change)
  }

  function onChange({ server: from, ticket, change }: Extract<LogMessage, { kind: 'change' }>): void {
    reader.apply(change, from === server ? outcomes.get(ticket) : undefined)
    // The others had given this server up: its peers are still here.
    if (change.type === 'server-left' && change.server === server) for (const join of reader.missing()) commit(join)
  }

  function onLog(message: LogMessage): void {
    if (message.server !== server) heard.set(message.server, performance.now())
    switch (message.kind) {
      case 'change':
        if (phase === 'live') onChange(message)
        else if (hasBegun) missed.push(message)
        return
      case 'sync':
        if (message.server === server && message.nonce === nonce && phase === 'syncing') {
          hasBegun = true
          clearTimeout(stateTimer)
          stateTimer = setTimeout(onNobody, STATE_WITHIN_MS)
        } else if (message.server !== server && phase === 'live')
          publish(postChannel(message.server), { kind: 'state', nonce: message.nonce, snapshot: reader.roster.snapshot() })
        return
      case 'begin':
        hasHeardLive ||= message.server !== server
        // Of two that begin at once the first in the order does.
        if (phase === 'beginning') goLive(message.snapshot)
        return
      case 'alive':
        hasHeardLive ||= message.isLive && message.server !== server
        return
    }
  }

  function onPost(message: PostMessage, bytes: Uint8Array): void {
    switch (message.kind) {
      case 'state':
        if (phase === 'syncing' && hasBegun && message.nonce === nonce) goLive(message.snapshot)
        return
      case 'negotiate':
        return reader.negotiate(message.to, message.negotiation)
      case 'relay':
        return reader.relay(message.from, message.to, bytes, (error) =>
          publish(postChannel(message.server), { kind: 'relayed', ticket: message.ticket, error }),
        )
      case 'relayed':
        return replies.get(message.ticket)?.(message.error)
    }
  }

  function commit(change: Change, settled: (outcome: Outcome) => void = () => undefined): void {
    if (phase !== 'live') {
      held.push(() => commit(change, settled))
      return
    }
    const ticket = ++tickets
    waitFor(outcomes, ticket, LATE, settled)
    publish(logChannel, { kind: 'change', server, ticket, change })
  }

  /** A server from which nothing comes has lost its peers; whoever notices first says so, and saying it twice changes nothing. */
  const beat = setInterval(() => {
    if (phase === 'connecting') return
    publish(logChannel, { kind: 'alive', server, isLive: phase === 'live' })
    const now = performance.now()
    for (const other of new Set(reader.roster.snapshot().owners.map(([, owner]) => owner.server))) {
      if (other === server) continue
      const last = heard.get(other) ?? now
      heard.set(other, last)
      if (now - last > GONE_AFTER_MS && phase === 'live') commit({ type: 'server-left', server: other })
    }
    for (const [other, last] of heard) if (now - last > 2 * GONE_AFTER_MS) heard.delete(other)
  }, ALIVE_EVERY_MS)

  for (const one of [client, subscriber])
    one.on('error', (cause: unknown) => log('warn', 'the connection to Redis broke; trying again', { cause: String(cause) }))
  let isSubscribed = false
  // Also after a connection that broke: what was said meanwhile is missing here.
  subscriber.on('ready', () => {
    if (isSubscribed) sync()
  })
  const start = async (): Promise<void> => {
    await Promise.all([client.connect(), subscriber.connect()])
    const listen = async (channel: string, read: (message: Buffer) => void): Promise<void> => subscriber.subscribe(channel, read, true)
    await listen(logChannel, (message) => {
      const decoded = decodeMessage(logMessageSchema, message)
      if (decoded) onLog(decoded.header)
    })
    await listen(postChannel(server), (message) => {
      const decoded = decodeMessage(postMessageSchema, message)
      if (decoded) onPost(decoded.header, decoded.bytes)
    })
    isSubscribed = true
    sync()
  }
  start().catch((cause: unknown) => {
    if (!isClosed) log('warn', 'Redis cannot be used', { cause: String(cause) })
  })

  return {
    commit,
    negotiate: (to, peer: PeerId, negotiation) => publish(postChannel(to), { kind: 'negotiate', to: peer, negotiation }),
    relay: (to, from, peer, slice, reply) => {
      const ticket = ++tickets
      waitFor(replies, ticket, LATE, reply)
      publish(postChannel(to), { kind: 'relay', server, ticket, from, to: peer }, slice)
    },
    close: () => {
      isClosed = true
      clearInterval(beat)
      clearTimeout(stateTimer)
      publish(logChannel, { kind: 'change', server, ticket: 0, change: { type: 'server-left', server } })
      void Promise.allSettled([client.close(), subscriber.close()])
    },
  }
}
