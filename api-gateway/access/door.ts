/** Who may join the cluster of this server, by what a peer says of itself. */
import type { WireError } from '../../protocol/errors.ts'
import { toWireError } from '../../protocol/errors.ts'
import type { Hello } from '../../protocol/signaling.ts'
import type { Access } from './access.ts'
import { digestOf } from './access-entry.ts'
import type { DeviceGate, ShownDevice } from './device-gate.ts'

const REFUSALS: Record<'wait' | 'removed', WireError> = {
  wait: { code: 'device_waiting', message: 'whoever runs this cluster has to let this device in' },
  removed: { code: 'device_removed', message: 'whoever runs this cluster has removed this device' },
}

export const shownDevice = ({ id, secret, name, token }: Hello): ShownDevice => ({ id, secret, name, token: token ?? null })

/**
 * Devices show the join token or an invitation, clients a key too, and this process's own peers a secret that never leaves it.
 * Nobody comes back who was removed; a chat page is a device as soon as it lends, and says so in another hello.
 */
export function createDoor(access: Access, gate: DeviceGate, internal: string): (hello: Hello) => WireError | null {
  const own = digestOf(internal)
  return (hello) => {
    if (hello.token !== undefined && digestOf(hello.token) === own) return null
    const isClient = hello.role === 'client'
    const refusal = access.refusal(isClient ? 'client' : 'device', hello.token ?? null)
    if (refusal) return toWireError(refusal)
    // A chat page need not be let in: it asks, and lends nothing.
    const verdict = gate.verdict(shownDevice(hello), !isClient)
    return verdict === 'enter' ? null : REFUSALS[verdict]
  }
}
