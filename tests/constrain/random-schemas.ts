/** JSON schemas by a seed: nesting, enums, arrays, numbers with bounds, optional and nullable parts, recursion, and names beyond ASCII. */
import { seededRandom } from '../harness/seeded.ts'

type Random = () => number
export type RandomSchema = { readonly [key: string]: unknown }

const NAMES = ['name', 'größe', '年齢', 'tags', 'is"quoted', 'back\\slash', 'emoji 🙂', 'a/b~c', 'Ünïcode', 'x', 'line\nbreak', 'empty ']
const WORDS = ['red', 'grün', '青', 'yes"no', '🙂', '', 'a\\b', 'tab\there']

const pick = <T>(random: Random, list: readonly T[]): T => {
  const chosen = list[Math.floor(random() * list.length)]
  if (chosen === undefined) throw new Error('an empty list')
  return chosen
}
const below = (random: Random, count: number): number => Math.floor(random() * count)

function numberSchema(random: Random): RandomSchema {
  const type = pick(random, ['integer', 'number'])
  const low = Math.round((random() * 400 - 200) * (type === 'integer' ? 1 : 100)) / (type === 'integer' ? 1 : 100)
  const high = low + 1 + below(random, 500)
  return pick<RandomSchema>(random, [
    { type },
    { type, minimum: low },
    { type, maximum: high },
    { type, minimum: low, maximum: high },
    { type, exclusiveMinimum: low, exclusiveMaximum: high + 1 },
  ])
}

function stringSchema(random: Random): RandomSchema {
  const minLength = below(random, 4)
  return pick<RandomSchema>(random, [
    { type: 'string' },
    { type: 'string', minLength },
    { type: 'string', minLength, maxLength: minLength + below(random, 6) },
    { type: 'string', enum: [...new Set([pick(random, WORDS), pick(random, WORDS)])] },
    { const: pick(random, [...WORDS, 7, null, true, { a: [1, 'ü'] }]) },
    { enum: [...new Set([pick(random, WORDS), 1.5, null, false])] },
    { type: 'string', format: pick(random, ['date', 'time', 'date-time', 'uuid', 'ipv4', 'email', 'hostname']) },
  ])
}

function arraySchema(random: Random, depth: number): RandomSchema {
  const minItems = below(random, 3)
  const items = valueSchema(random, depth - 1)
  return pick<RandomSchema>(random, [
    { type: 'array', items },
    { type: 'array', items, minItems, maxItems: minItems + below(random, 3) },
    { type: 'array', prefixItems: [valueSchema(random, depth - 1), { type: 'integer' }], items: false, minItems: 2 },
    { type: 'array', prefixItems: [{ type: 'boolean' }], items, minItems, maxItems: minItems + 2 },
  ])
}

function objectSchema(random: Random, depth: number): RandomSchema {
  const names = [...new Set(Array.from({ length: 1 + below(random, 5) }, () => pick(random, NAMES)))]
  const properties = Object.fromEntries(names.map((name) => [name, valueSchema(random, depth - 1)]))
  const required = names.filter(() => random() < 0.6)
  return { type: 'object', properties, ...(random() < 0.8 ? { required } : {}), ...(random() < 0.7 ? { additionalProperties: false } : {}) }
}

function valueSchema(random: Random, depth: number): RandomSchema {
  const simple = [() => numberSchema(random), () => stringSchema(random), () => ({ type: pick(random, ['boolean', 'null']) })]
  if (depth <= 0) return pick(random, simple)()
  const nested = [
    () => objectSchema(random, depth),
    () => arraySchema(random, depth),
    () => ({ anyOf: [valueSchema(random, depth - 1), { type: 'null' }] }),
    () => ({ type: ['string', 'integer', 'null'] }),
    () => ({ type: 'object', additionalProperties: valueSchema(random, depth - 1) }),
    () => ({ allOf: [objectSchema(random, depth - 1)], description: 'as libraries write a described reference' }),
  ]
  return pick(random, [...simple, ...nested, ...nested])()
}

/** Every fifth is recursive. */
export function randomSchema(seed: number): RandomSchema {
  const random = seededRandom(seed)
  const schema = objectSchema(random, 3)
  if (seed % 5 !== 0) return schema
  const node = {
    type: 'object',
    properties: { value: valueSchema(random, 1), children: { type: 'array', items: { $ref: '#/$defs/node' } } },
    required: ['value'],
  }
  return { type: 'object', properties: { tree: { $ref: '#/$defs/node' }, more: schema }, required: ['tree'], $defs: { node } }
}
