/** A completion to run, and what ends it. */
import { z } from 'zod'
import { modelIdSchema, peerIdSchema } from './cluster.ts'
import { grammarSchema } from './grammar.ts'

export const samplingSchema = z.object({
  /** 0 = greedy. */
  temperature: z.number().min(0).max(100),
  topP: z.number().min(0).max(1),
  /** 0 = off. */
  topK: z.number().int().min(0),
  minP: z.number().min(0).max(1),
  /** 1 = off. */
  repetitionPenalty: z.number().min(0.01).max(100),
  presencePenalty: z.number().min(-2).max(2),
  frequencyPenalty: z.number().min(-2).max(2),
  /** Added to the logit of a token id before anything else. */
  logitBias: z.array(z.tuple([z.number().int().min(0), z.number().min(-100).max(100)])).max(1024),
  /** Key of the counter generator, as a decimal integer of 64 bits. */
  seed: z.string().regex(/^-?\d{1,20}$/),
})
export type Sampling = z.infer<typeof samplingSchema>
/** The most probable token every time: what all other settings are changes to. */
export const GREEDY: Sampling = {
  temperature: 0,
  topP: 1,
  topK: 0,
  minP: 0,
  repetitionPenalty: 1,
  presencePenalty: 0,
  frequencyPenalty: 0,
  logitBias: [],
  seed: '0',
}

const tokenIdSchema = z
  .number()
  .int()
  .min(0)
  .max(2 ** 31 - 1)

/** A completion to run. The client sends it to the head, the head passes it to the tail, which samples by it. */
export const jobSchema = z.object({
  client: peerIdSchema,
  model: modelIdSchema,
  promptIds: z
    .array(tokenIdSchema)
    .min(1)
    .max(1 << 20),
  /**
   * Tokens of the answer that the client has already, from index 0: empty at the start. With them a sequence goes on where another
   * placement, or nobody any more, computed it; the next token has the index `acceptedIds.length`.
   */
  acceptedIds: z.array(tokenIdSchema).max(1 << 20),
  /** The sequence has run under an older epoch: shards that know it go on from there. */
  resumes: z.boolean(),
  sampling: samplingSchema,
  /** Null where the answer is free. */
  grammar: grammarSchema.nullable(),
  /** Null: tokens are sampled. Else the answer is one vector, made of the prompt's hidden states behind the final norm: the last, or their mean. */
  pooling: z.enum(['last', 'mean']).nullable(),
  /** First tokens of the answer, given instead of sampled: what the log probabilities of a prompt are asked with. */
  givenIds: z.array(tokenIdSchema).max(1 << 20),
  /** Likeliest tokens told with each token and its log probability; null = none of it. */
  topLogprobs: z.number().int().min(0).max(20).nullable(),
  /** A sampled id of this list ends the answer with `stop`. */
  stopIds: z.array(tokenIdSchema).max(64),
  /** Tokens the answer has at most, accepted ones among them; at least 1. */
  maxTokens: z
    .number()
    .int()
    .min(1)
    .max(1 << 20),
  /**
   * Answers of one client and scope may begin from what each other's KV caches hold of the same prompt; null: this one uses none and
   * leaves none. Middle shards never see it.
   */
  cacheScope: z.string().max(128).nullable(),
  /** The head may guess tokens ahead. What is sampled is the same. */
  drafts: z.boolean(),
})
export type Job = z.infer<typeof jobSchema>
export type Pooling = NonNullable<Job['pooling']>

export const finishReasonSchema = z.enum(['stop', 'length'])
export type FinishReason = z.infer<typeof finishReasonSchema>

/** Natural logarithms of probabilities as the model gives them: before temperature, penalties, bias and grammar. */
export const tokenLogprobsSchema = z.object({
  logprob: z.number().max(0),
  /** The likeliest tokens, most likely first. */
  top: z.array(z.tuple([tokenIdSchema, z.number().max(0)])).max(20),
})
export type TokenLogprobs = z.infer<typeof tokenLogprobsSchema>
