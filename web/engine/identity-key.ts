/** Key pairs of peers, by WebCrypto: what they sign, and whether another one signed. Only secure contexts have it. */
import { z } from 'zod'
import { keyIdOf } from '../../protocol/identity.ts'
import { peerId, type PeerId } from '../../protocol/ids.ts'
import type { Vouching } from '../../runtime/ports/vouched-negotiation.ts'

const CURVE = { name: 'ECDSA', namedCurve: 'P-256' } as const
const SIGNING = { name: 'ECDSA', hash: 'SHA-256' } as const

/** As it is kept: the private key as PKCS #8, the public one as SPKI, in base64. */
export const keptKeySchema = z.object({ privateKey: z.string().max(400), publicKey: z.string().max(200) })
export type KeptKey = z.infer<typeof keptKeySchema>

const toBase64 = (bytes: ArrayBuffer): string => btoa(String.fromCharCode(...new Uint8Array(bytes)))
const fromBase64 = (text: string): Uint8Array<ArrayBuffer> => Uint8Array.from(atob(text), (character) => character.charCodeAt(0))
const utf8 = (text: string): Uint8Array<ArrayBuffer> => new Uint8Array(new TextEncoder().encode(text))

export async function makeKey(subtle: SubtleCrypto): Promise<KeptKey> {
  const { privateKey, publicKey } = await subtle.generateKey(CURVE, true, ['sign', 'verify'])
  return { privateKey: toBase64(await subtle.exportKey('pkcs8', privateKey)), publicKey: toBase64(await subtle.exportKey('spki', publicKey)) }
}

/** The peer id that a public key has. */
export const idOfKey = async (subtle: SubtleCrypto, publicKey: string): Promise<PeerId> =>
  peerId(keyIdOf(new Uint8Array(await subtle.digest('SHA-256', fromBase64(publicKey)))))

/** @throws what WebCrypto throws where `kept` is no key */
export async function openVouching(subtle: SubtleCrypto, kept: KeptKey): Promise<Vouching> {
  const own = await subtle.importKey('pkcs8', fromBase64(kept.privateKey), CURVE, false, ['sign'])
  return {
    sign: async (text) => toBase64(await subtle.sign(SIGNING, own, utf8(text))),
    isOf: async (id, key, text, signature) => {
      try {
        if ((await idOfKey(subtle, key)) !== id) return false
        const theirs = await subtle.importKey('spki', fromBase64(key), CURVE, false, ['verify'])
        return await subtle.verify(SIGNING, theirs, fromBase64(signature), utf8(text))
      } catch {
        // No key, or no signature.
        return false
      }
    },
  }
}
