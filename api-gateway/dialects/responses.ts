/** POST /v1/responses: OpenAI's Responses dialect, translated to a job. */
import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import type { ChatTurn } from '../../core/text/chat-template.ts'
import type { TextModel } from '../../core/text/text-model.ts'
import { ClusterError } from '../../protocol/errors.ts'
import type { ModelId } from '../../protocol/ids.ts'
import type { TextJob } from '../jobs/text-job.ts'
import { isEmptyList, isFalse, never, parseFields, refuseUnsupported, samplingFields, samplingOf } from './openai-fields.ts'

const hasOnly =
  (name: string, values: readonly unknown[]) =>
  (value: unknown): boolean =>
    typeof value === 'object' &&
    value !== null &&
    Object.entries(value).every(([key, inner]) => inner === null || (key === name && values.includes(inner)))

/** What OpenAI defines, Ringlet does not do, and would change the answer. */
const UNSUPPORTED = {
  tools: isEmptyList,
  tool_choice: (value: unknown) => value === 'none' || value === 'auto',
  reasoning: hasOnly('effort', []),
  background: isFalse,
  conversation: never,
  prompt: never,
  truncation: (value: unknown) => value === 'disabled',
  top_logprobs: (value: unknown) => value === 0,
  include: isEmptyList,
  max_tool_calls: () => true,
} as const

const partSchema = z.looseObject({ type: z.string(), text: z.string().optional() })
const itemSchema = z.looseObject({
  type: z.string().optional(),
  role: z.enum(['system', 'developer', 'user', 'assistant']).optional(),
  content: z.union([z.string(), z.array(partSchema)], 'expected text or a list of parts').optional(),
})
const bodySchema = z.looseObject({
  model: z.unknown().optional(),
  input: z.union([z.string().min(1), z.array(itemSchema).min(1)], 'expected a text or a list of items, not empty'),
  instructions: z.string().nullish(),
  max_output_tokens: z.number().int().min(1).nullish(),
  temperature: samplingFields.temperature,
  top_p: samplingFields.top_p,
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({}).nullish(),
  store: z.boolean().nullish(),
  previous_response_id: z.string().max(100).nullish(),
  metadata: z.record(z.string(), z.string()).nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  text: z.looseObject({ format: z.looseObject({ type: z.string() }).nullish() }).nullish(),
  user: z.string().nullish(),
})
export type ResponsesRequest = z.infer<typeof bodySchema> & {
  /** Of this request alone: what came before, and instructions, are not among them. */
  readonly turns: readonly ChatTurn[]
}

const PART_TYPES = ['input_text', 'output_text', 'text']

const unsupported = (param: string, why: string): ClusterError => new ClusterError('unsupported_field', `${param}: ${why}`, { detail: { param } })

function textOf(content: z.infer<typeof itemSchema>['content'], at: string): string {
  if (typeof content === 'string') return content
  if (!content) throw new ClusterError('invalid_value', `${at}: expected text or a list of parts`, { detail: { param: at } })
  return content
    .map(({ type, text }, index) => {
      const param = `${at}[${index}]`
      if (!PART_TYPES.includes(type))
        throw unsupported(param, `parts of type ${JSON.stringify(type.slice(0, 40))} are out of scope; this server reads text only`)
      if (text !== undefined) return text
      throw new ClusterError('invalid_value', `${param}.text: expected a string`, { detail: { param: `${param}.text` } })
    })
    .join('')
}

function turnOf(item: z.infer<typeof itemSchema>, index: number): ChatTurn {
  const at = `input[${index}]`
  if ((item.type ?? 'message') !== 'message')
    throw unsupported(`${at}.type`, `items of type ${JSON.stringify(item.type?.slice(0, 40))} are not supported here`)
  if (!item.role)
    throw new ClusterError('invalid_value', `${at}.role: expected system, developer, user or assistant`, { detail: { param: `${at}.role` } })
  return { role: item.role === 'developer' ? 'system' : item.role, content: textOf(item.content, `${at}.content`) }
}

/** @throws {ClusterError} invalid_value, unsupported_field */
export function parseResponsesRequest(body: Readonly<Record<string, unknown>>): ResponsesRequest {
  const fields = parseFields(bodySchema, body)
  refuseUnsupported(body, UNSUPPORTED)
  const format = fields.text?.format?.type ?? 'text'
  if (format !== 'text')
    throw unsupported('text.format', `a format of type ${JSON.stringify(format.slice(0, 40))} is not supported here; leave it out`)
  const turns = typeof fields.input === 'string' ? [{ role: 'user', content: fields.input }] : fields.input.map(turnOf)
  return { ...fields, turns }
}

/** @param turns of the whole conversation, instructions first */
export function responsesJob(request: ResponsesRequest, model: ModelId, text: TextModel, promptIds: readonly number[]): TextJob {
  const { temperature, top_p } = request
  return {
    model,
    text,
    prompts: [promptIds],
    choicesPerPrompt: 1,
    sampling: samplingOf({ temperature, top_p }, text),
    stops: [],
    maxTokens: request.max_output_tokens ?? null,
    continuesText: false,
  }
}

export const newResponseId = (): string => `resp_${randomUUID().replaceAll('-', '')}`
