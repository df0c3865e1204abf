/** POST /api/chat and /api/generate: Ollama's dialect, translated to a job. */
import { z } from 'zod'
import type { TextModel } from '../../core/text/text-model.ts'
import type { ToolTurn } from '../../core/text/tool-turns.ts'
import { ClusterError } from '../../protocol/errors.ts'
import type { ModelId } from '../../protocol/ids.ts'
import type { AnswerWish, PlannedPrompt } from '../jobs/answer-plan.ts'
import type { TextJob } from '../jobs/text-job.ts'
import { isEmptyList, isFalse, never, parseFields, refuseUnsupported, samplingFields, samplingOf } from './openai-fields.ts'
import { choiceOf, functionsOf, toolsSchema } from './tool-fields.ts'

const isEmptyText = (value: unknown): boolean => value === ''
/** What Ollama defines, Ringlet does not do, and would change the answer. */
const UNSUPPORTED = { logprobs: isFalse, top_logprobs: (value: unknown) => value === 0 } as const
const UNSUPPORTED_TO_GENERATE = { ...UNSUPPORTED, template: isEmptyText, context: isEmptyList, suffix: isEmptyText, images: isEmptyList } as const
const UNSUPPORTED_OPTIONS = {
  mirostat: (value: unknown) => value === 0,
  typical_p: (value: unknown) => value === 1,
  tfs_z: (value: unknown) => value === 1,
  num_keep: () => true,
  draft_num_predict: never,
} as const

const optionsSchema = z.looseObject({
  temperature: samplingFields.temperature,
  top_p: samplingFields.top_p,
  top_k: samplingFields.top_k,
  min_p: samplingFields.min_p,
  presence_penalty: samplingFields.presence_penalty,
  frequency_penalty: samplingFields.frequency_penalty,
  repeat_penalty: samplingFields.repetition_penalty,
  seed: samplingFields.seed,
  stop: z.union([z.string().min(1), z.array(z.string().min(1)).max(64)]).nullish(),
  /** Tokens of the answer; -1 and -2 leave it to the context. */
  num_predict: z.number().int().min(-2).nullish(),
  /** Tokens that prompt and answer may have; the ring's own context bounds it. */
  num_ctx: z.number().int().min(1).nullish(),
})
const sharedFields = {
  model: z.unknown().optional(),
  stream: z.boolean().nullish(),
  options: optionsSchema.nullish(),
  keep_alive: z.union([z.number(), z.string()]).nullish(),
  /** `json`, or a JSON schema. */
  format: z.union([z.enum(['json', '']), z.looseObject({})], 'expected "json" or a JSON schema').nullish(),
  think: z.union([z.boolean(), z.enum(['low', 'medium', 'high'])]).nullish(),
} as const
const messageSchema = z.looseObject({
  role: z.enum(['system', 'user', 'assistant', 'tool']),
  content: z.string().nullish(),
  images: z.array(z.unknown()).nullish(),
  thinking: z.string().nullish(),
  tool_name: z.string().nullish(),
  tool_call_id: z.string().nullish(),
  tool_calls: z
    .array(z.looseObject({ id: z.string().nullish(), function: z.looseObject({ name: z.string(), arguments: z.looseObject({}).nullish() }) }))
    .nullish(),
})
export const ollamaChatSchema = z.looseObject({ ...sharedFields, messages: z.array(messageSchema).nullish(), tools: toolsSchema.nullish() })
export const ollamaGenerateSchema = z.looseObject({
  ...sharedFields,
  prompt: z.string().nullish(),
  system: z.string().nullish(),
  raw: z.boolean().nullish(),
})

type Options = z.infer<typeof optionsSchema>
/** `turns` without an element, and an empty `text`, ask for the model to be loaded and nothing else. */
export type OllamaPrompt =
  { readonly type: 'chat'; readonly turns: readonly ToolTurn[]; readonly continueFinal: boolean } | { readonly type: 'text'; readonly text: string }
export type OllamaRequest = {
  readonly endpoint: 'chat' | 'generate'
  readonly model: unknown
  readonly stream: boolean
  readonly prompt: OllamaPrompt
  readonly options: Options
  /** Asked to be given up when idle at once: with an empty prompt the model is unloaded. */
  readonly unloads: boolean
  readonly wish: AnswerWish
  /** Whether to reason; null where the request does not say. */
  readonly thinks: boolean | null
}

/** Ollama's clients add a tag where a person named none. */
const withoutTag = (model: unknown): unknown => (typeof model === 'string' ? model.replace(/:latest$/, '') : model)

const isZero = (keepAlive: number | string | null | undefined): boolean =>
  keepAlive === 0 || (typeof keepAlive === 'string' && /^0[a-z]*$/.test(keepAlive))

function optionsOf(options: Options | null | undefined): Options {
  refuseUnsupported(options ?? {}, UNSUPPORTED_OPTIONS)
  return options ?? {}
}

function turnOf({ role, content, images, thinking, tool_calls, tool_call_id, tool_name }: z.infer<typeof messageSchema>, index: number): ToolTurn {
  const param = `messages[${index}].images`
  if (images && images.length > 0) throw new ClusterError('unsupported_field', `${param}: this server reads text only`, { detail: { param } })
  const calls = (tool_calls ?? []).map(({ id, function: { name, arguments: input } }, at) => ({
    id: id ?? `call${index}x${at}`.padEnd(9, '0').slice(0, 9),
    name,
    arguments: JSON.stringify(input ?? {}),
  }))
  return {
    role,
    content: content ?? '',
    ...(thinking ? { reasoning_content: thinking } : {}),
    ...(calls.length === 0 ? {} : { calls }),
    ...(role === 'tool' ? { callId: tool_call_id ?? tool_name ?? 'call' } : {}),
  }
}

type Shared = Pick<z.infer<typeof ollamaChatSchema>, 'format' | 'think' | 'tools'>
const ANY_OBJECT = { type: 'object' } as const

function wishOf({ format, think, tools }: Shared): Pick<OllamaRequest, 'wish' | 'thinks'> {
  const offered = functionsOf(tools)
  const json = format === 'json' ? ANY_OBJECT : format ? format : null
  return {
    wish: { tools: offered, choice: choiceOf(undefined, offered), parallel: true, json: json === null ? null : { schema: json, param: 'format' } },
    thinks: think === undefined || think === null ? null : think !== false,
  }
}

/** @throws {ClusterError} invalid_value, unsupported_field */
export function parseOllamaChat(body: Readonly<Record<string, unknown>>): OllamaRequest {
  const fields = parseFields(ollamaChatSchema, body)
  const { model, stream, options, keep_alive, messages } = fields
  refuseUnsupported(body, UNSUPPORTED)
  const turns = (messages ?? []).map(turnOf)
  return {
    endpoint: 'chat',
    model: withoutTag(model),
    stream: stream ?? true,
    prompt: { type: 'chat', turns, continueFinal: turns.at(-1)?.role === 'assistant' },
    options: optionsOf(options),
    unloads: isZero(keep_alive),
    ...wishOf(fields),
  }
}

/** @throws {ClusterError} invalid_value, unsupported_field */
export function parseOllamaGenerate(body: Readonly<Record<string, unknown>>): OllamaRequest {
  const fields = parseFields(ollamaGenerateSchema, body)
  const { model, stream, options, keep_alive, prompt, system, raw } = fields
  refuseUnsupported(body, UNSUPPORTED_TO_GENERATE)
  if (raw && system)
    throw new ClusterError('invalid_value', 'system: raw takes the prompt as it is; leave system out', { detail: { param: 'system' } })
  const text = prompt ?? ''
  const opening = system ? [{ role: 'system', content: system }] : []
  const turns = text === '' ? [] : [...opening, { role: 'user', content: text }]
  return {
    endpoint: 'generate',
    model: withoutTag(model),
    stream: stream ?? true,
    prompt: raw ? { type: 'text', text } : { type: 'chat', turns, continueFinal: false },
    options: optionsOf(options),
    unloads: isZero(keep_alive),
    ...wishOf({ format: fields.format, think: fields.think, tools: null }),
  }
}

export const asksForLoading = ({ prompt }: OllamaRequest): boolean => (prompt.type === 'chat' ? prompt.turns.length === 0 : prompt.text === '')

/** @throws {ClusterError} context_length_exceeded when the prompt leaves no room in the request's own `num_ctx` */
export function ollamaJob({ prompt, options }: OllamaRequest, model: ModelId, text: TextModel, { promptIds, ...plan }: PlannedPrompt): TextJob {
  const { num_predict, num_ctx, repeat_penalty, stop, ...sampling } = options
  const room = num_ctx ? num_ctx - promptIds.length : Number.POSITIVE_INFINITY
  if (room < 1)
    throw new ClusterError('context_length_exceeded', `the prompt has ${promptIds.length} tokens and options.num_ctx is ${num_ctx}; raise it`, {
      detail: { promptTokens: promptIds.length, contextLength: num_ctx ?? 0, param: 'options.num_ctx' },
    })
  const asked = num_predict !== undefined && num_predict !== null && num_predict > 0 ? num_predict : Number.POSITIVE_INFINITY
  const most = Math.min(asked, room)
  return {
    model,
    text,
    prompts: [promptIds],
    choicesPerPrompt: 1,
    sampling: samplingOf({ ...sampling, repetition_penalty: repeat_penalty, stop: undefined }, text),
    stops: typeof stop === 'string' ? [stop] : (stop ?? []),
    maxTokens: Number.isFinite(most) ? most : null,
    continuesText: prompt.type === 'text' || prompt.continueFinal,
    topLogprobs: null,
    ...plan,
  }
}
