/** Fields that chat and text completions share, and the rule that none is ignored silently. */
import { randomBytes } from 'node:crypto'
import { z } from 'zod'
import type { TextModel } from '../../core/text/text-model.ts'
import { ClusterError } from '../../protocol/errors.ts'
import type { Sampling } from '../../protocol/ring.ts'

const MAX_INT64 = 2 ** 63
const optional = <T extends z.ZodType>(schema: T) => schema.nullish()
const range = (min: number, max: number) => optional(z.number().min(min).max(max))

export const samplingFields = {
  temperature: range(0, 2),
  top_p: range(0, 1),
  top_k: optional(z.number().int().min(-1)),
  min_p: range(0, 1),
  presence_penalty: range(-2, 2),
  frequency_penalty: range(-2, 2),
  repetition_penalty: optional(z.number().min(0.01).max(100)),
  seed: optional(z.number().refine((seed) => Number.isInteger(seed) && seed >= -MAX_INT64 && seed < MAX_INT64, 'expected an integer of 64 bits')),
  logit_bias: optional(z.record(z.string(), z.number().min(-100).max(100))),
  stop: optional(z.union([z.string().min(1), z.array(z.string().min(1)).max(4)])),
  n: optional(z.number().int().min(1).max(128)),
  stream: optional(z.boolean()),
  stream_options: optional(
    z.object({ include_usage: optional(z.boolean()), continuous_usage_stats: optional(z.boolean()), include_obfuscation: optional(z.boolean()) }),
  ),
  max_tokens: optional(z.number().int().min(1)),
  user: optional(z.string()),
} as const
type SamplingFields = z.infer<z.ZodObject<typeof samplingFields>>

/** Path of zod as clients write it: `messages[0].content`. */
export const paramName = (path: readonly PropertyKey[]): string =>
  path.map((part, at) => (typeof part === 'number' ? `[${part}]` : at === 0 ? String(part) : `.${String(part)}`)).join('')

/** @throws {ClusterError} invalid_value naming the first field at fault */
export function parseFields<T>(schema: z.ZodType<T>, body: unknown): T {
  const parsed = schema.safeParse(body)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  const param = paramName(issue?.path ?? [])
  throw new ClusterError('invalid_value', `${param || 'the body'}: ${issue?.message ?? 'is not valid'}`, param ? { detail: { param } } : {})
}

/**
 * Refuses what some dialect defines, Ringlet does not do, and would change the answer.
 * @param fields name → whether a value asks for nothing and may pass
 * @throws {ClusterError} unsupported_field
 */
export function refuseUnsupported(body: Readonly<Record<string, unknown>>, fields: Readonly<Record<string, (value: unknown) => boolean>>): void {
  for (const [name, isHarmless] of Object.entries(fields)) {
    const value = body[name]
    if (value === undefined || value === null || isHarmless(value)) continue
    throw new ClusterError('unsupported_field', `${name} is not supported here, and ignoring it would change the answer; leave it out`, {
      detail: { param: name },
    })
  }
}

/**
 * Whether the last turn is an unfinished answer that the model goes on with.
 * @throws {ClusterError} invalid_value when two answers end the list
 */
export function continuesFinal(turns: readonly { readonly role: string }[]): boolean {
  const isAnswer = turns.at(-1)?.role === 'assistant'
  if (!isAnswer || turns.at(-2)?.role !== 'assistant') return isAnswer
  throw new ClusterError('invalid_value', 'messages: only one assistant turn may end the list; it is then continued', {
    detail: { param: 'messages' },
  })
}

export const never = (): boolean => false
export const isFalse = (value: unknown): boolean => value === false
export const isEmptyList = (value: unknown): boolean => Array.isArray(value) && value.length === 0

/** Of llama.cpp's server, vLLM and others, for both endpoints. */
export const FOREIGN_FIELDS = {
  use_beam_search: isFalse,
  length_penalty: (value: unknown) => value === 1,
  stop_token_ids: isEmptyList,
  include_stop_str_in_output: isFalse,
  ignore_eos: isFalse,
  min_tokens: (value: unknown) => value === 0,
  truncate_prompt_tokens: never,
  prompt_logprobs: never,
  guided_json: never,
  guided_regex: never,
  guided_choice: never,
  guided_grammar: never,
  structured_outputs: never,
  bad_words: isEmptyList,
  allowed_token_ids: never,
  grammar: (value: unknown) => value === '',
  json_schema: never,
  mirostat: (value: unknown) => value === 0,
  typical_p: (value: unknown) => value === 1,
  tfs_z: (value: unknown) => value === 1,
  xtc_probability: (value: unknown) => value === 0,
  dry_multiplier: (value: unknown) => value === 0,
  dynatemp_range: (value: unknown) => value === 0,
  n_probs: (value: unknown) => value === 0,
  samplers: never,
  repeat_penalty: (value: unknown) => value === 1,
  timings_per_token: isFalse,
  return_progress: isFalse,
  return_token_ids: isFalse,
} as const

/** @throws {ClusterError} invalid_value when an id is outside the vocabulary */
function logitBiasOf(bias: SamplingFields['logit_bias'], vocabSize: number): Sampling['logitBias'] {
  const entries = Object.entries(bias ?? {})
  if (entries.length > 1024) throw new ClusterError('invalid_value', 'logit_bias: at most 1024 tokens', { detail: { param: 'logit_bias' } })
  return entries.map(([key, value]): [number, number] => {
    const id = /^\d{1,9}$/.test(key) ? Number(key) : Number.NaN
    if (id < vocabSize) return [id, value]
    throw new ClusterError('invalid_value', `logit_bias: ${JSON.stringify(key.slice(0, 40))} is not a token id below ${vocabSize}`, {
      detail: { param: 'logit_bias' },
    })
  })
}

/** A request without a seed gets a random one, so that two of them differ. */
export function samplingOf(fields: SamplingFields, text: TextModel): Sampling {
  const given = {
    temperature: fields.temperature,
    topP: fields.top_p,
    topK: fields.top_k === -1 ? 0 : fields.top_k,
    minP: fields.min_p,
    presencePenalty: fields.presence_penalty,
    frequencyPenalty: fields.frequency_penalty,
    repetitionPenalty: fields.repetition_penalty,
  }
  const defaults = text.defaultSampling
  return {
    temperature: given.temperature ?? defaults.temperature,
    topP: given.topP ?? defaults.topP,
    topK: given.topK ?? defaults.topK,
    minP: given.minP ?? defaults.minP,
    presencePenalty: given.presencePenalty ?? defaults.presencePenalty,
    frequencyPenalty: given.frequencyPenalty ?? defaults.frequencyPenalty,
    repetitionPenalty: given.repetitionPenalty ?? defaults.repetitionPenalty,
    logitBias: logitBiasOf(fields.logit_bias, text.vocabSize),
    seed: fields.seed === undefined || fields.seed === null ? randomBytes(8).readBigInt64LE().toString() : BigInt(fields.seed).toString(),
  }
}

export const stopsOf = (stop: SamplingFields['stop']): readonly string[] =>
  stop === undefined || stop === null ? [] : typeof stop === 'string' ? [stop] : stop

/** @throws {ClusterError} invalid_value for stream_options without a stream */
export function streamOptionsOf(fields: SamplingFields): {
  readonly includeUsage: boolean
  readonly everyChunk: boolean
  readonly obfuscate: boolean
} {
  const given = fields.stream_options
  if (given && !fields.stream)
    throw new ClusterError('invalid_value', 'stream_options is only for stream: true', { detail: { param: 'stream_options' } })
  return {
    includeUsage: given?.include_usage ?? false,
    everyChunk: given?.continuous_usage_stats ?? false,
    obfuscate: given?.include_obfuscation ?? true,
  }
}
