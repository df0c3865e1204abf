/** Tools and formats of answers as OpenAI's dialects write them. */
import { z } from 'zod'
import { REASONING } from '../../core/constrain/answer-reader.ts'
import type { TemplateVariables } from '../../core/text/chat-template.ts'
import type { TextModel } from '../../core/text/text-model.ts'
import { ClusterError } from '../../protocol/errors.ts'
import type { AnswerWish, ToolChoice } from '../jobs/answer-plan.ts'

const MAX_TOOLS = 128
const nameSchema = z.string().regex(/^[\w.:/-]{1,128}$/u, 'expected a name of letters, digits, _ and -')
export const functionSchema = z.looseObject({
  name: nameSchema,
  description: z.string().nullish(),
  parameters: z.looseObject({}).nullish(),
  strict: z.boolean().nullish(),
})
export const toolsSchema = z.array(z.looseObject({ type: z.string(), function: functionSchema.optional() })).max(MAX_TOOLS)
export const formatSchema = z.looseObject({ type: z.string() })

type Offered = AnswerWish['tools'][number]

const refused = (code: 'invalid_value' | 'unsupported_field', param: string, why: string): ClusterError =>
  new ClusterError(code, `${param}: ${why}`, { detail: { param } })

/** @param param where the schema stands, for errors */
export const offeredTool = ({ name, description, parameters }: z.infer<typeof functionSchema>, param: string): Offered => ({
  name,
  description: description ?? null,
  parameters: { type: 'object', ...(parameters ?? { properties: {}, additionalProperties: false }) },
  param,
})

/** @throws {ClusterError} invalid_value, unsupported_field */
export function checkedTools(tools: readonly Offered[]): readonly Offered[] {
  const twice = tools.find(({ name }, at) => tools.findIndex((other) => other.name === name) !== at)
  if (twice) throw refused('invalid_value', 'tools', `${JSON.stringify(twice.name)} is there twice`)
  return tools
}

/** @throws {ClusterError} invalid_value, unsupported_field */
export function functionsOf(tools: z.infer<typeof toolsSchema> | null | undefined): readonly Offered[] {
  const all = (tools ?? []).map(({ type, function: given }, at) => {
    if (type !== 'function')
      throw refused('unsupported_field', `tools[${at}].type`, `tools of type ${JSON.stringify(type.slice(0, 40))} do not run here`)
    if (!given) throw refused('invalid_value', `tools[${at}].function`, 'expected a function')
    return offeredTool(given, `tools[${at}].function.parameters`)
  })
  return checkedTools(all)
}

const namedSchema = z.union([
  z.looseObject({ function: z.looseObject({ name: z.string() }) }).transform(({ function: { name } }) => name),
  z.looseObject({ name: z.string() }).transform(({ name }) => name),
])

/** @throws {ClusterError} invalid_value */
export function choiceOf(value: unknown, tools: readonly Offered[], param = 'tool_choice'): ToolChoice {
  if (value === undefined || value === null) return tools.length === 0 ? { type: 'none' } : { type: 'auto' }
  if (value === 'none') return { type: 'none' }
  if (tools.length === 0) {
    if (value === 'auto') return { type: 'none' }
    throw refused('invalid_value', param, 'there are no tools to choose from')
  }
  if (value === 'auto') return { type: 'auto' }
  if (value === 'required') return { type: 'required' }
  const named = namedSchema.safeParse(value)
  if (!named.success) throw refused('invalid_value', param, 'expected none, auto, required, or the name of a function')
  if (!tools.some(({ name }) => name === named.data))
    throw refused('invalid_value', param, `${JSON.stringify(named.data.slice(0, 100))} is not in tools`)
  return { type: 'named', name: named.data }
}

const ANY_OBJECT = { type: 'object' } as const
const NAMED_SCHEMA = z.looseObject({ name: z.string().min(1).max(64), schema: z.looseObject({}), strict: z.boolean().nullish() })

/**
 * @param format `text`, `json_object`, or `json_schema`, whose schema stands beside the type or under `json_schema`
 * @throws {ClusterError} invalid_value, unsupported_field
 */
export function jsonRuleOf(format: z.infer<typeof formatSchema> | null | undefined, param: string, nested: boolean): AnswerWish['json'] {
  const type = format?.type ?? 'text'
  if (type === 'text') return null
  if (type === 'json_object') return { schema: ANY_OBJECT, param }
  if (type !== 'json_schema') throw refused('invalid_value', `${param}.type`, 'expected text, json_object or json_schema')
  const at = nested ? `${param}.json_schema` : param
  const given = NAMED_SCHEMA.safeParse(nested ? format?.['json_schema'] : format)
  if (given.success) return { schema: given.data.schema, param: `${at}.schema` }
  const [issue] = given.error.issues
  throw refused('invalid_value', [at, ...(issue?.path ?? [])].join('.'), issue?.message ?? 'expected a name and a schema')
}

/**
 * A request's wish to reason, as the switch that templates of such models read.
 * @param wanted null where the request does not say
 * @throws {ClusterError} unsupported_field where reasoning is asked of a model that has none
 */
export function thinkingSwitch(wanted: boolean | null, text: TextModel, param: string): TemplateVariables {
  if (wanted === null) return {}
  if (text.readsVariable('enable_thinking')) return { enable_thinking: wanted }
  if (wanted && !text.chatTemplate?.includes(REASONING.open)) throw refused('unsupported_field', param, 'this model does not reason; leave it out')
  return {}
}
