/**
 * Which devices may come: all but those that were removed, and where this server is to ask first, those that were let in. A device is known by
 * its id and secret, which its tab keeps; a removed one that came with a token takes that token with it, for everybody but those who were in then.
 */
import { digestOf } from './access-entry.ts'
import type { AccessFile } from './access-file.ts'

/** What a device shows of itself. */
export type ShownDevice = { readonly id: string; readonly secret: string; readonly name: string; readonly token: string | null }
/** One that waits to be let in. */
export type WaitingDevice = { readonly id: string; readonly name: string; readonly since: string }

export type DeviceGate = {
  /** @param lends whether it wants to be a device; default true */
  readonly verdict: (device: ShownDevice, lends?: boolean) => 'enter' | 'wait' | 'removed'
  readonly waiting: () => readonly WaitingDevice[]
  /** False when nobody of that id waits. */
  readonly approve: (id: string) => boolean
  /** @param others who may go on with the same token. @returns whether its token is spent: without one it can come as another device */
  readonly remove: (device: ShownDevice, others: readonly ShownDevice[]) => boolean
  /** Whether a token was spent by removing a device, so that no link should have it. */
  readonly isSpent: (token: string) => boolean
}

/** Who has not come back for so long does not wait any more. */
const WAITING_MS = 15_000
const MOST_WAITING = 256
const MOST_KEPT = 1_000

const identityOf = ({ id, secret }: ShownDevice): string => digestOf(`${id} ${secret}`)

export type DeviceGateOptions = { readonly file: AccessFile; readonly asksFirst: boolean; readonly now?: () => Date }

export function createDeviceGate({ file, asksFirst, now = () => new Date() }: DeviceGateOptions): DeviceGate {
  const waiting = new Map<string, WaitingDevice & { readonly identity: string; readonly seen: number }>()

  const isRemoved = (device: ShownDevice): boolean => {
    const identity = identityOf(device)
    const token = device.token === null ? null : digestOf(device.token)
    return (file.read().removed ?? []).some(
      (one) => one.identity === identity || (one.token !== null && one.token === token && !one.others.includes(identity)),
    )
  }
  const stillWaiting = (): readonly (WaitingDevice & { readonly identity: string })[] =>
    [...waiting.values()].filter(({ seen }) => now().getTime() - seen < WAITING_MS)

  function wait(device: ShownDevice): 'wait' {
    for (const [id, { seen }] of waiting) if (now().getTime() - seen >= WAITING_MS) waiting.delete(id)
    const since = waiting.get(device.id)?.since ?? now().toISOString()
    if (waiting.size < MOST_WAITING || waiting.has(device.id))
      waiting.set(device.id, { id: device.id, name: device.name, since, identity: identityOf(device), seen: now().getTime() })
    return 'wait'
  }

  return {
    verdict: (device, lends = true) => {
      if (isRemoved(device)) return 'removed'
      if (!asksFirst || !lends || (file.read().approved ?? []).includes(identityOf(device))) return 'enter'
      return wait(device)
    },
    waiting: () => stillWaiting().map(({ id, name, since }) => ({ id, name, since })),
    approve: (id) => {
      const found = stillWaiting().find((one) => one.id === id)
      if (!found) return false
      waiting.delete(id)
      file.write((state) => ({ ...state, approved: [...(state.approved ?? []), found.identity].slice(-MOST_KEPT) }))
      return true
    },
    remove: (device, others) => {
      const identity = identityOf(device)
      const token = device.token === null ? null : digestOf(device.token)
      const entry = { identity, token, others: others.filter((other) => other.token === device.token).map(identityOf) }
      file.write((state) => ({
        ...state,
        approved: (state.approved ?? []).filter((one) => one !== identity),
        removed: [...(state.removed ?? []), entry].slice(-MOST_KEPT),
      }))
      return token !== null
    },
    isSpent: (token) => (file.read().removed ?? []).some((one) => one.token === digestOf(token)),
  }
}
