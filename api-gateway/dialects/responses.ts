/** POST /v1/responses: OpenAI's Responses dialect, translated to a job. */
import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import type { TemplateVariables } from '../../core/text/chat-template.ts'
import type { TextModel } from '../../core/text/text-model.ts'
import type { ToolTurn } from '../../core/text/tool-turns.ts'
import { ClusterError } from '../../protocol/errors.ts'
import type { ModelId } from '../../protocol/ids.ts'
import type { AnswerWish, PlannedPrompt } from '../jobs/answer-plan.ts'
import type { TextJob } from '../jobs/text-job.ts'
import { isFalse, never, parseFields, refuseUnsupported, samplingFields, samplingOf } from './openai-fields.ts'
import { checkedTools, choiceOf, formatSchema, functionSchema, jsonRuleOf, offeredTool, thinkingSwitch } from './tool-fields.ts'

/** What OpenAI defines, Ringlet does not do, and would change the answer. */
const UNSUPPORTED = {
  background: isFalse,
  conversation: never,
  prompt: never,
  truncation: (value: unknown) => value === 'disabled',
  max_tool_calls: never,
} as const
/** Parts of an answer that a request may ask for: one that is given, and one that costs nothing, since reasoning is not hidden here. */
const LOGPROBS = 'message.output_text.logprobs'
const INCLUDES = [LOGPROBS, 'reasoning.encrypted_content']

const partSchema = z.looseObject({ type: z.string(), text: z.string().optional() })
const itemSchema = z.looseObject({
  type: z.string().optional(),
  role: z.enum(['system', 'developer', 'user', 'assistant']).optional(),
  content: z.union([z.string(), z.array(partSchema)], 'expected text or a list of parts').nullish(),
  call_id: z.string().optional(),
  name: z.string().optional(),
  arguments: z.string().optional(),
  output: z.union([z.string(), z.array(partSchema)]).optional(),
})
export const responsesBodySchema = z.looseObject({
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
  text: z.looseObject({ format: formatSchema.nullish() }).nullish(),
  tools: z
    .array(z.looseObject({ ...functionSchema.partial({ name: true }).shape, type: z.string() }))
    .max(128)
    .nullish(),
  tool_choice: z.unknown().optional(),
  reasoning: z.looseObject({ effort: z.string().nullish() }).nullish(),
  include: z.array(z.string()).nullish(),
  top_logprobs: z.number().int().min(0).max(20).nullish(),
  user: z.string().nullish(),
  safety_identifier: z.string().nullish(),
  prompt_cache_key: z.string().nullish(),
  service_tier: z.string().nullish(),
})
export type ResponsesRequest = z.infer<typeof responsesBodySchema> & {
  /** Of this request alone: what came before, and instructions, are not among them. */
  readonly turns: readonly ToolTurn[]
  readonly wish: AnswerWish
}

const PART_TYPES = ['input_text', 'output_text', 'text']

const unsupported = (param: string, why: string): ClusterError => new ClusterError('unsupported_field', `${param}: ${why}`, { detail: { param } })

function textOf(content: string | readonly z.infer<typeof partSchema>[] | undefined, at: string): string {
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

type Item = z.infer<typeof itemSchema>
const expected = (param: string, what: string): ClusterError => new ClusterError('invalid_value', `${param}: expected ${what}`, { detail: { param } })

function callOf({ call_id: id, name, arguments: text }: Item, at: string): ToolTurn {
  if (id === undefined || name === undefined || text === undefined) throw expected(at, 'call_id, name and arguments')
  return { role: 'assistant', content: '', calls: [{ id, name, arguments: text }] }
}

function turnOf(item: Item, index: number): ToolTurn | null {
  const at = `input[${index}]`
  switch (item.type ?? 'message') {
    case 'message':
      if (!item.role) throw expected(`${at}.role`, 'system, developer, user or assistant')
      return { role: item.role === 'developer' ? 'system' : item.role, content: textOf(item.content ?? undefined, `${at}.content`) }
    case 'function_call':
      return callOf(item, at)
    case 'function_call_output':
      if (item.call_id === undefined) throw expected(`${at}.call_id`, 'the id of the call')
      return { role: 'tool', callId: item.call_id, content: textOf(item.output, `${at}.output`) }
    case 'reasoning':
      return null
    default:
      throw unsupported(`${at}.type`, `items of type ${JSON.stringify(item.type?.slice(0, 40))} are not supported here`)
  }
}

/** Calls of one answer come as items of their own; templates want them in one turn. */
function joined(turns: readonly ToolTurn[]): readonly ToolTurn[] {
  const all: ToolTurn[] = []
  for (const turn of turns) {
    const last = all.at(-1)
    const isMore = last?.role === 'assistant' && turn.role === 'assistant' && turn.calls !== undefined
    if (isMore) all[all.length - 1] = { ...last, calls: [...(last.calls ?? []), ...(turn.calls ?? [])] }
    else all.push(turn)
  }
  return all
}

function wishOf(fields: z.infer<typeof responsesBodySchema>): AnswerWish {
  const tools = (fields.tools ?? []).map(({ type, name, description, parameters }, at) => {
    if (type !== 'function') throw unsupported(`tools[${at}].type`, `tools of type ${JSON.stringify(type.slice(0, 40))} do not run here`)
    if (name === undefined) throw expected(`tools[${at}].name`, 'a name')
    return offeredTool({ name, description, parameters }, `tools[${at}].parameters`)
  })
  return {
    tools: checkedTools(tools),
    choice: choiceOf(fields.tool_choice, tools),
    parallel: fields.parallel_tool_calls ?? true,
    json: jsonRuleOf(fields.text?.format, 'text.format', false),
  }
}

/** @throws {ClusterError} invalid_value, unsupported_field */
export function parseResponsesRequest(body: Readonly<Record<string, unknown>>): ResponsesRequest {
  const fields = parseFields(responsesBodySchema, body)
  refuseUnsupported(body, UNSUPPORTED)
  const foreign = fields.include?.find((name) => !INCLUDES.includes(name))
  if (foreign !== undefined) throw unsupported('include', `${JSON.stringify(foreign.slice(0, 60))} is not given here; leave it out`)
  const turns = typeof fields.input === 'string' ? [{ role: 'user', content: fields.input }] : fields.input.map(turnOf)
  return { ...fields, turns: joined(turns.filter((turn) => turn !== null)), wish: wishOf(fields) }
}

/** The switch of the model's template. @throws {ClusterError} unsupported_field where it has none */
export function reasoningVariables({ reasoning }: ResponsesRequest, text: TextModel): TemplateVariables {
  const effort = reasoning?.effort
  if (effort === undefined || effort === null) return {}
  if (text.readsVariable('reasoning_effort')) return { reasoning_effort: effort }
  return thinkingSwitch(effort !== 'none', text, 'reasoning.effort')
}

/** @param planned of the whole conversation, instructions first */
export function responsesJob(request: ResponsesRequest, model: ModelId, text: TextModel, { promptIds, ...plan }: PlannedPrompt): TextJob {
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
    topLogprobs: request.include?.includes(LOGPROBS) ? (request.top_logprobs ?? 0) : null,
    ...plan,
  }
}

export const newResponseId = (): string => `resp_${randomUUID().replaceAll('-', '')}`
