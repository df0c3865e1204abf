/** Where the time of the last requests went, from the server that this page came from. */
import { traceListSchema, traceSchema, type Trace, type TraceHead } from '../../protocol/trace.ts'
import type { ServerCall } from './server-call.ts'

/** Calls @throws {ClusterError} as the server answers, source_unavailable when it does not. */
export type TraceClient = { readonly list: () => Promise<readonly TraceHead[]>; readonly read: (id: string) => Promise<Trace> }

export const createTraceClient = (call: ServerCall): TraceClient => ({
  list: async () => (await call(traceListSchema, '/v1/cluster/traces')).traces,
  read: (id) => call(traceSchema, `/v1/cluster/traces/${encodeURIComponent(id)}`),
})
