/** What `GET /v1/cluster/traces` tells of a request: where its time went, hop by hop. No prompt, no token and no text is in it. */
import { z } from 'zod'
import { modelIdSchema, peerIdSchema } from './cluster.ts'

const milliseconds = z.number()
const whole = z.number().int().min(0)

export const hopTimingSchema = z.object({ queueMs: milliseconds, computeMs: milliseconds, readBackMs: milliseconds, sendMs: milliseconds })

const traceShardSchema = z.object({ peerId: peerIdSchema, name: z.string(), startLayer: whole, endLayer: whole })

/** `atMs`: since the request came. */
const traceEventSchema = z.discriminatedUnion('type', [
  /** The answer begins, or goes on (`resumes`), on a ring. */
  z.object({ type: z.literal('ring'), atMs: milliseconds, epoch: whole, resumes: z.boolean(), shards: z.array(traceShardSchema) }),
  /** Its ring was lost, or given up. */
  z.object({ type: z.literal('pause'), atMs: milliseconds, reason: z.string() }),
  z.object({ type: z.literal('progress'), atMs: milliseconds, processed: whole, total: whole }),
  /** A lap: `lapMs` since the token before, of which `wayMs` on no shard. `hops`: the last shards of the ring, in order. */
  z.object({
    type: z.literal('token'),
    atMs: milliseconds,
    index: whole,
    lapMs: milliseconds.nullable(),
    wayMs: milliseconds.nullable(),
    hops: z.array(hopTimingSchema),
  }),
  z.object({ type: z.literal('end'), atMs: milliseconds, reason: z.string() }),
])
export type TraceEvent = z.infer<typeof traceEventSchema>

const traceHeadSchema = z.object({
  /** The id of the answer's body. */
  id: z.string(),
  /** The header `x-request-id`. */
  requestId: z.string(),
  model: modelIdSchema,
  /** ISO 8601. */
  startedAt: z.string(),
  state: z.enum(['running', 'done', 'failed']),
  promptTokens: whole,
  tokens: whole,
  totalMs: milliseconds,
})
export const traceListSchema = z.object({ traces: z.array(traceHeadSchema) })
export type TraceHead = z.infer<typeof traceHeadSchema>

export const traceSchema = traceHeadSchema.extend({
  error: z.string().nullable(),
  choices: z.array(
    z.object({
      events: z.array(traceEventSchema),
      /** Events beyond what is kept. */
      dropped: whole,
    }),
  ),
})
export type Trace = z.infer<typeof traceSchema>
