/** Python's `text.format(…)`. Source: the Python manual, "Format String Syntax". */
import { fixedText } from './number-format.ts'
import { numberOf } from './operators.ts'
import { floatDigits } from './percent-format.ts'
import { floatText, reprOf, textOf } from './python-text.ts'
import { checkLength, refuse } from './refusal.ts'
import { type Args, codePoints, typeName, type Value } from './values.ts'

const FIELD = /\{\{|\}\}|\{([^{}!:]*)(?:!([rsa]))?(?::((?:[^{}]|\{[^{}]*\})*))?\}|[{}]/g
const SPEC = /^(?:(.)?([<>=^]))?([-+ ])?(#)?(0)?(\d+)?([,_])?(?:\.(\d+))?([a-zA-Z%])?$/su

type Spec = {
  readonly fill: string
  readonly align: string
  readonly sign: string
  readonly alternate: boolean
  readonly width: number
  readonly grouping: string
  readonly precision: number | null
  readonly type: string
}

function parseSpec(text: string): Spec {
  const match = SPEC.exec(text)
  if (!match) return refuse('ValueError', `invalid format specifier '${text}'`)
  const [, fill, align, sign, alternate, zero, width, grouping, precision, type] = match
  checkLength(Math.max(Number(width ?? 0), Number(precision ?? 0)))
  return {
    fill: fill ?? (zero && !align ? '0' : ' '),
    align: align ?? (zero ? '=' : ''),
    sign: sign ?? '-',
    alternate: alternate !== undefined,
    width: Number(width ?? 0),
    grouping: grouping ?? '',
    precision: precision === undefined ? null : Number(precision),
    type: type ?? '',
  }
}

function padded(sign: string, body: string, { fill, align, width }: Spec, natural: '<' | '>'): string {
  const missing = Math.max(0, width - codePoints(sign + body).length)
  switch (align || natural) {
    case '<':
      return sign + body + fill.repeat(missing)
    case '^':
      return fill.repeat(Math.floor(missing / 2)) + sign + body + fill.repeat(Math.ceil(missing / 2))
    case '=':
      return sign + fill.repeat(missing) + body
    default:
      return fill.repeat(missing) + sign + body
  }
}

const grouped = (digits: string, separator: string, size: number): string =>
  separator === '' ? digits : digits.replace(new RegExp(`\\B(?=(\\w{${size}})+$)`, 'g'), separator)

const RADIX: Readonly<Record<string, readonly [number, string]>> = { b: [2, '0b'], o: [8, '0o'], x: [16, '0x'], X: [16, '0X'] }

function intBody(size: bigint, spec: Spec): string {
  if (spec.type === 'c') return String.fromCodePoint(Number(size))
  const [radix, prefix] = RADIX[spec.type] ?? [10, '']
  const digits = size.toString(radix)
  return (spec.alternate ? prefix : '') + grouped(spec.type === 'X' ? digits.toUpperCase() : digits, spec.grouping, radix === 10 ? 3 : 4)
}

function floatBody(size: number, spec: Spec): string {
  const type = spec.type.toLowerCase()
  if (type === '%') return `${fixedText(size * 100, spec.precision ?? 6)}%`
  const text =
    type === '' || type === 'n'
      ? spec.precision === null
        ? floatText(size)
        : floatDigits(size, 'g', spec.precision)
      : floatDigits(size, type, spec.precision ?? 6)
  const [whole = '', ...rest] = text.split('.')
  const body = [grouped(whole, spec.grouping, 3), ...rest].join('.')
  return spec.type === type ? body : body.toUpperCase()
}

function formatValue(value: Value, spec: Spec): string {
  const number = typeof value === 'boolean' && spec.type === '' ? null : numberOf(value)
  if (number === null) {
    if (spec.type !== '' && spec.type !== 's') return refuse('ValueError', `unknown format code '${spec.type}' for '${typeName(value)}'`)
    const text = textOf(value)
    return padded('', spec.precision === null ? text : Array.from(text).slice(0, spec.precision).join(''), spec, '<')
  }
  const isNegative = number < 0 || Object.is(number, -0)
  const sign = isNegative ? '-' : spec.sign === '-' ? '' : spec.sign
  const isInt = typeof number === 'bigint' && (spec.type === '' || 'bcdnoxX'.includes(spec.type))
  if (typeof number === 'bigint' && isInt) return padded(sign, intBody(isNegative ? -number : number, spec), spec, '>')
  if (spec.type !== '' && !'eEfFgGn%'.includes(spec.type)) return refuse('ValueError', `unknown format code '${spec.type}' for 'float'`)
  return padded(sign, floatBody(Math.abs(Number(number)), spec), spec, '>')
}

/**
 * @param itemOf looks up `{name.attribute[key]}`
 * @throws {TemplateRefusal} ValueError, TypeError
 */
export function formatBraces(text: string, { positional, named }: Args, itemOf: (value: Value, key: Value) => Value): string {
  let next = 0
  const find = (path: string): Value => {
    const [, first = '', rest = ''] = /^([^.[]*)(.*)$/s.exec(path) ?? []
    const start = first === '' || /^\d+$/.test(first) ? positional[first === '' ? next++ : Number(first)] : named.get(first)
    if (start === undefined) return refuse('ValueError', `format has no argument ${first || String(next - 1)}`)
    return Array.from(rest.matchAll(/\.([^.[]+)|\[([^\]]+)\]/g)).reduce<Value>(
      (value, [, attribute, key = '']) => itemOf(value, attribute ?? (/^\d+$/.test(key) ? BigInt(key) : key)),
      start,
    )
  }
  return text.replace(FIELD, (all, path: string | undefined, conversion: string | undefined, spec: string | undefined) => {
    if (all === '{{' || all === '}}') return all[0] ?? ''
    if (path === undefined) return refuse('ValueError', `single '${all}' in format string`)
    const value = find(path)
    const inner = (spec ?? '').replace(/\{([^{}]*)\}/g, (_, name: string) => textOf(find(name)))
    const shown = conversion === undefined ? value : conversion === 's' ? textOf(value) : reprOf(value)
    return inner === '' ? textOf(shown) : formatValue(shown, parseSpec(inner))
  })
}
