/** Python's `json.dumps`, which transformers' filter `tojson` calls. */
import { compare } from './operators.ts'
import { floatText } from './python-text.ts'
import { checkLength, refuse } from './refusal.ts'
import { Dict, Group, isList, Tuple, typeName, type Value } from './values.ts'

export type JsonLayout = {
  readonly ensureAscii: boolean
  /** What one level is indented by; null for everything on one line. */
  readonly indent: string | null
  readonly itemSeparator: string
  readonly keySeparator: string
  readonly sortKeys: boolean
}

const NAMED: Readonly<Record<string, string>> = { '"': '\\"', '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t', '\f': '\\f', '\b': '\\b' }
const unicodeEscape = (unit: string): string => NAMED[unit] ?? `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
// oxlint-disable-next-line no-control-regex
const NEEDS_ESCAPE = /["\\\x00-\x1f]/g
/** By halves of characters, so that those outside the first plane become two escapes. */
const NOT_ASCII = /[^ !#-[\]-~]/g

const textJson = (text: string, ensureAscii: boolean): string => `"${text.replace(ensureAscii ? NOT_ASCII : NEEDS_ESCAPE, unicodeEscape)}"`

function floatJson(value: number): string {
  if (Number.isFinite(value)) return floatText(value)
  return Number.isNaN(value) ? 'NaN' : value > 0 ? 'Infinity' : '-Infinity'
}

function scalarJson(value: Value): string | null {
  if (value === null) return 'null'
  if (typeof value === 'boolean') return String(value)
  if (typeof value === 'bigint') return value.toString()
  return typeof value === 'number' ? floatJson(value) : null
}

function keyText(key: Value): string {
  if (typeof key === 'string') return key
  return scalarJson(key) ?? refuse('TypeError', `keys must be str, int, float, bool or None, not ${typeName(key)}`)
}

/** @throws {TemplateRefusal} TypeError for what JSON has no form of, an undefined value among them */
export function toJson(value: Value, layout: JsonLayout, margin = ''): string {
  const scalar = scalarJson(value)
  if (scalar !== null) return scalar
  if (typeof value === 'string') return textJson(value, layout.ensureAscii)
  const inner = margin + (layout.indent ?? '')
  const wrap = (open: string, parts: readonly string[], close: string): string => {
    if (parts.length === 0) return open + close
    checkLength(parts.reduce((total, part) => total + part.length, 0))
    if (layout.indent === null) return open + parts.join(layout.itemSeparator) + close
    return `${open}\n${inner}${parts.join(`${layout.itemSeparator}\n${inner}`)}\n${margin}${close}`
  }
  if (value instanceof Dict) {
    const entries = layout.sortKeys ? [...value.entries()].sort(([a], [b]) => compare(a, b)) : value.entries()
    const parts = entries.map(([key, item]) => textJson(keyText(key), layout.ensureAscii) + layout.keySeparator + toJson(item, layout, inner))
    return wrap('{', parts, '}')
  }
  const items = isList(value) ? value : value instanceof Tuple || value instanceof Group ? value.items : null
  if (!items) return refuse('TypeError', `Object of type ${typeName(value)} is not JSON serializable`)
  return wrap(
    '[',
    items.map((item) => toJson(item, layout, inner)),
    ']',
  )
}
