/** Python's `text % values`. Source: the Python manual, "printf-style String Formatting". */
import { fixedText, generalText, scientificText } from './number-format.ts'
import { floatText, reprOf, textOf } from './python-text.ts'
import { checkLength, refuse } from './refusal.ts'
import { codePoints, Dict, isList, refuseUndefined, Tuple, typeName, type Value } from './values.ts'

const SPECIFIER = /%(?:\(([^)]*)\))?([-+ #0]*)(\*|\d+)?(?:\.(\*|\d+))?[hlL]?(.)?/gsu

type Layout = { readonly flags: string; readonly width: number; readonly precision: number | null }

function numeric(value: Value): bigint | number {
  refuseUndefined(value)
  if (typeof value === 'boolean') return value ? 1n : 0n
  if (typeof value === 'bigint' || typeof value === 'number') return value
  return refuse('TypeError', `a number is required, not ${typeName(value)}`)
}

function wholeNumber(value: Value, type: string): bigint {
  const number = numeric(value)
  if (typeof number === 'bigint') return number
  if (type !== 'd' || !Number.isFinite(number)) return refuse('TypeError', `%${type} format: an integer is required, not float`)
  return BigInt(Math.trunc(number))
}

const RADIX: Readonly<Record<string, { readonly radix: number; readonly prefix: string }>> = {
  d: { radix: 10, prefix: '' },
  o: { radix: 8, prefix: '0o' },
  x: { radix: 16, prefix: '0x' },
}

function intText(value: Value, type: string, { flags, precision }: Layout): { negative: boolean; prefix: string; digits: string } {
  const number = wholeNumber(value, type)
  const { radix, prefix } = RADIX[type] ?? { radix: 10, prefix: '' }
  const digits = (number < 0n ? -number : number).toString(radix).padStart(precision ?? 0, '0')
  return { negative: number < 0n, prefix: flags.includes('#') ? prefix : '', digits }
}

/** The digits of a float of a type among e, f, g. */
export function floatDigits(value: number, type: string, precision: number): string {
  const size = Math.abs(value)
  if (!Number.isFinite(size)) return floatText(size)
  if (type === 'f') return fixedText(size, precision)
  return type === 'e' ? scientificText(size, precision) : generalText(size, precision)
}

function numberText(value: Value, type: string, layout: Layout): string {
  const lower = type.toLowerCase() === 'i' || type === 'u' ? 'd' : type.toLowerCase()
  const isInt = lower === 'd' || lower === 'o' || lower === 'x'
  const float = isInt ? 0 : Number(numeric(value))
  const { negative, prefix, digits } = isInt
    ? intText(value, lower, layout)
    : { negative: float < 0 || Object.is(float, -0), prefix: '', digits: floatDigits(float, lower, layout.precision ?? 6) }
  const sign = negative ? '-' : layout.flags.includes('+') ? '+' : layout.flags.includes(' ') ? ' ' : ''
  const zeros = layout.flags.includes('0') && !layout.flags.includes('-') ? layout.width - sign.length - prefix.length : 0
  const text = sign + prefix + digits.padStart(zeros, '0')
  return type === lower || type === 'i' || type === 'u' ? text : text.toUpperCase()
}

function characterText(value: Value): string {
  if (typeof value === 'string' && codePoints(value).length === 1) return value
  return String.fromCodePoint(Number(wholeNumber(value, 'c')))
}

function convert(value: Value, type: string, layout: Layout): string {
  if ('diuoxXeEfFgG'.includes(type)) return numberText(value, type, layout)
  if (type === 'c') return characterText(value)
  if (!'sra'.includes(type)) return refuse('ValueError', `unsupported format character '${type}'`)
  const text = type === 's' ? textOf(value) : reprOf(value)
  return layout.precision === null ? text : Array.from(text).slice(0, layout.precision).join('')
}

/** Takes the values one after the other, or by name from a dict. */
function supplier(values: Value) {
  const positional = values instanceof Tuple ? values.items : [values]
  let next = 0
  return {
    next: (): Value => {
      const value = positional[next++]
      return value === undefined ? refuse('TypeError', 'not enough arguments for format string') : value
    },
    named: (name: string): Value => {
      if (!(values instanceof Dict)) return refuse('TypeError', 'format requires a mapping')
      next = positional.length
      const value = values.get(name)
      return value === undefined ? refuse('ValueError', `no value named ${name}`) : value
    },
    end: (): void => {
      // A list too counts as a mapping here, as in Python.
      if (next < positional.length && !(values instanceof Dict) && !isList(values))
        refuse('TypeError', 'not all arguments converted during string formatting')
    },
  }
}

/** @throws {TemplateRefusal} TypeError, ValueError */
export function formatPercent(text: string, values: Value): string {
  const supply = supplier(values)
  const size = (given: string | undefined): number | null => {
    if (given === undefined) return null
    const number = given === '*' ? Number(wholeNumber(supply.next(), 'd')) : Number(given)
    checkLength(number)
    return number
  }
  const formatted = text.replace(
    SPECIFIER,
    (_all, name: string | undefined, flags: string, width: string | undefined, precision: string | undefined, type: string | undefined) => {
      if (type === undefined) return refuse('ValueError', 'incomplete format')
      if (type === '%') return '%'
      const layout = { flags, width: size(width) ?? 0, precision: size(precision) }
      const converted = convert(name === undefined ? supply.next() : supply.named(name), type, layout)
      const missing = ' '.repeat(Math.max(0, layout.width - codePoints(converted).length))
      return flags.includes('-') ? converted + missing : missing + converted
    },
  )
  supply.end()
  return formatted
}
