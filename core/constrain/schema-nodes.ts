/** Reading JSON schemas: what can be kept to, what is refused by name, and how keywords that point elsewhere come down to plain ones. */
import { ClusterError } from '../../protocol/errors.ts'

export type SchemaObject = Readonly<Record<string, unknown>>
/** A schema with its place in the request, as errors name it, and the document that its references are of. */
export type SchemaNode = { readonly schema: SchemaObject | boolean; readonly param: string; readonly root: SchemaObject | boolean }

const isRecord = (value: unknown): value is SchemaObject => typeof value === 'object' && value !== null && !Array.isArray(value)

export const invalid = (param: string, why: string): ClusterError => new ClusterError('invalid_value', `${param}: ${why}`, { detail: { param } })
export const unsupported = (param: string, why: string): ClusterError =>
  new ClusterError('unsupported_field', `${param}: ${why}`, { detail: { param } })

/** @throws {ClusterError} invalid_value */
export function nodeOf(schema: unknown, param: string, root?: SchemaObject | boolean): SchemaNode {
  if (!isRecord(schema) && typeof schema !== 'boolean') throw invalid(param, 'expected a JSON schema: an object, or true or false')
  return { schema, param, root: root ?? schema }
}

export const childOf = ({ root, param }: SchemaNode, schema: unknown, key: string): SchemaNode => nodeOf(schema, `${param}.${key}`, root)

/** Keywords that are not kept to, each with the values that ask for nothing. All others that say nothing of a value are notes. */
const REFUSED: Readonly<Record<string, (value: unknown) => boolean>> = {
  not: () => false,
  if: () => false,
  contains: () => false,
  minContains: () => false,
  multipleOf: (value) => value === 1,
  uniqueItems: (value) => value === false,
  dependentRequired: () => false,
  dependentSchemas: () => false,
  dependencies: () => false,
  patternProperties: (value) => isRecord(value) && Object.keys(value).length === 0,
  propertyNames: () => false,
  $dynamicRef: () => false,
  $recursiveRef: () => false,
}

/** @throws {ClusterError} unsupported_field naming the keyword */
export function refuseKeywords(schema: SchemaObject, param: string): void {
  for (const [key, isHarmless] of Object.entries(REFUSED)) {
    if (schema[key] === undefined || isHarmless(schema[key])) continue
    throw unsupported(`${param}.${key}`, 'answers cannot be kept to this keyword of JSON Schema; leave it out')
  }
}

/** Keywords that say something of a value, but for those that only combine others. */
export const VALIDATING: ReadonlySet<string> = new Set([
  'type',
  'enum',
  'const',
  'properties',
  'required',
  'additionalProperties',
  'minProperties',
  'maxProperties',
  'items',
  'prefixItems',
  'additionalItems',
  'minItems',
  'maxItems',
  'minLength',
  'maxLength',
  'pattern',
  'format',
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'anyOf',
  'oneOf',
  'allOf',
  '$ref',
])

const withoutNotes = (schema: SchemaObject): SchemaObject => Object.fromEntries(Object.entries(schema).filter(([key]) => VALIDATING.has(key)))

/** What a reference within the document points to. @throws {ClusterError} invalid_value, unsupported_field */
export function resolve({ root, param }: SchemaNode, ref: unknown): SchemaNode {
  const at = `${param}.$ref`
  if (typeof ref !== 'string') throw invalid(at, 'expected a text')
  if (!ref.startsWith('#')) throw unsupported(at, 'only references within the schema are followed: #/$defs/…')
  let found: unknown = root
  for (const part of ref.slice(1).split('/').slice(1)) {
    const key = decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~')
    found = isRecord(found) && Object.hasOwn(found, key) ? found[key] : Array.isArray(found) ? found[Number(key)] : undefined
  }
  if ((ref.length > 1 && !ref.startsWith('#/')) || found === undefined) throw invalid(at, `${JSON.stringify(ref.slice(0, 100))} is not in the schema`)
  return nodeOf(found, at, root)
}

/** Follows a chain of bare references. @throws {ClusterError} invalid_value where it never ends */
export function dereference(node: SchemaNode, seen: ReadonlySet<unknown> = new Set()): SchemaNode {
  if (typeof node.schema === 'boolean' || node.schema['$ref'] === undefined) return node
  if (seen.has(node.schema)) throw invalid(`${node.param}.$ref`, 'the reference leads back to itself')
  const target = dereference(resolve(node, node.schema['$ref']), new Set([...seen, node.schema]))
  const { $ref: _, ...siblings } = withoutNotes(node.schema)
  return Object.keys(siblings).length === 0 ? target : { ...node, schema: merge(target.schema, siblings, node.param) }
}

const listAt = (schema: SchemaObject, key: string): readonly unknown[] => {
  const value = schema[key]
  return Array.isArray(value) ? value : []
}

/** A schema that asks for both. @throws {ClusterError} unsupported_field where that takes more than putting them side by side */
export function merge(a: SchemaObject | boolean, b: SchemaObject | boolean, param: string): SchemaObject | boolean {
  if (typeof a === 'boolean' || typeof b === 'boolean') return a === false || b === false ? false : a === true ? b : a
  const merged: Record<string, unknown> = { ...withoutNotes(a) }
  for (const [key, value] of Object.entries(withoutNotes(b))) {
    const before = merged[key]
    if (before === undefined || JSON.stringify(before) === JSON.stringify(value)) merged[key] = value
    else if (key === 'required') merged[key] = [...new Set([...listAt(a, key), ...listAt(b, key)])]
    else if (key === 'properties' && isRecord(before) && isRecord(value)) merged[key] = mergeProperties(before, value, param)
    else throw unsupported(`${param}.${key}`, 'two different rules for one thing cannot be put together; write one schema that says both')
  }
  return merged
}

function mergeProperties(a: SchemaObject, b: SchemaObject, param: string): SchemaObject {
  const both = Object.keys(b).find((name) => Object.hasOwn(a, name) && JSON.stringify(a[name]) !== JSON.stringify(b[name]))
  if (both !== undefined) throw unsupported(`${param}.properties.${both}`, 'it has two schemas; write one that says both')
  return { ...a, ...b }
}

const KINDS = ['object', 'array', 'string', 'number', 'integer', 'boolean', 'null'] as const
export type Kind = (typeof KINDS)[number]
const isKind = (value: unknown): value is Kind => KINDS.some((kind) => kind === value)
const kindOf = (value: unknown): Kind => {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'array'
  const type = typeof value
  return type === 'number' ? (Number.isInteger(value) ? 'integer' : 'number') : isKind(type) ? type : 'null'
}
export const isOfKind = (value: unknown, kinds: readonly Kind[]): boolean =>
  kinds.includes(kindOf(value)) || (typeof value === 'number' && kinds.includes('number'))

const IMPLIED: readonly (readonly [Kind, readonly string[]])[] = [
  ['object', ['properties', 'required', 'additionalProperties', 'minProperties', 'maxProperties']],
  ['array', ['items', 'prefixItems', 'additionalItems', 'minItems', 'maxItems']],
  ['string', ['minLength', 'maxLength', 'pattern', 'format']],
  ['number', ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum']],
]

/** The kinds of value that a schema is kept to; null = any. One that only says how objects look is kept to objects. @throws {ClusterError} invalid_value */
export function kindsOf(schema: SchemaObject, param: string): readonly Kind[] | null {
  const { type } = schema
  if (type === undefined) {
    const implied = IMPLIED.filter(([, keys]) => keys.some((key) => schema[key] !== undefined)).map(([kind]) => kind)
    return implied.length === 0 ? null : implied
  }
  const list: readonly unknown[] = Array.isArray(type) ? type : [type]
  const kinds = list.filter(isKind)
  if (kinds.length !== list.length || kinds.length === 0) throw invalid(`${param}.type`, `expected of ${KINDS.join(', ')}`)
  return kinds
}

/** A whole number at a keyword, at least 0; upper bounds beyond `most` are lowered to it: what keeps to the lower one is valid. @throws {ClusterError} invalid_value, unsupported_field */
export function countAt(schema: SchemaObject, key: string, param: string, most = 1024): number | null {
  const value = schema[key]
  if (value === undefined) return null
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0) throw invalid(`${param}.${key}`, 'expected a whole number from 0 on')
  if (value > most && key.startsWith('min')) throw unsupported(`${param}.${key}`, `at most ${most} here`)
  return Math.min(value, most)
}
