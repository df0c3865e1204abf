/** POST /v1/chat/completions: OpenAI's chat dialect, translated to a job and back. */
import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import type { TemplateVariables } from '../../core/text/chat-template.ts'
import type { TextModel } from '../../core/text/text-model.ts'
import { ClusterError } from '../../protocol/errors.ts'
import {
  continuesFinal,
  FOREIGN_FIELDS,
  isEmptyList,
  isFalse,
  never,
  parseFields,
  refuseUnsupported,
  samplingFields,
  samplingOf,
  stopsOf,
  streamOptionsOf,
} from './openai-fields.ts'
import type { ToolTurn } from '../../core/text/tool-turns.ts'
import type { AnswerWish, PlannedPrompt } from '../jobs/answer-plan.ts'
import type { TextJob } from '../jobs/text-job.ts'
import { choiceOf, formatSchema, functionsOf, jsonRuleOf, toolsSchema } from './tool-fields.ts'
import type { ModelId } from '../../protocol/ids.ts'

const UNSUPPORTED = {
  ...FOREIGN_FIELDS,
  functions: isEmptyList,
  function_call: (value: unknown) => value === 'none',
  modalities: (value: unknown) => JSON.stringify(value) === '["text"]',
  audio: never,
  prediction: never,
  web_search_options: never,
  verbosity: never,
  chat_template: never,
  documents: never,
  echo: isFalse,
  best_of: (value: unknown) => value === 1,
  timings_per_token: () => true,
  return_progress: () => true,
  add_generation_prompt: (value: unknown) => value === true,
  continue_final_message: isFalse,
} as const

const contentSchema = z.union([
  z.string(),
  z.array(z.looseObject({ type: z.string(), text: z.string().optional() }), 'expected text or a list of parts'),
])
const callSchema = z.looseObject({ id: z.string(), function: z.looseObject({ name: z.string(), arguments: z.string() }) })
const messageSchema = z.looseObject({
  role: z.enum(['system', 'developer', 'user', 'assistant', 'tool', 'function']),
  content: contentSchema.nullish(),
  name: z.string().optional(),
  tool_call_id: z.string().nullish(),
  tool_calls: z.array(callSchema).nullish(),
  reasoning_content: z.string().nullish(),
})
type Message = z.infer<typeof messageSchema>
export const chatBodySchema = z.looseObject({
  ...samplingFields,
  model: z.unknown().optional(),
  messages: z.array(messageSchema).min(1),
  max_completion_tokens: z.number().int().min(1).nullish(),
  metadata: z.looseObject({}).nullish(),
  reasoning_effort: z.string().nullish(),
  enable_thinking: z.boolean().nullish(),
  /** Of llama.cpp's server: speeds with every chunk, and how far the prompt is. */
  timings_per_token: z.boolean().nullish(),
  return_progress: z.boolean().nullish(),
  tools: toolsSchema.nullish(),
  tool_choice: z.unknown().optional(),
  parallel_tool_calls: z.boolean().nullish(),
  response_format: formatSchema.nullish(),
  logprobs: z.boolean().nullish(),
  top_logprobs: z.number().int().min(0).max(20).nullish(),
  chat_template_kwargs: z.record(z.string(), z.unknown()).nullish(),
})

export type ChatRequest = z.infer<typeof chatBodySchema> & {
  readonly turns: readonly ToolTurn[]
  readonly wish: AnswerWish
  readonly continueFinal: boolean
  readonly streaming: ReturnType<typeof streamOptionsOf>
}

function textOf(content: Message['content'], at: string): string {
  if (content === null || content === undefined) return ''
  if (typeof content === 'string') return content
  return content
    .map((part, index) => {
      if (part.type === 'text' && part.text !== undefined) return part.text
      const param = `${at}.content[${index}]`
      if (part.type === 'text') throw new ClusterError('invalid_value', `${param}.text: expected a string`, { detail: { param: `${param}.text` } })
      throw new ClusterError(
        'unsupported_field',
        `${param}: parts of type ${JSON.stringify(part.type.slice(0, 40))} are out of scope; this server reads text only`,
        { detail: { param } },
      )
    })
    .join('')
}

function turnOf(message: Message, index: number): ToolTurn {
  const at = `messages[${index}]`
  for (const field of ['function_call', 'audio', 'refusal']) {
    const value = message[field]
    if (value === undefined || value === null || isEmptyList(value)) continue
    throw new ClusterError('unsupported_field', `${at}.${field} is not supported here; leave it out`, { detail: { param: `${at}.${field}` } })
  }
  if (message.role === 'function')
    throw new ClusterError('unsupported_field', `${at}.role: results of tools have the role tool here`, { detail: { param: `${at}.role` } })
  if (message.role === 'tool' && !message.tool_call_id)
    throw new ClusterError('invalid_value', `${at}.tool_call_id: expected the id of the call`, { detail: { param: `${at}.tool_call_id` } })
  const isEmpty = message.content === null || message.content === undefined
  if (isEmpty && message.role !== 'assistant')
    throw new ClusterError('invalid_value', `${at}.content: expected text`, { detail: { param: `${at}.content` } })
  return {
    role: message.role === 'developer' ? 'system' : message.role,
    content: textOf(message.content, at),
    ...(message.name === undefined ? {} : { name: message.name }),
    ...(message.tool_call_id ? { callId: message.tool_call_id } : {}),
    ...(message.reasoning_content ? { reasoning_content: message.reasoning_content } : {}),
    ...(message.tool_calls
      ? { calls: message.tool_calls.map(({ id, function: { name, arguments: text } }) => ({ id, name, arguments: text })) }
      : {}),
  }
}

/** What the request itself says by other fields. */
const RESERVED: ReadonlySet<string> = new Set(['messages', 'tools', 'documents', 'add_generation_prompt'])

/**
 * Switches for the model's chat template.
 * @throws {ClusterError} unsupported_field for one that the template never reads: it would change nothing
 */
export function templateVariables(request: ChatRequest, text: TextModel): TemplateVariables {
  const { reasoning_effort, enable_thinking, chat_template_kwargs } = request
  const named = Object.entries({ reasoning_effort, enable_thinking }).map(([name, value]) => ({ param: name, name, value }))
  const others = Object.entries(chat_template_kwargs ?? {}).map(([name, value]) => ({ param: `chat_template_kwargs.${name}`, name, value }))
  const given = [...named, ...others].filter(({ value }) => value !== undefined && value !== null)
  for (const { param, name } of given) {
    if (RESERVED.has(name)) throw new ClusterError('invalid_value', `${param}: is not for chat_template_kwargs`, { detail: { param } })
    if (text.readsVariable(name)) continue
    throw new ClusterError('unsupported_field', `${param}: this model's chat template has no such switch; leave it out`, { detail: { param } })
  }
  return Object.fromEntries(given.map(({ name, value }) => [name, value]))
}

/** @throws {ClusterError} invalid_value, unsupported_field */
export function parseChatRequest(body: Readonly<Record<string, unknown>>): ChatRequest {
  const fields = parseFields(chatBodySchema, body)
  refuseUnsupported(body, UNSUPPORTED)
  const turns = fields.messages.map(turnOf)
  if (fields.top_logprobs && !fields.logprobs)
    throw new ClusterError('invalid_value', 'top_logprobs is only for logprobs: true', { detail: { param: 'top_logprobs' } })
  const tools = functionsOf(fields.tools)
  const wish = {
    tools,
    choice: choiceOf(fields.tool_choice, tools),
    parallel: fields.parallel_tool_calls ?? true,
    json: jsonRuleOf(fields.response_format, 'response_format', true),
  }
  return { ...fields, turns, wish, continueFinal: continuesFinal(turns), streaming: streamOptionsOf(fields) }
}

export function chatJob(request: ChatRequest, model: ModelId, text: TextModel, { promptIds, ...plan }: PlannedPrompt): TextJob {
  return {
    model,
    text,
    prompts: [promptIds],
    choicesPerPrompt: request.n ?? 1,
    sampling: samplingOf(request, text),
    stops: stopsOf(request.stop),
    maxTokens: request.max_completion_tokens ?? request.max_tokens ?? null,
    continuesText: request.continueFinal,
    topLogprobs: request.logprobs ? (request.top_logprobs ?? 0) : null,
    ...plan,
  }
}

export const newChatId = (): string => `chatcmpl-${randomUUID().replaceAll('-', '')}`
