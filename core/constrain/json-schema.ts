/**
 * JSON Schema as a grammar: every text of the grammar is valid by the schema. Where a schema leaves things open, a part of what it
 * allows is chosen: objects have the properties that it names and no others, JSON is on one line. What a grammar cannot say is refused by name.
 */
import { ClusterError } from '../../protocol/errors.ts'
import { MAX_GRAMMAR_CHARS } from '../../protocol/grammar.ts'
import { decide, signsOf, type Sign } from './decisions.ts'
import { JSON_RULES, jsonText, literal, oneOf, times } from './ebnf.ts'
import { areAllDisjoint } from './schema-disjoint.ts'
import { createEndCheck } from './schema-ends.ts'
import {
  childOf,
  countAt,
  dereference,
  invalid,
  isOfKind,
  kindsOf,
  merge,
  nodeOf,
  refuseKeywords,
  unsupported,
  VALIDATING,
  type Kind,
  type SchemaNode,
  type SchemaObject,
} from './schema-nodes.ts'
import { numberOf, stringOf } from './schema-scalars.ts'

/** More rules than any schema that a person wrote has. */
const MAX_RULES = 8000

const tooLarge = (): ClusterError => new ClusterError('invalid_value', 'the JSON schema is too large: fewer properties, or smaller bounds of lengths')

export type SchemaGrammar = {
  /** Makes a rule of an expression and gives its name. */
  readonly define: (expression: string) => string
  /** The name of a rule for what the schema allows. @param param what errors call it @throws {ClusterError} invalid_value, unsupported_field */
  readonly add: (schema: unknown, param: string) => string
  /** All rules, with `root` as given. @throws {ClusterError} invalid_value where it has grown too large */
  readonly ebnf: (root: string) => string
}

/** @throws {ClusterError} invalid_value, unsupported_field */
export function createSchemaGrammar(): SchemaGrammar {
  const rules = new Map<string, string>()
  /** By the schema object itself: references to one place share its rule. */
  const names = new Map<SchemaObject, string>()
  const chains = new Map<string, string>()
  const empty = new Set<SchemaObject>()
  const ends = createEndCheck()

  function define(expression: (name: string) => string): string {
    const name = `r${rules.size}`
    if (rules.size > MAX_RULES) throw tooLarge()
    rules.set(name, '')
    rules.set(name, expression(name))
    return name
  }

  /** Null for a schema that allows nothing. */
  function ruleOf(node: SchemaNode): string | null {
    const found = dereference(node)
    const { schema, param } = found
    if (typeof schema === 'boolean') return schema ? 'json_any' : null
    const known = names.get(schema)
    if (known !== undefined) return known
    if (empty.has(schema) || !ends(found)) return null
    let isEmpty = false
    const name = define((own) => {
      names.set(schema, own)
      const expression = expressionOf({ ...found, schema }, param)
      isEmpty = expression === null
      return expression ?? '""'
    })
    if (!isEmpty) return name
    names.delete(schema)
    empty.add(schema)
    return null
  }

  function expressionOf(node: SchemaNode & { readonly schema: SchemaObject }, param: string): string | null {
    const { schema } = node
    refuseKeywords(schema, param)
    if (schema['enum'] !== undefined || schema['const'] !== undefined) return literals(schema, param)
    for (const key of ['allOf', 'anyOf', 'oneOf']) if (schema[key] !== undefined) return combined(node, key)
    const kinds = kindsOf(schema, param)
    if (kinds === null) return 'json_any'
    const choices = kinds.map((kind) => ofKind(kind, node)).filter((choice) => choice !== null)
    return choices.length === 0 ? null : oneOf(choices)
  }

  function combined(node: SchemaNode & { readonly schema: SchemaObject }, key: string): string | null {
    const parts = node.schema[key]
    const base: SchemaObject = Object.fromEntries(Object.entries(node.schema).filter(([name]) => name !== key))
    const at = `${node.param}.${key}`
    if (!Array.isArray(parts) || parts.length === 0) throw invalid(at, 'expected a list of schemas, not empty')
    const nodes = parts.map((part: unknown, index) => nodeOf(part, `${at}[${index}]`, node.root))
    const hasBase = Object.keys(base).some((name) => VALIDATING.has(name))
    const withBase = (one: SchemaNode): SchemaNode => (hasBase ? { ...one, schema: merge(base, dereference(one).schema, one.param) } : one)
    if (key === 'allOf')
      return ruleOf({ ...node, schema: nodes.reduce<SchemaNode['schema']>((all, one) => merge(all, dereference(one).schema, one.param), base) })
    if (key === 'oneOf' && !areAllDisjoint(nodes))
      throw unsupported(at, 'a value may match two of these, which answers cannot be kept from; use anyOf, or tell them apart by a required const')
    const choices = nodes.map((one) => ruleOf(withBase(one))).filter((choice) => choice !== null)
    return choices.length === 0 ? null : oneOf([...new Set(choices)])
  }

  const oneOfTexts = (texts: readonly (readonly Sign[])[]): string | null =>
    texts.length === 0 ? null : decide(texts, (expression) => define(() => expression))

  function literals(schema: SchemaObject, param: string): string | null {
    const extra = Object.keys(schema).find((key) => VALIDATING.has(key) && !['enum', 'const', 'type'].includes(key))
    if (extra !== undefined) throw unsupported(`${param}.${extra}`, 'is not looked at beside enum or const; leave it out')
    const list: unknown = schema['enum'] ?? [schema['const']]
    if (!Array.isArray(list) || list.length === 0) throw invalid(`${param}.enum`, 'expected a list of values, not empty')
    const { const: fixed } = schema
    const kinds = kindsOf(schema, param)
    const isAllowed = (value: unknown): boolean =>
      (kinds === null || isOfKind(value, kinds)) && (fixed === undefined || jsonText(value) === jsonText(fixed))
    const values = list.filter(isAllowed)
    return oneOfTexts(values.map((value) => signsOf(jsonText(value))))
  }

  function ofKind(kind: Kind, node: SchemaNode & { readonly schema: SchemaObject }): string | null {
    switch (kind) {
      case 'boolean':
        return 'json_boolean'
      case 'null':
        return 'json_null'
      case 'string':
        return stringOf(node, atMost)
      case 'integer':
      case 'number':
        return numberOf(node.schema, node.param, kind, oneOfTexts)
      case 'array':
        return arrayOf(node)
      case 'object':
        return objectOf(node)
    }
  }

  function objectOf(node: SchemaNode & { readonly schema: SchemaObject }): string | null {
    const { schema, param } = node
    const required = schema['required'] ?? []
    if (!Array.isArray(required) || !required.every((name) => typeof name === 'string'))
      throw invalid(`${param}.required`, 'expected a list of names')
    const { properties = {} } = schema
    if (typeof properties !== 'object' || properties === null) throw invalid(`${param}.properties`, 'expected an object')
    const others = childOf(node, schema['additionalProperties'] ?? schema['unevaluatedProperties'] ?? true, 'additionalProperties')
    const extra = required.filter((name) => !Object.hasOwn(properties, name)).map((name): [string, unknown] => [name, others.schema])
    const named = [...Object.entries(properties), ...extra]
    checkPropertyCount(schema, param, named.length, required.length)
    if (named.length === 0) return mapOf(others, (schema['minProperties'] ?? 0) === 1)
    const members = named.map(([name, inner]) => {
      const value = ruleOf(childOf(node, inner, `properties.${name}`))
      const isRequired = required.includes(name)
      return { isRequired, text: value === null ? null : `${literal(`${JSON.stringify(name)}: `)} ${value}` }
    })
    if (members.some(({ isRequired, text }) => isRequired && text === null)) return null
    return membersOf(members.flatMap(({ isRequired, text }) => (text === null ? [] : [{ isRequired, text }])))
  }

  /** Commas stand before every member but the first that is there. */
  function membersOf(members: readonly { readonly isRequired: boolean; readonly text: string }[]): string {
    let [first, rest] = ['""', '""']
    for (const { isRequired, text } of [...members].reverse()) {
      const [firstAfter, restAfter] = [first, rest]
      rest = define(() => (isRequired ? `", " ${text} ${restAfter}` : `(", " ${text})? ${restAfter}`))
      first = define(() => (isRequired ? `${text} ${restAfter}` : `${text} ${restAfter} | ${firstAfter}`))
    }
    return `"{" ${first} "}"`
  }

  /** Up to so many of a rule: a chain of rules, each used by all the longer ones. Without a bound, any number. */
  function atMost(item: string, count: number | null): string {
    if (count === null) return `${item}*`
    let chain = '""'
    for (let length = 1; length <= count; length++) {
      const shorter = chain
      const key = `${item} ${length}`
      const known = chains.get(key)
      chain = known ?? define(() => `(${item} ${shorter})?`)
      chains.set(key, chain)
    }
    return chain
  }

  /** Commas stand before every item, or every one but the first. */
  function repeated(item: string, isContinued: boolean, least: number, most: number | null): string {
    if (most !== null && most <= 0) return ''
    const next = define(() => `", " ${item}`)
    const left = (taken: number): number | null => (most === null ? null : most - taken)
    if (isContinued) return `${times(next, least)} ${atMost(next, left(least))}`
    if (least > 0) return `${item} ${times(next, least - 1)} ${atMost(next, left(least))}`
    return `(${item} ${atMost(next, left(1))})?`
  }

  function mapOf(values: SchemaNode, isFilled: boolean): string | null {
    const value = ruleOf(values)
    if (value === null) return isFilled ? null : '"{}"'
    const entries = `json_string ": " ${value} (", " json_string ": " ${value})*`
    return isFilled ? `"{" ${entries} "}"` : `"{" (${entries})? "}"`
  }

  function arrayOf(node: SchemaNode & { readonly schema: SchemaObject }): string | null {
    const { schema, param } = node
    const { items } = schema
    const prefix: unknown = schema['prefixItems'] ?? (Array.isArray(items) ? items : [])
    if (!Array.isArray(prefix)) throw invalid(`${param}.prefixItems`, 'expected a list of schemas')
    const [least, most] = [countAt(schema, 'minItems', param) ?? 0, countAt(schema, 'maxItems', param)]
    if (most !== null && most < least) throw invalid(`${param}.maxItems`, 'is below minItems')
    const rest = (Array.isArray(items) ? schema['additionalItems'] : items) ?? schema['unevaluatedItems'] ?? true
    const first = prefix.slice(0, most ?? prefix.length).map((inner: unknown, at) => ruleOf(childOf(node, inner, `prefixItems[${at}]`)))
    const fixed = first.findIndex((rule) => rule === null)
    const heads = fixed < 0 ? first : first.slice(0, fixed)
    const isClosed = fixed >= 0 || (prefix.length > 0 && least <= heads.length)
    const more = isClosed ? null : ruleOf(childOf(node, rest, 'items'))
    if (least > heads.length && more === null) return null
    const body = heads.reduceRight<string>(
      (tail, rule, at) => {
        const one = `${at === 0 ? '' : '", " '}${rule ?? ''} ${tail}`
        return at < least ? one : `(${one})?`
      },
      more === null ? '' : repeated(more, heads.length > 0, Math.max(0, least - heads.length), most === null ? null : most - heads.length),
    )
    return `"[" ${body} "]"`
  }

  return {
    define: (expression) => define(() => expression),
    add: (schema, param) => {
      const rule = ruleOf(nodeOf(schema, param))
      if (rule === null) throw invalid(param, 'no JSON can match this schema, or none that ends')
      return rule
    },
    ebnf: (root) => {
      const text = [['root', root], ...Object.entries(JSON_RULES), ...rules].map(([name, expression]) => `${name} ::= ${expression}`).join('\n')
      if (text.length > MAX_GRAMMAR_CHARS) throw tooLarge()
      return text
    },
  }
}

function checkPropertyCount(schema: SchemaObject, param: string, named: number, required: number): void {
  const least = countAt(schema, 'minProperties', param) ?? 0
  const most = countAt(schema, 'maxProperties', param)
  if (least > Math.max(required, named === 0 ? 1 : 0))
    throw unsupported(`${param}.minProperties`, 'answers cannot be kept to it; make properties required')
  if (most !== null && (most < named || named === 0)) throw unsupported(`${param}.maxProperties`, 'answers cannot be kept to it; leave it out')
}
