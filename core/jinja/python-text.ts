/** How Python prints values: `str()`, `repr()`, and floats by their shortest digits. */
import { Callable, Dict, DictView, Group, isList, Iter, LoopValue, Namespace, Tuple, Undefined, type Value } from './values.ts'

/** What `str.isspace` and `\s` mean in Python; JavaScript's `\s` differs in a few. Inside brackets of a regular expression. */
export const SPACES = '\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000'
const LEADING = new RegExp(`^[${SPACES}]+`)
const SPACE = new RegExp(`[${SPACES}]`)

export const isSpace = (character: string): boolean => SPACE.test(character)
export const trimStart = (text: string): string => text.replace(LEADING, '')
export function trimEnd(text: string): string {
  let end = text.length
  while (end > 0 && SPACE.test(text[end - 1] ?? '')) end--
  return text.slice(0, end)
}

/** Exponents from here on are written as such. */
const POSITIONAL_BELOW = 16

/** `repr(float)`. */
export function floatText(value: number): string {
  if (Number.isNaN(value)) return 'nan'
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf'
  const sign = value < 0 || Object.is(value, -0) ? '-' : ''
  const [mantissa = '', exponentText = '0'] = Math.abs(value).toExponential().split('e')
  const digits = mantissa.replace('.', '')
  const exponent = Number(exponentText)
  if (exponent < -4 || exponent >= POSITIONAL_BELOW) {
    const size = String(Math.abs(exponent)).padStart(2, '0')
    return `${sign}${mantissa}e${exponent < 0 ? '-' : '+'}${size}`
  }
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, '0')
  return `${sign}${whole}.${digits.slice(exponent + 1) || '0'}`
}

const NAMED_ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' }
/** Python's unprintable characters: everything of the categories Other and Separator but the space. */
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu

function escaped(character: string): string {
  const code = character.codePointAt(0) ?? 0
  const hex = code.toString(16)
  if (code < 0x100) return `\\x${hex.padStart(2, '0')}`
  return code < 0x10000 ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`
}

function textRepr(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'"
  const inner = text.replace(/[\\\n\r\t]/g, (character) => NAMED_ESCAPES[character] ?? character).replace(UNPRINTABLE, escaped)
  return `${quote}${inner.replaceAll(quote, `\\${quote}`)}${quote}`
}

const listed = (values: readonly Value[]): string => values.map(reprOf).join(', ')

function tupleRepr(items: readonly Value[]): string {
  return items.length === 1 ? `(${listed(items)},)` : `(${listed(items)})`
}

/** `repr(value)`. */
export function reprOf(value: Value): string {
  if (value === null) return 'None'
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  if (typeof value === 'bigint') return value.toString()
  if (typeof value === 'number') return floatText(value)
  if (typeof value === 'string') return textRepr(value)
  if (isList(value)) return `[${listed(value)}]`
  if (value instanceof Tuple || value instanceof Group) return tupleRepr(value.items)
  if (value instanceof Dict)
    return `{${value
      .entries()
      .map(([key, item]) => `${reprOf(key)}: ${reprOf(item)}`)
      .join(', ')}}`
  if (value instanceof DictView) return `${value.kind}([${listed(value.items)}])`
  if (value instanceof Undefined) return 'Undefined'
  if (value instanceof Namespace) return `<Namespace ${reprOf(new Dict(value.attributes))}>`
  if (value instanceof Callable) return `<function ${value.name}>`
  return value instanceof Iter ? '<generator object>' : value instanceof LoopValue ? '<LoopContext>' : ''
}

/** `str(value)`. */
export const textOf = (value: Value): string => (typeof value === 'string' ? value : value instanceof Undefined ? '' : reprOf(value))
