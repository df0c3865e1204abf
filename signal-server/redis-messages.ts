/** What servers of one cluster say to each other over Redis: a JSON header, then bytes. */
import { z } from 'zod'
import { peerIdSchema } from '../protocol/cluster.ts'
import { isErrorCode, type ErrorCode } from '../protocol/errors.ts'
import { negotiationSchema } from '../protocol/signaling.ts'
import { changeSchema, snapshotSchema } from './shared-roster.ts'

const server = z.string().min(1).max(64)
const nonce = z.string().max(64)
const ticket = z.number().int()
const wireErrorSchema = z.object({ code: z.custom<ErrorCode>(isErrorCode), message: z.string() })

/** To all servers, each in the same order. */
export const logMessageSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('change'), server, ticket, change: changeSchema }),
  /** `server` begins here and asks for the state at this point of the order. */
  z.object({ kind: z.literal('sync'), server, nonce }),
  /** `server` found nobody who has a state, and says with which one all begin: an empty one, or what it had before they lost each other. */
  z.object({ kind: z.literal('begin'), server, snapshot: snapshotSchema }),
  /** `isLive`: it can give the state. */
  z.object({ kind: z.literal('alive'), server, isLive: z.boolean() }),
])
export type LogMessage = z.infer<typeof logMessageSchema>

/** To one server. */
export const postMessageSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('state'), nonce, snapshot: snapshotSchema }),
  z.object({ kind: z.literal('negotiate'), to: peerIdSchema, negotiation: negotiationSchema }),
  /** Its slice is behind the header. */
  z.object({ kind: z.literal('relay'), server, ticket, from: peerIdSchema, to: peerIdSchema }),
  z.object({ kind: z.literal('relayed'), ticket, error: wireErrorSchema.nullable() }),
])
export type PostMessage = z.infer<typeof postMessageSchema>

const LENGTH_BYTES = 4

export function encodeMessage(header: LogMessage | PostMessage, bytes: Uint8Array = new Uint8Array(0)): Buffer {
  const json = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(LENGTH_BYTES)
  length.writeUInt32LE(json.length)
  return Buffer.concat([length, json, bytes])
}

/** Null for what no server of this version has sent. */
export function decodeMessage<T>(schema: z.ZodType<T>, message: Buffer): { readonly header: T; readonly bytes: Uint8Array } | null {
  if (message.length < LENGTH_BYTES) return null
  const end = LENGTH_BYTES + message.readUInt32LE(0)
  if (end > message.length) return null
  try {
    const parsed = schema.safeParse(JSON.parse(message.toString('utf8', LENGTH_BYTES, end)))
    return parsed.success ? { header: parsed.data, bytes: message.subarray(end) } : null
  } catch {
    return null
  }
}
