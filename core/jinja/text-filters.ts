/** Filters that give a text or a number. Source: `jinja2/filters.py`. */
import { bind, type Parameter } from './arguments.ts'
import { roundFloat, roundInt } from './number-format.ts'
import { indexOf, numberOf } from './operators.ts'
import { formatPercent } from './percent-format.ts'
import { textOf } from './python-text.ts'
import { checkLength, refuse } from './refusal.ts'
import { asText, capitalize, centered, replaceText, splitLines, stripText } from './text-methods.ts'
import { toJson } from './to-json.ts'
import { type Args, codePoints, Dict, isTruthy, refuseUndefined, Tuple, typeName, Undefined, type Value } from './values.ts'

export type FilterFunction = (value: Value, args: Args) => Value

/** A filter with parameters of its own. */
export const filterOf =
  (name: string, parameters: readonly Parameter[], run: (value: Value, values: readonly Value[]) => Value): FilterFunction =>
  (value, args) =>
    run(value, bind(name, args, parameters))

const onText = (name: string, run: (text: string) => Value): FilterFunction => filterOf(name, [], (value) => run(textOf(value)))

const NUMBER = /^[\s]*([+-]?)(\d[\d_]*)[\s]*$/
const RADIX_DIGITS = '0123456789abcdefghijklmnopqrstuvwxyz'

function parseInt10(text: string): bigint | null {
  const [, sign = '', digits] = NUMBER.exec(text) ?? []
  return digits === undefined || /__|_$/.test(digits) ? null : BigInt(sign === '-' ? -1 : 1) * BigInt(digits.replaceAll('_', ''))
}

function parseRadix(text: string, base: number): bigint | null {
  const [, sign = '', digits = ''] = /^\s*([+-]?)(?:0[xXoObB])?([\da-z]+)\s*$/i.exec(text) ?? []
  const values = Array.from(digits.toLowerCase(), (digit) => RADIX_DIGITS.indexOf(digit))
  if (values.length === 0 || values.some((value) => value < 0 || value >= base)) return null
  const size = values.reduce((total, value) => total * BigInt(base) + BigInt(value), 0n)
  return sign === '-' ? -size : size
}

function parseFloatText(text: string): number | null {
  const bare = text.trim().replaceAll('_', '')
  if (/^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(bare)) return Number(bare)
  const [, sign, word] = /^([+-]?)(inf(?:inity)?|nan)$/i.exec(bare) ?? []
  return word === undefined ? null : word.toLowerCase() === 'nan' ? Number.NaN : sign === '-' ? -Infinity : Infinity
}

function toInt(value: Value, fallback: Value, base: Value): Value {
  refuseUndefined(value)
  if (typeof value === 'string') {
    const whole = indexOf(base) === 10 ? parseInt10(value) : parseRadix(value, indexOf(base))
    if (whole !== null) return whole
  }
  const number = typeof value === 'string' ? parseFloatText(value) : numberOf(value)
  if (typeof number === 'bigint') return number
  return number === null || !Number.isFinite(number) ? fallback : BigInt(Math.trunc(number))
}

function toFloat(value: Value, fallback: Value): Value {
  refuseUndefined(value)
  const number = typeof value === 'string' ? parseFloatText(value) : numberOf(value)
  return number === null ? fallback : Number(number)
}

function rounded(value: Value, precision: Value, method: Value): Value {
  refuseUndefined(value)
  const [number, places] = [numberOf(value), indexOf(precision)]
  if (number === null) return refuse('TypeError', `type ${typeName(value)} cannot be rounded`)
  if (method === 'common') return typeof number === 'bigint' ? roundInt(number, places) : roundFloat(number, places)
  if (method !== 'ceil' && method !== 'floor') return refuse('ValueError', 'method must be common, ceil or floor')
  const unit = 10 ** places
  return Math[method](Number(number) * unit) / unit
}

function indented(value: Value, width: Value, first: Value, blank: Value): Value {
  const text = asText(value)
  const indention = typeof width === 'string' ? width : ' '.repeat(Math.max(0, indexOf(width)))
  const lines = splitLines(`${text}\n`)
  checkLength(text.length + lines.length * indention.length)
  const body = isTruthy(blank) ? lines.join(`\n${indention}`) : lines.map((line, i) => (i > 0 && line !== '' ? indention + line : line)).join('\n')
  return isTruthy(first) ? indention + body : body
}

function truncated(value: Value, length: Value, killWords: Value, end: Value, leeway: Value): Value {
  const [characters, most, mark] = [Array.from(asText(value)), indexOf(length), asText(end)]
  const spare = leeway === null ? 5 : indexOf(leeway)
  if (most < mark.length || spare < 0) return refuse('ValueError', `expected a length of at least ${mark.length}`)
  if (characters.length <= most + spare) return value
  const kept = characters.slice(0, most - codePoints(mark).length).join('')
  if (isTruthy(killWords)) return kept + mark
  const space = kept.lastIndexOf(' ')
  return (space < 0 ? kept : kept.slice(0, space)) + mark
}

const WORD_BREAK = /([-\s({[<]+)/
const title = (text: string): string => text.split(WORD_BREAK).map(capitalize).join('')

const HTML: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', "'": '&#39;', '"': '&#34;' }
const escapeHtml = onText('escape', (text) => text.replace(/[&<>'"]/g, (sign) => HTML[sign] ?? sign))

function separators(value: Value, hasIndent: boolean): readonly [string, string] {
  if (value === null) return [hasIndent ? ',' : ', ', ': ']
  const [item, key] = value instanceof Tuple ? value.items : Array.isArray(value) ? value : []
  return [asText(item), asText(key)]
}

const JSON_PARAMETERS: readonly Parameter[] = [
  ['ensure_ascii', false],
  ['indent', null],
  ['separators', null],
  ['sort_keys', false],
]
const tojson = filterOf('tojson', JSON_PARAMETERS, (value, [ascii = false, indent = null, given = null, sorted = false]) => {
  const step = indent === null || typeof indent === 'string' ? indent : ' '.repeat(Math.max(0, indexOf(indent)))
  const [itemSeparator, keySeparator] = separators(given, step !== null)
  return toJson(value, { ensureAscii: isTruthy(ascii), indent: step, itemSeparator, keySeparator, sortKeys: isTruthy(sorted) })
})

const DEFAULT: FilterFunction = filterOf(
  'default',
  [
    ['default_value', ''],
    ['boolean', false],
  ],
  (value, [fallback = null, boolean = false]) => (value instanceof Undefined || (isTruthy(boolean) && !isTruthy(value)) ? fallback : value),
)

export const TEXT_FILTERS: Readonly<Record<string, FilterFunction>> = {
  tojson,
  default: DEFAULT,
  d: DEFAULT,
  string: onText('string', (text) => text),
  safe: onText('safe', (text) => text),
  e: escapeHtml,
  escape: escapeHtml,
  forceescape: escapeHtml,
  upper: onText('upper', (text) => text.toUpperCase()),
  lower: onText('lower', (text) => text.toLowerCase()),
  capitalize: onText('capitalize', capitalize),
  title: onText('title', title),
  wordcount: onText('wordcount', (text) => BigInt(text.match(/[\p{L}\p{N}_]+/gu)?.length ?? 0)),
  striptags: onText('striptags', (text) =>
    text
      .replace(/<!--[\s\S]*?-->|<[^>]*>/g, '')
      .trim()
      .split(/\s+/)
      .join(' '),
  ),
  urlencode: onText('urlencode', (text) =>
    encodeURIComponent(text).replace(/[!'()*]|%2F/g, (sign) => (sign === '%2F' ? '/' : `%${sign.charCodeAt(0).toString(16).toUpperCase()}`)),
  ),
  trim: filterOf('trim', [['chars', null]], (value, [set]) => stripText(textOf(value), set)),
  center: filterOf('center', [['width', 80n]], (value, [width = null]) => centered(textOf(value), width)),
  replace: filterOf('replace', [['old'], ['new'], ['count', null]], (value, [old = null, fresh = null, count = null]) =>
    replaceText(textOf(value), old, fresh, count === null ? -1 : indexOf(count)),
  ),
  indent: filterOf(
    'indent',
    [
      ['width', 4n],
      ['first', false],
      ['blank', false],
    ],
    (value, [width = null, first = null, blank = null]) => indented(value, width, first, blank),
  ),
  truncate: filterOf(
    'truncate',
    [
      ['length', 255n],
      ['killwords', false],
      ['end', '...'],
      ['leeway', null],
    ],
    (value, [length = null, kill = null, end = null, leeway = null]) => truncated(value, length, kill, end, leeway),
  ),
  format: (value, { positional, named }) => {
    if (positional.length > 0 && named.size > 0) return refuse('TypeError', 'format takes either positional or named arguments')
    return formatPercent(textOf(value), named.size > 0 ? new Dict(named) : new Tuple(positional))
  },
  int: filterOf(
    'int',
    [
      ['default', 0n],
      ['base', 10n],
    ],
    (value, [fallback = null, base = null]) => toInt(value, fallback, base),
  ),
  float: filterOf('float', [['default', 0]], (value, [fallback = null]) => toFloat(value, fallback)),
  round: filterOf(
    'round',
    [
      ['precision', 0n],
      ['method', 'common'],
    ],
    (value, [precision = null, method = null]) => rounded(value, precision, method),
  ),
  abs: filterOf('abs', [], (value) => {
    refuseUndefined(value)
    const number = numberOf(value)
    if (number === null) return refuse('TypeError', `bad operand type for abs(): '${typeName(value)}'`)
    return number < 0 || Object.is(number, -0) ? -number : number
  }),
}
