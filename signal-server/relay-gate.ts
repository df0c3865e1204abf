/**
 * Acknowledges relayed slices when the recipient's socket has taken them, so that a sender that waits for its acknowledgements
 * cannot fill the server's memory with what a slow recipient does not read.
 */
import type { Socket } from 'socket.io'
import type { WireError } from '../protocol/errors.ts'
import { LINK_HIGH_WATER_BYTES } from '../protocol/limits.ts'

type Reply = (error: WireError | null) => void

export type RelayGate = {
  /** Counts a slice that is about to be emitted to the recipient. */
  readonly pass: (bytes: number, reply: Reply) => void
  /** Nobody waits for a recipient that is gone. */
  readonly close: () => void
}

export function createRelayGate(recipient: Socket): RelayGate {
  const { conn } = recipient
  /** Handed to the transport's write under way, and waiting behind it. */
  let writing = 0
  let waiting = 0
  let held: Reply[] = []
  let watched: typeof conn.transport | null = null

  const release = (): void => {
    const replies = held
    held = []
    for (const reply of replies) reply(null)
  }
  /** The transport has written what it was given; what waited is written next. */
  const onDrain = (): void => {
    writing = waiting
    waiting = 0
    if (writing < LINK_HIGH_WATER_BYTES) release()
  }
  const watch = (): void => {
    if (watched === conn.transport) return
    watched?.off('drain', onDrain)
    // A connection begins on polling and may be upgraded to WebSocket.
    watched = conn.transport
    watched.on('drain', onDrain)
  }
  return {
    pass: (bytes, reply) => {
      watch()
      if (conn.transport.writable) writing += bytes
      else waiting += bytes
      if (writing + waiting < LINK_HIGH_WATER_BYTES) reply(null)
      else held.push(reply)
    },
    close: () => {
      watched?.off('drain', onDrain)
      for (const reply of held.splice(0)) reply({ code: 'link_closed', message: 'the peer is gone' })
    },
  }
}
