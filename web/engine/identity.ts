/** Who this tab is: an id, a secret and a key that survive a reload, so that a device returns as itself. */
import { z } from 'zod'
import { helloText } from '../../protocol/identity.ts'
import { isPeerId, peerId, type PeerId } from '../../protocol/ids.ts'
import type { Hello } from '../../protocol/signaling.ts'
import type { Vouching } from '../../runtime/ports/vouched-negotiation.ts'
import { idOfKey, keptKeySchema, makeKey, openVouching } from './identity-key.ts'

export type Identity = {
  readonly id: PeerId
  readonly secret: string
  /** What a hello says of the key; empty where the page has none, as over plain http. */
  readonly signed: Pick<Hello, 'key' | 'proof'>
  readonly vouching: Vouching | null
}
const KEY = 'ringlet-identity'
const keptSchema = z.object({ id: z.custom<PeerId>(isPeerId), secret: z.string().min(32).max(128), key: keptKeySchema.nullable() })
type Kept = z.infer<typeof keptSchema>

export const randomHex = (bytes: number): string =>
  [...crypto.getRandomValues(new Uint8Array(bytes))].map((byte) => byte.toString(16).padStart(2, '0')).join('')
/** Absent outside of secure contexts, whatever its type says. */
const subtleOf = (): SubtleCrypto | null => ('subtle' in crypto ? crypto.subtle : null)

function stored(): Kept | null {
  try {
    const parsed = keptSchema.safeParse(JSON.parse(sessionStorage.getItem(KEY) ?? 'null'))
    // Over plain http a key cannot be used, over https a peer without one had better have one.
    return parsed.success && (parsed.data.key !== null) === (subtleOf() !== null) ? parsed.data : null
  } catch {
    return null // Storage is off: every visit is a new peer.
  }
}

/** A duplicated tab copies sessionStorage; the lock tells it from a reloaded one. Held until the tab closes. */
async function lock(id: PeerId): Promise<boolean> {
  if (!('locks' in navigator)) return true
  return new Promise((resolve) => {
    void navigator.locks.request(`ringlet-peer-${id}`, { ifAvailable: true }, (held) => {
      resolve(held !== null)
      return held === null ? undefined : new Promise<void>(() => undefined)
    })
  })
}

async function create(): Promise<Kept> {
  const subtle = subtleOf()
  const key = subtle && (await makeKey(subtle))
  return { id: subtle && key ? await idOfKey(subtle, key.publicKey) : peerId(`tab-${randomHex(8)}`), secret: randomHex(32), key }
}

async function signedBy({ id, secret, key }: Kept): Promise<Identity> {
  const subtle = subtleOf()
  if (!subtle || !key) return { id, secret, signed: {}, vouching: null }
  const vouching = await openVouching(subtle, key)
  return { id, secret, signed: { key: key.publicKey, proof: await vouching.sign(helloText({ id, secret })) }, vouching }
}

export async function openIdentity(): Promise<Identity> {
  const known = stored()
  if (known && (await lock(known.id))) return signedBy(known)
  const fresh = await create()
  await lock(fresh.id)
  try {
    sessionStorage.setItem(KEY, JSON.stringify(fresh))
  } catch {
    // As above: without storage the identity lives as long as the page.
  }
  return signedBy(fresh)
}
