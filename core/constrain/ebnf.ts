/** Pieces of grammars in xgrammar's EBNF, and the parts of JSON that every schema needs. */

/** A text as a literal. */
export function literal(text: string): string {
  const escaped = Array.from(text, (character) => {
    const code = character.codePointAt(0) ?? 0
    if (character === '"' || character === '\\') return `\\${character}`
    if (code >= 0x20 && code < 0x7f) return character
    return code > 0xffff ? `\\U${code.toString(16).padStart(8, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`
  })
  return `"${escaped.join('')}"`
}

export const oneOf = (choices: readonly string[]): string => (choices.length === 1 ? (choices[0] ?? '""') : `(${choices.join(' | ')})`)

/** `count` in a row, written out: xgrammar 0.1.27 takes repetitions of one thing with different counts for each other. */
export const times = (item: string, count: number): string => Array.from({ length: count }, () => item).join(' ')
/** Up to `count` in a row. */
export const upTo = (item: string, count: number): string => (count <= 0 ? '""' : count === 1 ? `${item}?` : `(${item} ${upTo(item, count - 1)})?`)

/** Most digits of a number's integer part: all integers of 15 digits are exact in a double. */
export const MAX_DIGITS = 15

/**
 * JSON on one line, with the spaces of Python's `json.dumps`: models have seen most of it so, and room for spaces is room to ramble in.
 * Strings have no \u escapes: they could spell half a character, and count as several.
 */
export const JSON_RULES: Readonly<Record<string, string>> = {
  json_char: '[^"\\\\\\x00-\\x1f] | "\\\\" ["\\\\/bfnrt]',
  json_string: '"\\"" json_char* "\\""',
  json_integer: `"-"? ("0" | [1-9] ${upTo('[0-9]', MAX_DIGITS - 1)})`,
  json_number: `json_integer ("." [0-9] ${upTo('[0-9]', MAX_DIGITS - 1)})? ([eE] [-+]? [0-9] [0-9]?)?`,
  json_boolean: '"true" | "false"',
  json_null: '"null"',
  json_any: 'json_string | json_number | json_boolean | json_null | json_array | json_object',
  json_array: '"[" (json_any (", " json_any)*)? "]"',
  json_object: '"{" (json_string ": " json_any (", " json_string ": " json_any)*)? "}"',
}

/** As `JSON.stringify`, with the spaces that the rules have. */
export function jsonText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(jsonText).join(', ')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  return `{${Object.entries(value)
    .map(([key, inner]) => `${JSON.stringify(key)}: ${jsonText(inner)}`)
    .join(', ')}}`
}

const DATE = '[0-9] [0-9] [0-9] [0-9] "-" ("0" [1-9] | "1" [0-2]) "-" ("0" [1-9] | "1" [0-9] | "2" [0-8])'
const TIME = '([01] [0-9] | "2" [0-3]) ":" [0-5] [0-9] ":" [0-5] [0-9] ("." [0-9] [0-9] [0-9])? ("Z" | [-+] ([01] [0-9] | "2" [0-3]) ":" [0-5] [0-9])'
const OCTET = '([0-9] | [1-9] [0-9] | "1" [0-9] [0-9] | "2" [0-4] [0-9] | "25" [0-5])'
const HEX = (count: number): string => times('[0-9a-f]', count)
const LABEL = `[a-z] ${upTo('[a-z0-9]', 19)}`
/** The formats of strings that can be kept to; each a part of what its specification allows. Days end with 28, which every month has. */
export const FORMATS: Readonly<Record<string, string>> = {
  date: DATE,
  time: TIME,
  'date-time': `${DATE} "T" ${TIME}`,
  uuid: `${HEX(8)} "-" ${HEX(4)} "-" ${HEX(4)} "-" ${HEX(4)} "-" ${HEX(12)}`,
  ipv4: `${OCTET} "." ${OCTET} "." ${OCTET} "." ${OCTET}`,
  email: `${LABEL} ("." ${LABEL})? "@" ${LABEL} "." [a-z] [a-z] ${upTo('[a-z]', 8)}`,
  hostname: `${LABEL} ("." ${LABEL})?`,
}
