/** What the server says after hello, parsed: words that make no sense are counted, and change nothing. */
import { z } from 'zod'
import { peerIdSchema } from '../../protocol/cluster.ts'
import { isErrorCode, type ErrorCode, type WireError } from '../../protocol/errors.ts'
import type { PeerId } from '../../protocol/ids.ts'
import {
  clusterEventsSchema,
  negotiationSchema,
  orderSchema,
  type ClusterEvent,
  type Negotiation,
  type Order,
  type ServerToPeer,
} from '../../protocol/signaling.ts'

export type ServerWords = {
  readonly onRefused: (error: WireError) => void
  readonly onEvent: (event: ClusterEvent) => void
  readonly onNegotiation: (negotiation: Negotiation) => void
  readonly onOrder: (order: Order) => void
  readonly onRelay: (from: PeerId, packet: Uint8Array) => void
}

type Listen = (event: keyof ServerToPeer, listener: (...args: readonly unknown[]) => void) => void

const wireErrorSchema = z.object({ code: z.custom<ErrorCode>(isErrorCode), message: z.string() })

/** A refusal as the server sent it. */
export function errorOf(value: unknown): WireError {
  const parsed = wireErrorSchema.safeParse(value)
  return parsed.success ? parsed.data : { code: 'internal', message: 'the signal server refused without a reason' }
}

/** Binary arguments are an ArrayBuffer in browsers and a Buffer in Node. */
function bytesOf(value: unknown): Uint8Array | null {
  if (value instanceof Uint8Array) return value
  return value instanceof ArrayBuffer ? new Uint8Array(value) : null
}

/** Listens for as long as the socket lives. Returns how many words made no sense. */
export function hearServer(listen: Listen, words: ServerWords): () => number {
  let malformed = 0
  const hear = <Word>(event: keyof ServerToPeer, schema: z.ZodType<Word>, take: (word: Word) => void): void =>
    listen(event, (raw) => {
      const parsed = schema.safeParse(raw)
      if (parsed.success) take(parsed.data)
      else malformed += 1
    })
  listen('refused', (raw) => words.onRefused(errorOf(raw)))
  hear('cluster', clusterEventsSchema, (events) => events.forEach(words.onEvent))
  hear('negotiate', negotiationSchema, words.onNegotiation)
  hear('order', orderSchema, words.onOrder)
  listen('relay', (from, raw) => {
    const bytes = bytesOf(raw)
    const peer = peerIdSchema.safeParse(from)
    if (bytes && peer.success) words.onRelay(peer.data, bytes)
    else malformed += 1
  })
  return () => malformed
}
