/** Who this tab is: an id and a secret that survive a reload, so that a device returns as itself. */
import { isPeerId, peerId, type PeerId } from '../../protocol/ids.ts'

export type Identity = { readonly id: PeerId; readonly secret: string }
const KEY = 'ringlet-identity'

const randomHex = (bytes: number): string =>
  [...crypto.getRandomValues(new Uint8Array(bytes))].map((byte) => byte.toString(16).padStart(2, '0')).join('')

function stored(): Identity | null {
  try {
    const value: unknown = JSON.parse(sessionStorage.getItem(KEY) ?? 'null')
    if (typeof value !== 'object' || value === null || !('id' in value) || !('secret' in value)) return null
    return isPeerId(value.id) && typeof value.secret === 'string' && value.secret.length >= 32 ? { id: value.id, secret: value.secret } : null
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

export async function openIdentity(): Promise<Identity> {
  const known = stored()
  if (known && (await lock(known.id))) return known
  const fresh = { id: peerId(`tab-${randomHex(8)}`), secret: randomHex(32) }
  await lock(fresh.id)
  try {
    sessionStorage.setItem(KEY, JSON.stringify(fresh))
  } catch {
    // As above: without storage the identity lives as long as the page.
  }
  return fresh
}
