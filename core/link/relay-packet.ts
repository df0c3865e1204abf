/**
 * What travels in a `relay` event: 8 bytes of header (little-endian), then one slice in `data`. A session is one relayed
 * link; the peer that dials draws its number.
 */
import { ClusterError } from '../../protocol/errors.ts'
import { MAX_SLICE_BYTES } from '../../protocol/limits.ts'
import { PROTOCOL_VERSION } from '../../protocol/version.ts'

const RELAY_HEADER_BYTES = 8
const KIND_CODES = { open: 1, accept: 2, data: 3, close: 4 } as const
type RelayKind = keyof typeof KIND_CODES
export type RelayPacket = { readonly kind: RelayKind; readonly session: number; readonly payload: Uint8Array }

const EMPTY = new Uint8Array(0)
const isKind = (name: string): name is RelayKind => Object.hasOwn(KIND_CODES, name)

export function encodeRelayPacket(kind: RelayKind, session: number, payload: Uint8Array = EMPTY): Uint8Array {
  const bytes = new Uint8Array(RELAY_HEADER_BYTES + payload.length)
  const view = new DataView(bytes.buffer)
  view.setUint8(0, PROTOCOL_VERSION)
  view.setUint8(1, KIND_CODES[kind])
  view.setUint32(4, session, true)
  bytes.set(payload, RELAY_HEADER_BYTES)
  return bytes
}

/** @throws {ClusterError} malformed_frame */
export function decodeRelayPacket(bytes: Uint8Array): RelayPacket {
  const malformed = (what: string): ClusterError => new ClusterError('malformed_frame', `refused a relayed packet: ${what}`)
  if (bytes.length < RELAY_HEADER_BYTES || bytes.length > RELAY_HEADER_BYTES + MAX_SLICE_BYTES) throw malformed(`${bytes.length} bytes`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (view.getUint8(0) !== PROTOCOL_VERSION) throw malformed(`version ${view.getUint8(0)}, this is ${PROTOCOL_VERSION}`)
  const kind = Object.keys(KIND_CODES).find((name) => isKind(name) && KIND_CODES[name] === view.getUint8(1))
  if (kind === undefined || !isKind(kind)) throw malformed(`kind ${view.getUint8(1)}`)
  return { kind, session: view.getUint32(4, true), payload: bytes.subarray(RELAY_HEADER_BYTES) }
}
