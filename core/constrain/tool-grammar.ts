/** Grammars of whole answers: JSON, calls of tools, or either. */
import type { Grammar } from '../../protocol/grammar.ts'
import { decideThen, signsOf } from './decisions.ts'
import { literal } from './ebnf.ts'
import { createSchemaGrammar, type SchemaGrammar } from './json-schema.ts'
import type { ToolFormat } from './tool-format.ts'

/** A function that the model may call. */
export type Tool = {
  readonly name: string
  /** JSON schema of the arguments, an object. */
  readonly parameters: unknown
  /** What errors call the schema. */
  readonly param: string
}
export type JsonRule = { readonly schema: unknown; readonly param: string }

export type CallRules = {
  readonly tools: readonly Tool[]
  readonly format: ToolFormat
  /** `auto`: the answer may be text, with calls behind it. `required`: it is calls and nothing else. */
  readonly mode: 'auto' | 'required'
  readonly parallel: boolean
}

export type AnswerRules = {
  readonly calls: CallRules | null
  readonly json: JsonRule | null
  /** The text that ends the reasoning, behind which the rules hold; null where there is none. */
  readonly after: string | null
}

function callsOf(schemas: SchemaGrammar, { tools, format, parallel }: CallRules, opening: string): string {
  const calls = tools.map(({ name, parameters, param }) => ({
    signs: signsOf(format.before(name)),
    follows: `${schemas.add(parameters, param)} ${literal(format.after)}`,
  }))
  const call = schemas.define(decideThen(calls, schemas.define))
  const more = parallel && format.separator !== null ? ` (${literal(format.separator)} ${call})*` : ''
  return `${literal(opening)} ${call}${more} ${literal(format.close)}`
}

/** Null for an answer that may be anything. @throws {ClusterError} invalid_value, unsupported_field */
export function answerGrammar({ calls, json, after }: AnswerRules): Grammar | null {
  const schemas = createSchemaGrammar()
  const markers = [...(calls?.format.markers ?? []), ...(after === null ? [] : [after])]
  if (calls?.mode === 'auto' && !json)
    return { ebnf: schemas.ebnf(callsOf(schemas, calls, calls.format.open)), trigger: calls.format.trigger, optional: true, markers }
  const choices = [
    ...(calls ? [callsOf(schemas, calls, calls.format.trigger + calls.format.open)] : []),
    ...(json && calls?.mode !== 'required' ? [schemas.add(json.schema, json.param)] : []),
  ]
  return choices.length === 0 ? null : { ebnf: schemas.ebnf(choices.join(' | ')), trigger: after, optional: false, markers }
}
