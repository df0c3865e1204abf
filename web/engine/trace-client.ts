/** Where the time of the last requests went, from the server that this page came from. */
import type { z } from 'zod'
import { traceListSchema, traceSchema, type Trace, type TraceHead } from '../../protocol/trace.ts'
import { ClusterError } from '../../protocol/errors.ts'

/** Calls @throws {ClusterError} source_unavailable when the server does not answer, or not so. */
export type TraceClient = { readonly list: () => Promise<readonly TraceHead[]>; readonly read: (id: string) => Promise<Trace> }

/** @param key sent with every call where the page has one */
export function createTraceClient(fetcher: typeof fetch, key: string | null): TraceClient {
  async function get<T>(schema: z.ZodType<T>, path: string): Promise<T> {
    const response = await fetcher(path, key === null ? {} : { headers: { authorization: `Bearer ${key}` } }).catch((cause: unknown) => {
      throw new ClusterError('source_unavailable', 'the server could not be reached', { cause })
    })
    const parsed = schema.safeParse(await response.json().catch(() => null))
    if (parsed.success) return parsed.data
    throw new ClusterError('source_unavailable', `the server has no such trace (status ${response.status})`)
  }
  return {
    list: async () => (await get(traceListSchema, '/v1/cluster/traces')).traces,
    read: (id) => get(traceSchema, `/v1/cluster/traces/${encodeURIComponent(id)}`),
  }
}
