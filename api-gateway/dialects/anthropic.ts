/** POST /v1/messages and /v1/messages/count_tokens: Anthropic's dialect, translated to a job. */
import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import type { TemplateVariables } from '../../core/text/chat-template.ts'
import type { TextModel } from '../../core/text/text-model.ts'
import type { PastCall, ToolTurn } from '../../core/text/tool-turns.ts'
import { ClusterError } from '../../protocol/errors.ts'
import type { ModelId } from '../../protocol/ids.ts'
import type { AnswerWish, PlannedPrompt } from '../jobs/answer-plan.ts'
import type { TextJob } from '../jobs/text-job.ts'
import { continuesFinal, isEmptyList, never, parseFields, refuseUnsupported, samplingOf } from './openai-fields.ts'
import { checkedTools, choiceOf, formatSchema, functionSchema, jsonRuleOf, offeredTool, thinkingSwitch } from './tool-fields.ts'

/** What Anthropic defines, Ringlet does not do, and would change the answer. */
const UNSUPPORTED = {
  mcp_servers: isEmptyList,
  container: never,
  context_management: never,
} as const

const textBlock = z.looseObject({ type: z.string(), text: z.string().optional() })
const blockSchema = z.looseObject({
  type: z.string(),
  text: z.string().optional(),
  thinking: z.string().optional(),
  id: z.string().optional(),
  name: z.string().optional(),
  input: z.looseObject({}).optional(),
  tool_use_id: z.string().optional(),
  content: z.union([z.string(), z.array(textBlock)]).nullish(),
  is_error: z.boolean().nullish(),
})
type Block = z.infer<typeof blockSchema>
const textSchema = z.union([z.string(), z.array(blockSchema)], 'expected text or a list of blocks')
const messageSchema = z.looseObject({ role: z.enum(['user', 'assistant']), content: textSchema })
const toolSchema = z.looseObject({
  type: z.string().nullish(),
  name: functionSchema.shape.name,
  description: z.string().nullish(),
  input_schema: z.looseObject({}).nullish(),
})
const promptFields = {
  model: z.unknown().optional(),
  messages: z.array(messageSchema).min(1),
  system: textSchema.nullish(),
  tools: z.array(toolSchema).max(128).nullish(),
  tool_choice: z
    .looseObject({ type: z.enum(['auto', 'any', 'tool', 'none']), name: z.string().nullish(), disable_parallel_tool_use: z.boolean().nullish() })
    .nullish(),
  thinking: z.looseObject({ type: z.enum(['enabled', 'disabled', 'adaptive']) }).nullish(),
  output_format: formatSchema.nullish(),
  output_config: z.looseObject({ format: formatSchema.nullish() }).nullish(),
} as const
export const countBodySchema = z.looseObject(promptFields)
export const messagesBodySchema = z.looseObject({
  ...promptFields,
  max_tokens: z.number().int().min(1),
  stop_sequences: z.array(z.string().min(1)).max(64).nullish(),
  stream: z.boolean().nullish(),
  temperature: z.number().min(0).max(1).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  top_k: z.number().int().min(0).nullish(),
})

export type MessagesPrompt = {
  readonly model: unknown
  readonly turns: readonly ToolTurn[]
  readonly continueFinal: boolean
  readonly wish: AnswerWish
  /** Whether the request asks for reasoning; null where it does not say. */
  readonly thinks: boolean | null
}
export type MessagesRequest = z.infer<typeof messagesBodySchema> & MessagesPrompt

const refused = (code: 'invalid_value' | 'unsupported_field', param: string, why: string): ClusterError =>
  new ClusterError(code, `${param}: ${why}`, { detail: { param } })

function textOf(content: string | readonly z.infer<typeof textBlock>[], at: string): string {
  if (typeof content === 'string') return content
  return content
    .map(({ type, text }, index) => {
      const param = `${at}[${index}]`
      if (type === 'text' && text !== undefined) return text
      if (type === 'text') throw refused('invalid_value', `${param}.text`, 'expected a string')
      throw refused('unsupported_field', param, `blocks of type ${JSON.stringify(type.slice(0, 40))} are not supported here`)
    })
    .join('')
}

function callOf({ id, name, input }: Block, at: string): PastCall {
  if (id === undefined || name === undefined) throw refused('invalid_value', at, 'a tool_use block has an id and a name')
  return { id, name, arguments: JSON.stringify(input ?? {}) }
}
function resultOf({ tool_use_id, content, is_error }: Block, at: string): ToolTurn {
  if (tool_use_id === undefined) throw refused('invalid_value', `${at}.tool_use_id`, 'expected the id of the call')
  const text = textOf(content ?? '', `${at}.content`)
  return { role: 'tool', callId: tool_use_id, content: is_error ? `Error: ${text}` : text }
}

/** A message of blocks is several turns: results of tools come first, then what is said. */
function turnsOf({ role, content }: z.infer<typeof messageSchema>, message: number): readonly ToolTurn[] {
  const at = `messages[${message}].content`
  if (typeof content === 'string') return [{ role, content }]
  const numbered = content.map((block, index) => ({ block, at: `${at}[${index}]` }))
  const ofType = (type: string, by: string): typeof numbered => numbered.filter(({ block }) => role === by && block.type === type)
  const [results, calls] = [ofType('tool_result', 'user'), ofType('tool_use', 'assistant')]
  const thoughts = numbered.filter(({ block: { type } }) => role === 'assistant' && (type === 'thinking' || type === 'redacted_thinking'))
  const rest = numbered.filter((one) => ![...results, ...calls, ...thoughts].includes(one))
  const text = rest.map(({ block, at: place }) => textOf([block], place.replace(/\[\d+\]$/, ''))).join('')
  const reasoning = thoughts.map(({ block }) => block.thinking ?? '').join('')
  const said = {
    role,
    content: text,
    ...(reasoning === '' ? {} : { reasoning_content: reasoning }),
    ...(calls.length === 0 ? {} : { calls: calls.map(({ block, at: place }) => callOf(block, place)) }),
  }
  const isSilent = results.length > 0 && rest.length === 0
  return [...results.map(({ block, at: place }) => resultOf(block, place)), ...(isSilent ? [] : [said])]
}

function wishOf({ tools, tool_choice, output_format, output_config }: z.infer<typeof countBodySchema>): AnswerWish {
  const offered = (tools ?? []).map(({ type, name, description, input_schema }, at) => {
    if (type !== undefined && type !== null && type !== 'custom')
      throw refused('unsupported_field', `tools[${at}].type`, `tools of type ${JSON.stringify(type.slice(0, 40))} do not run here`)
    return offeredTool({ name, description, parameters: input_schema ?? null }, `tools[${at}].input_schema`)
  })
  const named = { auto: 'auto', any: 'required', none: 'none', tool: { name: tool_choice?.name ?? '' } } as const
  const format = output_config?.format ?? output_format
  return {
    tools: checkedTools(offered),
    choice: choiceOf(tool_choice ? named[tool_choice.type] : undefined, offered),
    parallel: !(tool_choice?.disable_parallel_tool_use ?? false),
    // Schemas have no names in this dialect.
    json: jsonRuleOf(format ? { name: 'answer', ...format } : null, output_config?.format ? 'output_config.format' : 'output_format', false),
  }
}

function promptOf(fields: z.infer<typeof countBodySchema>): MessagesPrompt {
  const { model, messages, system, thinking } = fields
  const turns = messages.flatMap(turnsOf)
  const opening = system === null || system === undefined ? [] : [{ role: 'system', content: textOf(system, 'system') }]
  const thinks = thinking ? thinking.type !== 'disabled' : null
  return { model, turns: [...opening, ...turns], continueFinal: continuesFinal(turns), wish: wishOf(fields), thinks }
}

/** @throws {ClusterError} invalid_value, unsupported_field */
export function parseMessagesRequest(body: Readonly<Record<string, unknown>>): MessagesRequest {
  const fields = parseFields(messagesBodySchema, body)
  refuseUnsupported(body, UNSUPPORTED)
  return { ...fields, ...promptOf(fields) }
}

/** The same without what only generating needs. @throws {ClusterError} invalid_value, unsupported_field */
export function parseCountRequest(body: Readonly<Record<string, unknown>>): MessagesPrompt {
  const fields = parseFields(countBodySchema, body)
  refuseUnsupported(body, UNSUPPORTED)
  return promptOf(fields)
}

/** @throws {ClusterError} unsupported_field for reasoning that the model has no switch for */
export function thinkingVariables({ thinks }: MessagesPrompt, text: TextModel): TemplateVariables {
  return thinkingSwitch(thinks, text, 'thinking')
}

export function messagesJob(request: MessagesRequest, model: ModelId, text: TextModel, { promptIds, ...plan }: PlannedPrompt): TextJob {
  const { temperature, top_p, top_k } = request
  return {
    model,
    text,
    prompts: [promptIds],
    choicesPerPrompt: 1,
    sampling: samplingOf({ temperature, top_p, top_k }, text),
    stops: request.stop_sequences ?? [],
    maxTokens: request.max_tokens,
    continuesText: request.continueFinal,
    topLogprobs: null,
    ...plan,
  }
}

export const newMessageId = (): string => `msg_${randomUUID().replaceAll('-', '')}`
