/** Keys and invitations of the server this page came from. */
import { z } from 'zod'
import { jsonRequest, type ServerCall } from './server-call.ts'

const entrySchema = z.object({
  id: z.string(),
  kind: z.enum(['key', 'invite']),
  name: z.string(),
  scopes: z.array(z.string()),
  limits: z.object({ requestsPerMinute: z.number().nullable(), tokensPerMinute: z.number().nullable() }),
  created: z.string(),
  expires: z.string().nullable(),
  expired: z.boolean(),
})
export type ShownEntry = z.infer<typeof entrySchema>
const listSchema = z.object({ data: z.array(entrySchema) })
const madeSchema = entrySchema.extend({ secret: z.string(), path: z.string().optional() })
/** With the secret, which no later answer has. */
export type MadeEntry = z.infer<typeof madeSchema>

export type KeyWanted = {
  readonly name: string
  readonly scopes: readonly string[]
  /** A span such as `30d`, or `never`. */
  readonly expires: string
  readonly limits: { readonly requestsPerMinute: number | null; readonly tokensPerMinute: number | null }
}
export type InviteWanted = Pick<KeyWanted, 'name' | 'expires'>

/** Every call @throws {ClusterError} as the server answers, source_unavailable when it does not. */
export type AccessClient = {
  readonly list: () => Promise<readonly ShownEntry[]>
  readonly makeKey: (wanted: KeyWanted) => Promise<MadeEntry>
  readonly invite: (wanted: InviteWanted) => Promise<MadeEntry>
  readonly revoke: (entry: Pick<ShownEntry, 'kind' | 'id'>) => Promise<void>
}

const pathOf = (kind: ShownEntry['kind']): string => (kind === 'key' ? '/v1/keys' : '/v1/invites')

export function createAccessClient(call: ServerCall): AccessClient {
  return {
    list: async () => (await Promise.all([call(listSchema, '/v1/keys'), call(listSchema, '/v1/invites')])).flatMap(({ data }) => data),
    makeKey: (wanted) => call(madeSchema, '/v1/keys', jsonRequest('POST', wanted)),
    invite: (wanted) => call(madeSchema, '/v1/invites', jsonRequest('POST', wanted)),
    revoke: async ({ kind, id }) => void (await call(z.unknown(), `${pathOf(kind)}/${encodeURIComponent(id)}`, jsonRequest('DELETE'))),
  }
}
