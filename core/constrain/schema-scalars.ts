/** Strings and numbers of a JSON Schema as expressions of a grammar. */
import type { Sign } from './decisions.ts'
import { FORMATS, MAX_DIGITS, times } from './ebnf.ts'
import { numbersBetween, type Bounds } from './number-range.ts'
import { countAt, invalid, unsupported, type SchemaNode, type SchemaObject } from './schema-nodes.ts'

/** @param atMost up to so many of a rule; null: any number @throws {ClusterError} invalid_value, unsupported_field */
export function stringOf(
  { schema, param }: Pick<SchemaNode, 'param'> & { readonly schema: SchemaObject },
  atMost: (item: string, count: number | null) => string,
): string {
  const { format, pattern } = schema
  const [least, most] = [countAt(schema, 'minLength', param), countAt(schema, 'maxLength', param)]
  if (pattern !== undefined) throw unsupported(`${param}.pattern`, 'answers cannot be kept to patterns; leave it out')
  if (most !== null && most < (least ?? 0)) throw invalid(`${param}.maxLength`, 'is below minLength')
  if (format === undefined)
    return least === null && most === null
      ? 'json_string'
      : `"\\"" ${times('json_char', least ?? 0)} ${atMost('json_char', most === null ? null : most - (least ?? 0))} "\\""`
  const known = typeof format === 'string' && Object.hasOwn(FORMATS, format) ? FORMATS[format] : undefined
  if (known === undefined)
    throw unsupported(`${param}.format`, `answers cannot be kept to this format; to these they can: ${Object.keys(FORMATS).join(', ')}`)
  if (least !== null || most !== null) throw unsupported(`${param}.format`, 'together with a length; leave one of them out')
  return `"\\"" ${known} "\\""`
}

/** Digits behind the point beyond which bounds are rounded, inwards. */
const MAX_DECIMALS = 9

function decimalsOf(value: number): number {
  const [, fraction = '', exponent = '0'] = /^-?\d+(?:\.(\d+))?(?:e([-+]\d+))?$/.exec(value.toString()) ?? []
  return Math.max(0, fraction.length - Number(exponent))
}

/** Null where no number lies between the bounds. @throws {ClusterError} invalid_value, unsupported_field */
export function numberOf(
  schema: SchemaObject,
  param: string,
  kind: 'integer' | 'number',
  oneOfTexts: (texts: readonly (readonly Sign[])[]) => string | null,
): string | null {
  const given = ['minimum', 'exclusiveMinimum', 'maximum', 'exclusiveMaximum'].map((key) => ({ key, value: schema[key] }))
  const bounds = given.filter(({ value }) => value !== undefined)
  if (bounds.length === 0) return kind === 'integer' ? 'json_integer' : 'json_number'
  const numbers = bounds.map(({ key, value }) => {
    if (typeof value !== 'number') throw invalid(`${param}.${key}`, 'expected a number')
    if (Math.abs(value) >= 10 ** (MAX_DIGITS - 3)) throw unsupported(`${param}.${key}`, `bounds have at most ${MAX_DIGITS - 3} digits here`)
    return { key, value }
  })
  // Two more than the bounds have, so that there is something between them.
  const most = Math.min(MAX_DECIMALS, Math.max(...numbers.map(({ value }) => decimalsOf(value))))
  const digitsBefore = Math.max(...numbers.map(({ value }) => Math.trunc(Math.abs(value)).toString().length))
  const decimals = kind === 'integer' ? 0 : Math.min(most + 2, MAX_DIGITS - digitsBefore)
  return oneOfTexts(numbersBetween(boundsOf(numbers, decimals), decimals))
}

/** In units of 10^-decimals, both inside. */
function boundsOf(numbers: readonly { readonly key: string; readonly value: number }[], decimals: number): Bounds {
  let [low, high]: [bigint | null, bigint | null] = [null, null]
  for (const { key, value } of numbers) {
    const digits = Math.min(100, Math.max(decimals, decimalsOf(value)))
    const exact = BigInt(value.toFixed(digits).replace('.', ''))
    const unit = 10n ** BigInt(digits - decimals)
    const floor = exact / unit - (exact % unit < 0n ? 1n : 0n)
    const isWhole = exact % unit === 0n
    const isExclusive = key.startsWith('exclusive')
    if (key.endsWith('inimum')) {
      const bound = isWhole && !isExclusive ? floor : floor + 1n
      low = low === null || bound > low ? bound : low
    } else {
      const bound = isWhole && isExclusive ? floor - 1n : floor
      high = high === null || bound < high ? bound : high
    }
  }
  return { low, high }
}
