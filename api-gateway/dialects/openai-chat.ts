/** POST /v1/chat/completions: OpenAI's chat dialect, translated to a job and back. */
import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import type { ChatTurn, TemplateVariables } from '../../core/text/chat-template.ts'
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
import type { TextJob } from '../jobs/text-job.ts'
import type { ModelId } from '../../protocol/ids.ts'

const UNSUPPORTED = {
  ...FOREIGN_FIELDS,
  tools: isEmptyList,
  tool_choice: (value: unknown) => value === 'none',
  functions: isEmptyList,
  function_call: (value: unknown) => value === 'none',
  response_format: (value: unknown) => typeof value === 'object' && value !== null && 'type' in value && value.type === 'text',
  logprobs: isFalse,
  top_logprobs: never,
  modalities: (value: unknown) => JSON.stringify(value) === '["text"]',
  audio: never,
  prediction: never,
  web_search_options: never,
  verbosity: never,
  chat_template: never,
  documents: never,
  echo: isFalse,
  best_of: (value: unknown) => value === 1,
  add_generation_prompt: (value: unknown) => value === true,
  continue_final_message: isFalse,
} as const

const contentSchema = z.union([
  z.string(),
  z.array(z.looseObject({ type: z.string(), text: z.string().optional() }), 'expected text or a list of parts'),
])
const messageSchema = z.looseObject({
  role: z.enum(['system', 'developer', 'user', 'assistant', 'tool', 'function']),
  content: contentSchema.nullish(),
  name: z.string().optional(),
})
type Message = z.infer<typeof messageSchema>
const bodySchema = z.looseObject({
  ...samplingFields,
  model: z.unknown().optional(),
  messages: z.array(messageSchema).min(1),
  max_completion_tokens: z.number().int().min(1).nullish(),
  metadata: z.looseObject({}).nullish(),
  reasoning_effort: z.string().nullish(),
  enable_thinking: z.boolean().nullish(),
  chat_template_kwargs: z.record(z.string(), z.unknown()).nullish(),
})

export type ChatRequest = z.infer<typeof bodySchema> & {
  readonly turns: readonly ChatTurn[]
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

function turnOf(message: Message, index: number): ChatTurn {
  const at = `messages[${index}]`
  for (const field of ['tool_calls', 'function_call', 'audio', 'refusal']) {
    const value = message[field]
    if (value === undefined || value === null || isEmptyList(value)) continue
    throw new ClusterError('unsupported_field', `${at}.${field} is not supported here; leave it out`, { detail: { param: `${at}.${field}` } })
  }
  if (message.role === 'tool' || message.role === 'function') {
    throw new ClusterError('unsupported_field', `${at}.role: results of tools are not supported here`, { detail: { param: `${at}.role` } })
  }
  const isEmpty = message.content === null || message.content === undefined
  if (isEmpty && message.role !== 'assistant')
    throw new ClusterError('invalid_value', `${at}.content: expected text`, { detail: { param: `${at}.content` } })
  return {
    role: message.role === 'developer' ? 'system' : message.role,
    content: textOf(message.content, at),
    ...(message.name === undefined ? {} : { name: message.name }),
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
  const fields = parseFields(bodySchema, body)
  refuseUnsupported(body, UNSUPPORTED)
  const turns = fields.messages.map(turnOf)
  return { ...fields, turns, continueFinal: continuesFinal(turns), streaming: streamOptionsOf(fields) }
}

export function chatJob(request: ChatRequest, model: ModelId, text: TextModel, promptIds: readonly number[]): TextJob {
  return {
    model,
    text,
    prompts: [promptIds],
    choicesPerPrompt: request.n ?? 1,
    sampling: samplingOf(request, text),
    stops: stopsOf(request.stop),
    maxTokens: request.max_completion_tokens ?? request.max_tokens ?? null,
    continuesText: request.continueFinal,
  }
}

export const newChatId = (): string => `chatcmpl-${randomUUID().replaceAll('-', '')}`
