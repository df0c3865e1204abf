/** What the numbers in the headers of frames stand for, and the JSON of their payloads. */
import { z } from 'zod'
import { gossipEventSchema, peerIdSchema } from './cluster.ts'
import { isErrorCode, type ErrorCode } from './errors.ts'
import type { AskWant, RingFrame } from './frames.ts'
import { hopsBodySchema } from './hops.ts'
import { sequenceId } from './ids.ts'
import { finishReasonSchema, tokenLogprobsSchema } from './job.ts'

export const HEADER_BYTES = 40

export const TYPE_CODES = {
  job: 1,
  activation: 2,
  token: 3,
  progress: 4,
  release: 5,
  failure: 6,
  resume: 7,
  ask: 8,
  gossip: 9,
  prefix: 10,
  waiting: 11,
  embedding: 12,
  check: 13,
  evidence: 14,
  verdict: 15,
} as const satisfies Record<RingFrame['type'], number>
export const NUMBER_CODES = { f16: 1, f32: 2 } as const
export const ELEMENT_BYTES = { f16: 2, f32: 4 } as const
export const FLAG_SAMPLE = 1
export const FLAG_DRAFTS = 2
export const FLAG_MORE = 1
/** 0 stands for an unknown time. */
export const MOST_ETA_MS = 2 ** 32 - 1
export const FLAG_KEEPS = 1
export const FLAG_OUTPUT = 1
export const EVIDENCE_NUMBERS = { ids: 0, f16: 1, f32: 2 } as const
export const EVIDENCE_BYTES = { ids: 4, f16: 2, f32: 4 } as const
export const checkBodySchema = z.object({ witness: peerIdSchema })
export const verdictBodySchema = z.object({ error: z.number().min(0).max(1e9) })
export const WANT_CODES = { activations: 1, tokens: 2, job: 3 } as const satisfies Record<AskWant, number>
export const isWant = (name: string): name is AskWant => Object.hasOwn(WANT_CODES, name)
export const gossipBodySchema = z.object({ origin: peerIdSchema, event: gossipEventSchema })
export const prefixBodySchema = z.object({
  source: z
    .string()
    .regex(/^[0-9a-f]{16}$/)
    .transform(sequenceId),
})
export const resumeBodySchema = z.object({ client: peerIdSchema })
export const tokenBodySchema = z.object({ finish: finishReasonSchema.nullable(), hops: hopsBodySchema, logprobs: tokenLogprobsSchema.nullable() })
export const failureBodySchema = z.object({
  code: z.custom<ErrorCode>(isErrorCode, 'not an error code'),
  message: z.string().max(2000),
  retryAfterSeconds: z.number().min(0).max(3600).exactOptional(),
})
