/**
 * Slices: how messages of up to MAX_FRAME_BYTES cross channels whose messages are small. Header of 20 bytes, little-endian
 * (byte table in PROTOCOL.md). Credit, beats and aborted messages travel as slices without payload.
 */
import { ClusterError } from '../../protocol/errors.ts'
import { MAX_FRAME_BYTES, MAX_SLICE_BYTES } from '../../protocol/limits.ts'
import { PROTOCOL_VERSION } from '../../protocol/version.ts'
import type { WorkerProgress } from './link.ts'

export const SLICE_HEADER_BYTES = 20
const SLICE_PAYLOAD_BYTES = MAX_SLICE_BYTES - SLICE_HEADER_BYTES
const MOST_TOLD = 2 ** 32 - 1
const KIND_CODES = { data: 1, ping: 2, pong: 3, credit: 4, abort: 5 } as const

export type DataSlice = {
  readonly type: 'data'
  /** Number of the message on this link; grows by one a message and wraps at 2^32. */
  readonly message: number
  readonly index: number
  readonly count: number
  /** Bytes of the whole message. */
  readonly totalBytes: number
  readonly payload: Uint8Array
}
export type Slice =
  | DataSlice
  /** A beat; the other side answers with a `pong` of the same number. */
  | { readonly type: 'ping'; readonly beat: number }
  /** The thread that answers is not the one that computes: `progress` says how that is doing. */
  | { readonly type: 'pong'; readonly beat: number; readonly progress: WorkerProgress }
  /** All bytes of data slices that the reader has taken so far, modulo 2^32. */
  | { readonly type: 'credit'; readonly takenBytes: number }
  /** The sender gave up on a message of which slices may have arrived. */
  | { readonly type: 'abort'; readonly message: number }

const malformed = (what: string): ClusterError => new ClusterError('malformed_frame', `refused a slice: ${what}`)

/** Slices that a message of `totalBytes` takes; an empty message takes one. */
export const sliceCount = (totalBytes: number): number => Math.max(1, Math.ceil(totalBytes / SLICE_PAYLOAD_BYTES))

function header(kind: number, message: number, index: number, count: number, totalBytes: number, payloadBytes: number): Uint8Array {
  const bytes = new Uint8Array(SLICE_HEADER_BYTES + payloadBytes)
  const view = new DataView(bytes.buffer)
  view.setUint8(0, PROTOCOL_VERSION)
  view.setUint8(1, kind)
  view.setUint32(4, message, true)
  view.setUint32(8, index, true)
  view.setUint32(12, count, true)
  view.setUint32(16, totalBytes, true)
  return bytes
}

/** The bytes of slice `index` of a message. */
export function encodeDataSlice(message: number, index: number, content: Uint8Array): Uint8Array {
  const start = index * SLICE_PAYLOAD_BYTES
  const payload = content.subarray(start, start + SLICE_PAYLOAD_BYTES)
  const bytes = header(KIND_CODES.data, message, index, sliceCount(content.length), content.length, payload.length)
  bytes.set(payload, SLICE_HEADER_BYTES)
  return bytes
}

export const encodePing = (beat: number): Uint8Array => header(KIND_CODES.ping, beat, 0, 0, 0, 0)
export function encodePong(beat: number, { waiting, stepMs }: WorkerProgress): Uint8Array {
  return header(KIND_CODES.pong, beat, Math.min(waiting, MOST_TOLD), Math.min(Math.round(stepMs), MOST_TOLD), 0, 0)
}
export const encodeCredit = (takenBytes: number): Uint8Array => header(KIND_CODES.credit, 0, 0, 0, takenBytes >>> 0, 0)
export const encodeAbort = (message: number): Uint8Array => header(KIND_CODES.abort, message, 0, 0, 0, 0)

function decodeData(view: DataView, bytes: Uint8Array): DataSlice {
  const [message, index, count, totalBytes] = [view.getUint32(4, true), view.getUint32(8, true), view.getUint32(12, true), view.getUint32(16, true)]
  if (totalBytes > MAX_FRAME_BYTES) throw new ClusterError('frame_too_large', `refused a message of ${totalBytes} bytes; at most ${MAX_FRAME_BYTES}`)
  if (count !== sliceCount(totalBytes) || index >= count) throw malformed(`slice ${index} of ${count} for ${totalBytes} bytes`)
  const payload = bytes.subarray(SLICE_HEADER_BYTES)
  const expected = index === count - 1 ? totalBytes - index * SLICE_PAYLOAD_BYTES : SLICE_PAYLOAD_BYTES
  if (payload.length !== expected) throw malformed(`${payload.length} bytes in slice ${index} of ${count}, expected ${expected}`)
  return { type: 'data', message, index, count, totalBytes, payload }
}

/** The slice in `bytes`; payloads are views into it. @throws {ClusterError} malformed_frame, frame_too_large */
export function decodeSlice(bytes: Uint8Array): Slice {
  if (bytes.length < SLICE_HEADER_BYTES || bytes.length > MAX_SLICE_BYTES) throw malformed(`${bytes.length} bytes`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (view.getUint8(0) !== PROTOCOL_VERSION) throw malformed(`version ${view.getUint8(0)}, this is ${PROTOCOL_VERSION}`)
  const kind = view.getUint8(1)
  if (kind === KIND_CODES.data) return decodeData(view, bytes)
  if (bytes.length !== SLICE_HEADER_BYTES) throw malformed('a control slice with a payload')
  switch (kind) {
    case KIND_CODES.ping:
      return { type: 'ping', beat: view.getUint32(4, true) }
    case KIND_CODES.pong:
      return { type: 'pong', beat: view.getUint32(4, true), progress: { waiting: view.getUint32(8, true), stepMs: view.getUint32(12, true) } }
    case KIND_CODES.credit:
      return { type: 'credit', takenBytes: view.getUint32(16, true) }
    case KIND_CODES.abort:
      return { type: 'abort', message: view.getUint32(4, true) }
    default:
      throw malformed(`kind ${kind}`)
  }
}

type Unfinished = { readonly message: number; readonly bytes: Uint8Array; readonly seen: Uint8Array; missing: number }

/**
 * Puts messages together again. Holds at most one unfinished message: senders do not interleave. Slices of one message may
 * come in any order and twice; those of finished messages are ignored.
 */
export function createAssembler(): {
  /** The whole message once its last slice is there. @throws {ClusterError} malformed_frame on a gap */
  readonly accept: (slice: DataSlice) => Uint8Array | 'unfinished' | 'duplicate'
  readonly abort: (message: number) => void
} {
  /** Newest message that is finished or aborted. */
  let done = 0
  let unfinished: Unfinished | null = null

  const begin = (slice: DataSlice): Unfinished => {
    if (unfinished) throw malformed(`message ${slice.message} begins while ${unfinished.message} lacks ${unfinished.missing} slices`)
    if (slice.message !== (done + 1) >>> 0) throw malformed(`message ${slice.message} after ${done}`)
    return { message: slice.message, bytes: new Uint8Array(slice.totalBytes), seen: new Uint8Array(slice.count), missing: slice.count }
  }
  return {
    accept: (slice) => {
      // Serial-number arithmetic (RFC 1982), since message numbers wrap.
      if (((slice.message - done) | 0) <= 0) return 'duplicate'
      if (unfinished?.message !== slice.message) unfinished = begin(slice)
      if (unfinished.bytes.length !== slice.totalBytes) throw malformed('slices of one message disagree about its length')
      if (unfinished.seen[slice.index]) return 'duplicate'
      unfinished.seen[slice.index] = 1
      unfinished.bytes.set(slice.payload, slice.index * SLICE_PAYLOAD_BYTES)
      if (--unfinished.missing > 0) return 'unfinished'
      const { bytes } = unfinished
      done = unfinished.message
      unfinished = null
      return bytes
    },
    abort: (message) => {
      if (unfinished?.message !== message && message !== (done + 1) >>> 0) return
      done = message
      unfinished = null
    },
  }
}
