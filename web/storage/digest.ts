/** SHA-256 in a browser: of a piece at once, of a file piece by piece. */
import { createSHA256, sha256 } from 'hash-wasm'

const hexOf = (buffer: ArrayBuffer): string => Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, '0')).join('')

/** In hexadecimal. The browser's own, off this thread, where the page is a secure context. */
export async function digestOf(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return globalThis.isSecureContext ? hexOf(await crypto.subtle.digest('SHA-256', bytes)) : sha256(bytes)
}

/** Of what `next` gives until it gives null; one part in memory at a time. */
export async function digestOfParts(next: () => Promise<Uint8Array | null>): Promise<string> {
  const hash = await createSHA256()
  for (let part = await next(); part; part = await next()) hash.update(part)
  return hash.digest('hex')
}
