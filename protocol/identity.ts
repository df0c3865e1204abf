/**
 * A peer that has a key pair is named by it: whoever has its id can check what it says, and needs no server to vouch for it. ECDSA over
 * P-256 with SHA-256; public keys as SPKI, signatures as r and s (IEEE P1363), both in base64.
 */
import type { PeerId } from './ids.ts'
import type { Hello, Negotiation } from './signaling.ts'

/** Bytes of the SHA-256 of the public key that its id has, in hexadecimal. */
export const KEY_ID_BYTES = 16
const PREFIX = 'key-'

/** The id of a key. @param digest SHA-256 of its SPKI bytes */
export const keyIdOf = (digest: Uint8Array): string =>
  PREFIX + [...digest.subarray(0, KEY_ID_BYTES)].map((byte) => byte.toString(16).padStart(2, '0')).join('')

/** Whether a peer of this id has to prove what it says: a roster that names no key for it is not to be believed. */
export const isKeyId = (id: PeerId): boolean => id.startsWith(PREFIX)

/** What the key of a hello signs: that id, secret and key are of one peer. */
export const helloText = ({ id, secret }: Pick<Hello, 'id' | 'secret'>): string => ['ringlet hello', id, secret].join('\n')

/** What the key of the sender signs of an offer, an answer or a candidate; the fingerprint of its DTLS certificate is in the first two. */
export const negotiationText = (from: PeerId, to: PeerId, { attempt, kind, payload }: Negotiation): string =>
  ['ringlet negotiation', from, to, attempt, kind, payload].join('\n')
