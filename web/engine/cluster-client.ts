/** What whoever runs the cluster may do, over the HTTP API of the server this page came from. */
import { z } from 'zod'
import type { Strategy } from '../../protocol/cluster.ts'
import type { ModelId, PeerId } from '../../protocol/ids.ts'
import { jsonRequest, type ServerCall } from './server-call.ts'

const waitingSchema = z.object({ waiting: z.array(z.object({ id: z.string(), name: z.string(), since: z.string() })) })
export type WaitingDevice = z.infer<typeof waitingSchema>['waiting'][number]
const addressesSchema = z.object({
  /** Where other devices reach this server; none when it listens on this machine only. */
  addresses: z.array(z.string()),
  secure: z.boolean(),
  /** A page that explains how to trust this server's certificate, where there is something to trust. */
  trust: z.string().nullable(),
})
export type ServerAddresses = z.infer<typeof addressesSchema>

export type PlacementTerms = { readonly strategy: Strategy; readonly maxDevices: number }

/** Every call @throws {ClusterError} as the server answers, source_unavailable when it does not */
export type ClusterClient = {
  readonly place: (model: ModelId, terms: PlacementTerms) => Promise<void>
  readonly change: (model: ModelId, state: 'serve' | 'paused') => Promise<void>
  readonly drop: (model: ModelId) => Promise<void>
  readonly pause: (device: PeerId, isPaused: boolean) => Promise<void>
  readonly remove: (device: PeerId) => Promise<void>
  readonly waiting: () => Promise<readonly WaitingDevice[]>
  readonly approve: (id: string) => Promise<void>
  readonly addresses: () => Promise<ServerAddresses>
}

export function createClusterClient(call: ServerCall): ClusterClient {
  const send = async (method: string, path: string, body?: unknown): Promise<void> => void (await call(z.unknown(), path, jsonRequest(method, body)))
  const placementOf = (model: ModelId): string => `/v1/cluster/placements/${model.split('/').map(encodeURIComponent).join('/')}`
  const deviceOf = (id: string): string => `/v1/cluster/devices/${encodeURIComponent(id)}`
  return {
    place: (model, terms) => send('POST', '/v1/cluster/placements', { model, ...terms }),
    change: (model, state) => send('PATCH', placementOf(model), { state }),
    drop: (model) => send('DELETE', placementOf(model)),
    pause: (device, isPaused) => send('PATCH', deviceOf(device), { state: isPaused ? 'paused' : 'lending' }),
    remove: (device) => send('DELETE', deviceOf(device)),
    waiting: async () => (await call(waitingSchema, '/v1/cluster/devices')).waiting,
    approve: (id) => send('PATCH', deviceOf(id), { state: 'approved' }),
    addresses: () => call(addressesSchema, '/v1/cluster/addresses'),
  }
}

/** Where other devices reach the server; null for a page that may not ask, which shows its own address. */
export const addressesOf = async (client: ClusterClient | null): Promise<ServerAddresses | null> =>
  (await client?.addresses().catch(() => null)) ?? null
