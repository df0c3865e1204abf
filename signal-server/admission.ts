import { createHash, createPublicKey, timingSafeEqual, verify } from 'node:crypto'
import { z } from 'zod'
import type { WireError } from '../protocol/errors.ts'
import { helloText, isKeyId, keyIdOf } from '../protocol/identity.ts'
import type { PeerId } from '../protocol/ids.ts'
import { helloSchema, type Hello } from '../protocol/signaling.ts'
import { PROTOCOL_VERSION } from '../protocol/version.ts'

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()

/** Compares in time that tells nothing about where two secrets differ. */
export const sameSecret = (a: string, b: string): boolean => timingSafeEqual(digest(a), digest(b))

/** What may be kept or sent of a peer's secret. */
export const secretDigest = (secret: string): string => digest(secret).toString('hex')

/** The hello that may join, or why not. */
export type Admission = (raw: unknown) => Hello | WireError
export const isAdmitted = (outcome: Hello | WireError): outcome is Hello => 'version' in outcome

type AdmissionOptions = {
  readonly authorize: (hello: Hello) => WireError | null
  /** Digest of the secret of the connected peer with this id. */
  readonly holder: (id: PeerId) => string | null
}

/** Whether a hello that names a key, or whose id is made of one, is signed with it. */
function isOfItsKey({ id, secret, key, proof }: Hello): boolean {
  if (key === undefined) return !isKeyId(id)
  const spki = Buffer.from(key, 'base64')
  if (proof === undefined || keyIdOf(createHash('sha256').update(spki).digest()) !== id) return false
  try {
    const publicKey = createPublicKey({ key: spki, format: 'der', type: 'spki' })
    return verify('sha256', Buffer.from(helloText({ id, secret })), { key: publicKey, dsaEncoding: 'ieee-p1363' }, Buffer.from(proof, 'base64'))
  } catch {
    return false // No key.
  }
}

const versionSchema = z.object({ version: z.number() })

export function createAdmission({ authorize, holder }: AdmissionOptions): Admission {
  return (raw) => {
    // First the version: a hello of another one need not have the shape of ours.
    const version = versionSchema.safeParse(raw)
    if (version.success && version.data.version !== PROTOCOL_VERSION) {
      return {
        code: 'protocol_version_mismatch',
        message: `this server speaks protocol version ${PROTOCOL_VERSION}, you speak ${version.data.version}; reload the page`,
      }
    }
    const parsed = helloSchema.safeParse(raw)
    if (!parsed.success) return { code: 'invalid_value', message: `refused hello: ${z.prettifyError(parsed.error).slice(0, 500)}` }
    const hello = parsed.data
    if (!isOfItsKey(hello))
      return { code: 'invalid_value', message: 'refused hello: its id is that of a key, and what it says is not signed with that key' }
    const refusal = authorize(hello)
    if (refusal) return refusal
    const known = holder(hello.id)
    if (known !== null && !sameSecret(known, secretDigest(hello.secret)))
      return { code: 'peer_id_taken', message: `another peer is connected as ${hello.id}` }
    return hello
  }
}
