import { crc32 } from './crc32.ts'
import { encodeDrafts } from './drafts.ts'
import { ClusterError } from './errors.ts'
import {
  EVIDENCE_NUMBERS,
  FLAG_DRAFTS,
  FLAG_KEEPS,
  FLAG_MORE,
  FLAG_OUTPUT,
  FLAG_SAMPLE,
  HEADER_BYTES,
  MOST_ETA_MS,
  NUMBER_CODES,
  TYPE_CODES,
  WANT_CODES,
} from './frame-layout.ts'
import type { RingFrame } from './frames.ts'
import { encodeHops, hopsToBody } from './hops.ts'
import { MAX_FRAME_BYTES } from './limits.ts'
import { PROTOCOL_VERSION } from './version.ts'

const EMPTY = new Uint8Array(0)
const json = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value))

/** Little-endian, whatever the machine is. */
function floatBytes(values: Float32Array): Uint8Array {
  const view = new DataView(new ArrayBuffer(values.length * 4))
  values.forEach((value, i) => view.setFloat32(i * 4, value, true))
  return new Uint8Array(view.buffer)
}

function behind(...parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let offset = 0
  for (const part of parts) {
    all.set(part, offset)
    offset += part.length
  }
  return all
}

type HeaderFields = { flags: number; numberCode: number; reach: number; position: number; count: number; width: number; payload: Uint8Array }

function fieldsOf(frame: RingFrame): HeaderFields {
  const plain = { flags: 0, numberCode: 0, reach: 0, position: 0, count: 0, width: 0, payload: EMPTY }
  switch (frame.type) {
    case 'job':
      return { ...plain, payload: json(frame.job) }
    case 'activation': {
      const drafts = encodeDrafts(frame.guess)
      return {
        flags: (frame.sample ? FLAG_SAMPLE : 0) | (drafts.length > 0 ? FLAG_DRAFTS : 0),
        numberCode: NUMBER_CODES[frame.numberType],
        reach: frame.reach,
        position: frame.position,
        count: frame.count,
        width: frame.width,
        payload: drafts.length + frame.hops.length === 0 ? frame.payload : behind(frame.payload, drafts, encodeHops(frame.hops)),
      }
    }
    case 'token':
      return {
        ...plain,
        flags: frame.more ? FLAG_MORE : 0,
        reach: frame.cached,
        position: frame.index,
        count: frame.tokenId,
        payload: json({ finish: frame.finish, hops: hopsToBody(frame.hops), logprobs: frame.logprobs }),
      }
    case 'embedding':
      return { ...plain, numberCode: NUMBER_CODES.f32, count: 1, width: frame.values.length, payload: floatBytes(frame.values) }
    case 'progress':
      return { ...plain, position: frame.processed, count: frame.total }
    case 'waiting':
      return { ...plain, position: frame.position, count: frame.etaMs === null ? 0 : Math.min(MOST_ETA_MS, Math.max(1, Math.round(frame.etaMs))) }
    case 'release':
      return { ...plain, flags: frame.keeps ? FLAG_KEEPS : 0 }
    case 'prefix':
      return { ...plain, position: frame.position, payload: json({ source: frame.source }) }
    case 'resume':
      return { ...plain, position: frame.position, payload: json({ client: frame.client }) }
    case 'gossip':
      return { ...plain, position: frame.number, payload: json({ origin: frame.origin, event: frame.event }) }
    case 'ask':
      return { ...plain, flags: WANT_CODES[frame.want], position: frame.from, count: frame.branch }
    case 'check':
      return { ...plain, reach: frame.ticket, position: frame.until, payload: json({ witness: frame.witness }) }
    case 'evidence': {
      const { ticket, side, position, count, width, numberType, payload } = frame
      return { flags: side === 'output' ? FLAG_OUTPUT : 0, numberCode: EVIDENCE_NUMBERS[numberType], reach: ticket, position, count, width, payload }
    }
    case 'verdict':
      return { ...plain, reach: frame.ticket, payload: json({ error: Math.min(frame.error, 1e9) }) }
    case 'failure': {
      const { code, message, retryAfterSeconds } = frame
      return { ...plain, payload: json({ code, message: message.slice(0, 2000), retryAfterSeconds }) }
    }
  }
}

/** Whether these bytes claim to be gossip: whoever passes frames on looks no deeper. */
export const isGossip = (bytes: Uint8Array): boolean => bytes[1] === TYPE_CODES.gossip

/** The bytes of a frame. @throws {ClusterError} frame_too_large */
export function encodeFrame(frame: RingFrame): Uint8Array {
  const fields = fieldsOf(frame)
  const bytes = new Uint8Array(HEADER_BYTES + fields.payload.length)
  if (bytes.length > MAX_FRAME_BYTES)
    throw new ClusterError('frame_too_large', `a ${frame.type} frame of ${bytes.length} bytes; at most ${MAX_FRAME_BYTES}`)
  const view = new DataView(bytes.buffer)
  view.setUint8(0, PROTOCOL_VERSION)
  view.setUint8(1, TYPE_CODES[frame.type])
  view.setUint8(2, fields.flags)
  view.setUint8(3, fields.numberCode)
  view.setBigUint64(4, BigInt(`0x${frame.sequence}`), true)
  view.setUint32(12, frame.epoch, true)
  view.setUint32(16, fields.reach, true)
  view.setUint32(20, fields.position, true)
  view.setUint32(24, fields.count, true)
  view.setUint32(28, fields.payload.length, true)
  view.setUint32(36, fields.width, true)
  bytes.set(fields.payload, HEADER_BYTES)
  view.setUint32(32, crc32(bytes), true)
  return bytes
}
