/** POST /v1/messages and /v1/messages/count_tokens: Anthropic's dialect, translated to a job. */
import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import type { ChatTurn } from '../../core/text/chat-template.ts'
import type { TextModel } from '../../core/text/text-model.ts'
import { ClusterError } from '../../protocol/errors.ts'
import type { ModelId } from '../../protocol/ids.ts'
import type { TextJob } from '../jobs/text-job.ts'
import { continuesFinal, isEmptyList, never, parseFields, refuseUnsupported, samplingOf } from './openai-fields.ts'

const isOfType =
  (type: string) =>
  (value: unknown): boolean =>
    typeof value === 'object' && value !== null && 'type' in value && value.type === type

/** What Anthropic defines, Ringlet does not do, and would change the answer. */
const UNSUPPORTED = {
  tools: isEmptyList,
  tool_choice: isOfType('none'),
  thinking: isOfType('disabled'),
  mcp_servers: isEmptyList,
  container: never,
  context_management: never,
  output_format: never,
  output_config: never,
} as const

const blockSchema = z.looseObject({ type: z.string(), text: z.string().optional() })
const textSchema = z.union([z.string(), z.array(blockSchema)], 'expected text or a list of blocks')
const messageSchema = z.looseObject({ role: z.enum(['user', 'assistant']), content: textSchema })
const promptFields = {
  model: z.unknown().optional(),
  messages: z.array(messageSchema).min(1),
  system: textSchema.nullish(),
} as const
const countSchema = z.looseObject(promptFields)
const bodySchema = z.looseObject({
  ...promptFields,
  max_tokens: z.number().int().min(1),
  stop_sequences: z.array(z.string().min(1)).max(64).nullish(),
  stream: z.boolean().nullish(),
  temperature: z.number().min(0).max(1).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  top_k: z.number().int().min(0).nullish(),
})

export type MessagesPrompt = { readonly model: unknown; readonly turns: readonly ChatTurn[]; readonly continueFinal: boolean }
export type MessagesRequest = z.infer<typeof bodySchema> & MessagesPrompt

function textOf(content: z.infer<typeof textSchema>, at: string): string {
  if (typeof content === 'string') return content
  return content
    .map(({ type, text }, index) => {
      const param = `${at}[${index}]`
      if (type === 'text' && text !== undefined) return text
      if (type === 'text') throw new ClusterError('invalid_value', `${param}.text: expected a string`, { detail: { param: `${param}.text` } })
      throw new ClusterError('unsupported_field', `${param}: blocks of type ${JSON.stringify(type.slice(0, 40))} are not supported here`, {
        detail: { param },
      })
    })
    .join('')
}

function promptOf({ model, messages, system }: z.infer<typeof countSchema>): MessagesPrompt {
  const turns = messages.map(({ role, content }, index) => ({ role, content: textOf(content, `messages[${index}].content`) }))
  const opening = system === null || system === undefined ? [] : [{ role: 'system', content: textOf(system, 'system') }]
  return { model, turns: [...opening, ...turns], continueFinal: continuesFinal(turns) }
}

/** @throws {ClusterError} invalid_value, unsupported_field */
export function parseMessagesRequest(body: Readonly<Record<string, unknown>>): MessagesRequest {
  const fields = parseFields(bodySchema, body)
  refuseUnsupported(body, UNSUPPORTED)
  return { ...fields, ...promptOf(fields) }
}

/** The same without what only generating needs. @throws {ClusterError} invalid_value, unsupported_field */
export function parseCountRequest(body: Readonly<Record<string, unknown>>): MessagesPrompt {
  const fields = parseFields(countSchema, body)
  refuseUnsupported(body, UNSUPPORTED)
  return promptOf(fields)
}

export function messagesJob(request: MessagesRequest, model: ModelId, text: TextModel, promptIds: readonly number[]): TextJob {
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
  }
}

export const newMessageId = (): string => `msg_${randomUUID().replaceAll('-', '')}`
