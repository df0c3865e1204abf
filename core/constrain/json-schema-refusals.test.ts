import { expect, test } from 'vitest'
import { createSchemaGrammar } from './json-schema.ts'

const add = (schema: unknown): string => createSchemaGrammar().add(schema, 's')
const within = (inner: object): object => ({ type: 'object', properties: { a: inner } })

test.each([
  ['s.properties.a.multipleOf', within({ type: 'integer', multipleOf: 3 })],
  ['s.properties.a.pattern', within({ type: 'string', pattern: 'a+' })],
  ['s.properties.a.format', within({ type: 'string', format: 'iri' })],
  ['s.properties.a.uniqueItems', within({ type: 'array', uniqueItems: true })],
  ['s.not', { not: {} }],
  ['s.if', { if: {} }],
  ['s.patternProperties', { patternProperties: { a: {} } }],
  ['s.dependentRequired', { type: 'object', dependentRequired: { a: ['b'] } }],
  ['s.oneOf', { oneOf: [{ type: 'integer' }, { type: 'number' }] }],
  ['s.minProperties', { type: 'object', properties: { a: {} }, minProperties: 1 }],
  ['s.$ref', { $ref: 'https://example.org/schema' }],
])('%s cannot be kept to and is refused by name', (param, schema) => {
  expect(() => add(schema)).toThrow(expect.objectContaining({ code: 'unsupported_field', detail: { param } }))
})

test.each([
  ['s', 'no schema'],
  ['s.type', { type: 'text' }],
  ['s.required', { type: 'object', required: 'a' }],
  ['s.enum', { enum: [] }],
  ['s.$ref', { $ref: '#/$defs/none' }],
  ['s.$ref.$ref', { $ref: '#' }],
  ['s.maxItems', { type: 'array', minItems: 3, maxItems: 2 }],
  ['s', { type: 'object', properties: { a: { $ref: '#' } }, required: ['a'] }],
  ['s', { type: 'object', properties: { a: false }, required: ['a'] }],
  ['s', { type: 'integer', minimum: 3, maximum: 2 }],
  ['s', false],
])('%s at fault is 400 invalid_value: %j', (param, schema) => {
  expect(() => add(schema)).toThrow(expect.objectContaining({ code: 'invalid_value', detail: { param } }))
})

test('values of which no two match are told apart, so oneOf of them is taken', () => {
  const tagged = (kind: string): object => ({ type: 'object', properties: { kind: { const: kind } }, required: ['kind'] })
  expect(add({ oneOf: [{ type: 'string' }, tagged('a'), tagged('b')] })).toMatch(/^r\d+$/)
})
