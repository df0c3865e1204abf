/** What may stand behind `is`. Source: `jinja2/tests.py`. */
import { arithmetic, compare, contains, isEqual, numberOf } from './operators.ts'
import { textOf } from './python-text.ts'
import { CLAIMS } from './text-methods.ts'
import { Callable, Dict, isList, iterate, Tuple, Undefined, type Value, Group } from './values.ts'
import { TemplateRefusal } from './refusal.ts'

export type ValueTest = (value: Value, args: readonly Value[]) => boolean

const isIterable = (value: Value): boolean => {
  if (value instanceof Dict || value instanceof Undefined) return true
  try {
    iterate(value)
    return true
  } catch (error) {
    if (error instanceof TemplateRefusal) return false
    throw error
  }
}
const isSequence = (value: Value): boolean =>
  typeof value === 'string' ||
  isList(value) ||
  value instanceof Tuple ||
  value instanceof Group ||
  value instanceof Dict ||
  value instanceof Undefined
/** The same object, or a scalar that is written alike. */
const isSame = (a: Value, b: Value): boolean => a === b || (a instanceof Undefined && b instanceof Undefined && a.what === b.what)
const remainder = (value: Value, by: Value): Value => arithmetic('%', value, by)
const argument = (args: readonly Value[]): Value => {
  const [first] = args
  if (first === undefined) throw new TemplateRefusal('TypeError', 'the test needs an argument')
  return first
}

const EQUAL: ValueTest = (value, args) => isEqual(value, argument(args))
const ordered =
  (holds: (order: number) => boolean): ValueTest =>
  (value, args) =>
    holds(compare(value, argument(args)))
const UNEQUAL: ValueTest = (value, args) => !isEqual(value, argument(args))
const GREATER = ordered((order) => order > 0)
const AT_LEAST = ordered((order) => order >= 0)
const LESS = ordered((order) => order < 0)
const AT_MOST = ordered((order) => order <= 0)

export const TESTS: Readonly<Record<string, ValueTest>> = {
  defined: (value) => !(value instanceof Undefined),
  undefined: (value) => value instanceof Undefined,
  none: (value) => value === null,
  boolean: (value) => typeof value === 'boolean',
  true: (value) => value === true,
  false: (value) => value === false,
  integer: (value) => typeof value === 'bigint',
  float: (value) => typeof value === 'number',
  number: (value) => numberOf(value) !== null,
  string: (value) => typeof value === 'string',
  mapping: (value) => value instanceof Dict,
  iterable: isIterable,
  sequence: isSequence,
  callable: (value) => value instanceof Callable,
  escaped: () => false,
  sameas: (value, args) => isSame(value, argument(args)),
  lower: (value) => CLAIMS['islower']?.(textOf(value)) ?? false,
  upper: (value) => CLAIMS['isupper']?.(textOf(value)) ?? false,
  even: (value) => isEqual(remainder(value, 2n), 0n),
  odd: (value) => isEqual(remainder(value, 2n), 1n),
  divisibleby: (value, args) => isEqual(remainder(value, argument(args)), 0n),
  in: (value, args) => contains(argument(args), value),
  eq: EQUAL,
  equalto: EQUAL,
  '==': EQUAL,
  ne: UNEQUAL,
  '!=': UNEQUAL,
  gt: GREATER,
  greaterthan: GREATER,
  '>': GREATER,
  ge: AT_LEAST,
  '>=': AT_LEAST,
  lt: LESS,
  lessthan: LESS,
  '<': LESS,
  le: AT_MOST,
  '<=': AT_MOST,
}
