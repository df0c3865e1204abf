/** Python's operators on the values of a template. */
import { formatPercent } from './percent-format.ts'
import { checkCount, checkLength, refuse } from './refusal.ts'
import { Dict, DictView, Group, isList, iterate, refuseUndefined, Tuple, typeName, Undefined, type Value } from './values.ts'

type Numeric = bigint | number
/** Bits of the largest int that is computed. */
const MAX_INT_BITS = 1 << 16
const MAX_INT = 1n << BigInt(MAX_INT_BITS)

function checked(number: Numeric): Numeric {
  return typeof number === 'bigint' && (number > MAX_INT || number < -MAX_INT)
    ? refuse('LimitError', 'it computes an int of too many digits')
    : number
}

/** A bool counts as an int. Null for what is no number. */
export function numberOf(value: Value): Numeric | null {
  if (typeof value === 'boolean') return value ? 1n : 0n
  return typeof value === 'bigint' || typeof value === 'number' ? value : null
}

/** The elements of a list or tuple, or null. */
const elements = (value: Value): readonly Value[] | null =>
  isList(value) ? value : value instanceof Tuple || value instanceof Group ? value.items : null

/** Between int and float it is exact; NaN has none. */
const order = (m: Numeric, n: Numeric): number => (m < n ? -1 : m > n ? 1 : m <= n ? 0 : Number.NaN)

export function isEqual(a: Value, b: Value): boolean {
  const [m, n] = [numberOf(a), numberOf(b)]
  if (m !== null && n !== null) return order(m, n) === 0
  if (a === b) return true
  if (a instanceof Undefined && b instanceof Undefined) return true
  const [x, y] = [elements(a), elements(b)]
  if (x && y) return isList(a) === isList(b) && x.length === y.length && x.every((item, i) => isEqual(item, y[i] ?? null))
  if (a instanceof Dict && b instanceof Dict)
    return a.size === b.size && a.entries().every(([key, item]) => b.has(key) && isEqual(item, b.get(key) ?? null))
  return false
}

/** By code points; UTF-16 orders surrogates before U+E000. */
function compareText(a: string, b: string): number {
  let at = 0
  while (at < a.length && at < b.length && a.charCodeAt(at) === b.charCodeAt(at)) at++
  if (at === a.length || at === b.length) return a.length - b.length
  const rank = (code: number): number => (code >= 0xd800 && code < 0xe000 ? code + 0x10000 : code)
  return rank(a.charCodeAt(at)) - rank(b.charCodeAt(at))
}

/** Negative, 0 or positive; NaN where no relation holds. @throws {TemplateRefusal} TypeError for types without an order */
export function compare(a: Value, b: Value): number {
  refuseUndefined(a, b)
  const [m, n] = [numberOf(a), numberOf(b)]
  if (m !== null && n !== null) return order(m, n)
  if (typeof a === 'string' && typeof b === 'string') return compareText(a, b)
  const [x, y] = [elements(a), elements(b)]
  if (!x || !y || isList(a) !== isList(b)) return refuse('TypeError', `no order between instances of '${typeName(a)}' and '${typeName(b)}'`)
  const at = x.findIndex((item, i) => i >= y.length || !isEqual(item, y[i] ?? null))
  return at < 0 || at >= y.length ? x.length - y.length : compare(x[at] ?? null, y[at] ?? null)
}

export function contains(container: Value, item: Value): boolean {
  if (typeof container === 'string') {
    if (typeof item !== 'string') return refuse('TypeError', `'in <string>' requires string as left operand, not ${typeName(item)}`)
    return container.includes(item)
  }
  if (container instanceof Dict) return container.has(item)
  if (container instanceof DictView && container.kind === 'dict_keys') return container.items.some((key) => isEqual(key, item))
  for (const one of iterate(container)) if (isEqual(one, item)) return true
  return false
}

const unsupported = (operator: string, a: Value, b: Value): never =>
  refuse('TypeError', `unsupported operand type(s) for ${operator}: '${typeName(a)}' and '${typeName(b)}'`)

type Arithmetic = { readonly ints: (a: bigint, b: bigint) => Numeric; readonly floats: (a: number, b: number) => number }
const nonZero = <T extends Numeric>(b: T): T => (b === 0 || b === 0n ? refuse('ZeroDivisionError', 'division by zero') : b)

/** The remainder takes the sign of the divisor. */
function floatModulo(a: number, b: number): number {
  const remainder = a % nonZero(b)
  if (remainder === 0) return b < 0 ? -0 : 0
  return remainder < 0 === b < 0 ? remainder : remainder + b
}
const intModulo = (a: bigint, b: bigint): bigint => {
  const remainder = a % nonZero(b)
  return remainder !== 0n && remainder < 0n !== b < 0n ? remainder + b : remainder
}

function intPower(a: bigint, b: bigint): Numeric {
  if (b < 0n) return Number(nonZero(a)) ** Number(b)
  if ((a > 1n || a < -1n) && Number(b) * a.toString(2).length > MAX_INT_BITS) return refuse('LimitError', `it computes ${a} ** ${b}`)
  return a ** b
}

const ARITHMETIC: Readonly<Record<string, Arithmetic>> = {
  '+': { ints: (a, b) => a + b, floats: (a, b) => a + b },
  '-': { ints: (a, b) => a - b, floats: (a, b) => a - b },
  '*': { ints: (a, b) => a * b, floats: (a, b) => a * b },
  '/': { ints: (a, b) => Number(a) / Number(nonZero(b)), floats: (a, b) => a / nonZero(b) },
  '//': { ints: (a, b) => (a - intModulo(a, b)) / b, floats: (a, b) => Math.round((a - floatModulo(a, b)) / b) },
  '%': { ints: intModulo, floats: floatModulo },
  '**': { ints: intPower, floats: (a, b) => a ** b },
}

function repeated(value: Value, times: bigint): Value | null {
  const count = times > 0n ? times : 0n
  if (typeof value === 'string') {
    checkLength(BigInt(value.length) * count)
    return value.repeat(Number(count))
  }
  const items = elements(value)
  if (!items) return null
  checkCount(BigInt(items.length) * count)
  const all = Array.from({ length: Number(count) }, () => items).flat()
  return isList(value) ? all : new Tuple(all)
}

function joined(a: Value, b: Value): Value | null {
  if (typeof a === 'string' && typeof b === 'string') {
    checkLength(a.length + b.length)
    return a + b
  }
  const [x, y] = [elements(a), elements(b)]
  if (!x || !y || isList(a) !== isList(b)) return null
  checkCount(x.length + y.length)
  return isList(a) ? [...x, ...y] : new Tuple([...x, ...y])
}

/** `a operator b` for + - * / // % **. @throws {TemplateRefusal} */
export function arithmetic(operator: string, a: Value, b: Value): Value {
  if (operator === '%' && typeof a === 'string') return formatPercent(a, b)
  refuseUndefined(a, b)
  const [m, n] = [numberOf(a), numberOf(b)]
  const rule = ARITHMETIC[operator]
  if (rule && m !== null && n !== null) {
    return typeof m === 'bigint' && typeof n === 'bigint' ? checked(rule.ints(m, n)) : rule.floats(Number(m), Number(n))
  }
  const made =
    operator === '+'
      ? joined(a, b)
      : operator === '*'
        ? typeof n === 'bigint'
          ? repeated(a, n)
          : typeof m === 'bigint'
            ? repeated(b, m)
            : null
        : null
  return made ?? unsupported(operator, a, b)
}

export function negate(value: Value): Value {
  refuseUndefined(value)
  const number = numberOf(value)
  return number === null ? refuse('TypeError', `bad operand type for unary -: '${typeName(value)}'`) : -number
}

/** An int where Python wants an index. @throws {TemplateRefusal} TypeError */
export function indexOf(value: Value): number {
  refuseUndefined(value)
  const number = numberOf(value)
  if (typeof number !== 'bigint') return refuse('TypeError', `'${typeName(value)}' object cannot be interpreted as an integer`)
  // Beyond the largest length every index means the same.
  return Number(number)
}
