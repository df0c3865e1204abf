/** JavaScript's plain values as a template's. */
import { Dict, type Value } from './values.ts'

/**
 * Objects become dicts. A whole number becomes an int unless it is too large to be exact; in a Map, which is what `parseExactJson` makes,
 * every number is a float and ints are bigints. What is undefined is left out.
 */
export function fromPlain(value: unknown, isExact = false): Value {
  if (typeof value === 'string' || typeof value === 'boolean' || typeof value === 'bigint') return value
  if (typeof value === 'number') return isExact || !Number.isSafeInteger(value) ? value : BigInt(value)
  if (typeof value !== 'object' || value === null) return null
  if (Array.isArray(value)) return value.map((item) => fromPlain(item, isExact))
  if (value instanceof Map) return new Dict(Array.from(value, ([key, item]) => [fromPlain(key, true), fromPlain(item, true)] as const))
  return new Dict(
    Object.entries(value)
      .filter(([, item]) => item !== undefined)
      .map(([key, item]) => [key, fromPlain(item, isExact)] as const),
  )
}
