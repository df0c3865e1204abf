/** The methods of Python's `str`. Positions count code points. */
import { bind, type Parameter } from './arguments.ts'
import { indexOf } from './operators.ts'
import { isSpace, SPACES, textOf, trimEnd, trimStart } from './python-text.ts'
import { checkLength, refuse } from './refusal.ts'
import { Callable, codePoints, iterate, refuseUndefined, Tuple, typeName, type Value } from './values.ts'

type Method = { readonly parameters: readonly Parameter[]; readonly run: (text: string, values: readonly Value[]) => Value }

export function asText(value: Value | undefined, what = 'argument'): string {
  if (typeof value === 'string') return value
  if (value !== undefined) refuseUndefined(value)
  return refuse('TypeError', `${what} must be str, not ${typeName(value ?? null)}`)
}

const optionalInt = (value: Value | undefined, fallback: number): number => (value === null || value === undefined ? fallback : indexOf(value))

/** Removes characters of a set from the ends; null means whitespace. */
function strip(text: string, set: Value | undefined, ends: 'both' | 'start' | 'end'): string {
  if (set === null || set === undefined) {
    const start = ends === 'end' ? text : trimStart(text)
    return ends === 'start' ? start : trimEnd(start)
  }
  const removed = new Set(Array.from(asText(set)))
  const characters = Array.from(text)
  let [from, to] = [0, characters.length]
  if (ends !== 'end') while (from < to && removed.has(characters[from] ?? '')) from++
  if (ends !== 'start') while (to > from && removed.has(characters[to - 1] ?? '')) to--
  return characters.slice(from, to).join('')
}
const stripping = (ends: 'both' | 'start' | 'end'): Method => ({
  parameters: [['chars', null]],
  run: (text, [set]) => strip(text, set, ends),
})

const WORDS = new RegExp(`[^${SPACES}]+`, 'g')
const LINES = /\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]/g

function splitWords(text: string, most: number): string[] {
  const parts: string[] = []
  for (const { 0: word, index } of text.matchAll(WORDS)) {
    if (most >= 0 && parts.length === most) return [...parts, trimEnd(text.slice(index))]
    parts.push(word)
  }
  return parts
}

function splitWordsFromEnd(text: string, most: number): string[] {
  const found = [...text.matchAll(WORDS)]
  if (most < 0 || found.length <= most) return found.map(([word]) => word)
  const kept = found.slice(found.length - most)
  const rest = kept[0] ? text.slice(0, kept[0].index) : text
  return [trimStart(trimEnd(rest)), ...kept.map(([word]) => word)]
}

function splitBy(text: string, separator: string, most: number, fromEnd: boolean): string[] {
  if (separator === '') return refuse('ValueError', 'empty separator')
  const parts = text.split(separator)
  if (most < 0 || parts.length - 1 <= most) return parts
  const cut = fromEnd ? parts.length - most : most
  return fromEnd ? [parts.slice(0, cut).join(separator), ...parts.slice(cut)] : [...parts.slice(0, cut), parts.slice(cut).join(separator)]
}

const splitting = (fromEnd: boolean): Method => ({
  parameters: [
    ['sep', null],
    ['maxsplit', -1n],
  ],
  run: (text, [separator = null, limit]) => {
    const most = optionalInt(limit, -1)
    if (separator === null) return fromEnd ? splitWordsFromEnd(text, most) : splitWords(text, most)
    return splitBy(text, asText(separator), most, fromEnd)
  },
})

export function splitLines(text: string, keepEnds = false): string[] {
  const lines: string[] = []
  let start = 0
  for (const { 0: end, index } of text.matchAll(LINES)) {
    lines.push(text.slice(start, index) + (keepEnds ? end : ''))
    start = index + end.length
  }
  return start < text.length ? [...lines, text.slice(start)] : lines
}

/** The part of `text` between two positions of Python, and how many code points lie before it. Null where start lies behind the end. */
function between(text: string, start: Value | undefined, end: Value | undefined): { part: string; before: number } | null {
  const characters = Array.from(text)
  const place = (value: Value | undefined, fallback: number): number => {
    const at = optionalInt(value, fallback)
    return at < 0 ? Math.max(0, at + characters.length) : at
  }
  const [from, to] = [place(start, 0), Math.min(characters.length, place(end, characters.length))]
  return from > to ? null : { part: characters.slice(from, to).join(''), before: from }
}
const RANGE: readonly Parameter[] = [
  ['start', null],
  ['end', null],
]

const searching = (last: boolean, mustFind: boolean): Method => ({
  parameters: [['sub'], ...RANGE],
  run: (text, [sub, start, end]) => {
    const range = between(text, start, end)
    const at = range ? (last ? range.part.lastIndexOf(asText(sub)) : range.part.indexOf(asText(sub))) : -1
    if (range && at >= 0) return BigInt(range.before + codePoints(range.part.slice(0, at)).length)
    return mustFind ? refuse('ValueError', 'substring not found') : -1n
  },
})

const affix = (matches: (part: string, affix: string) => boolean): Method => ({
  parameters: [['affix'], ...RANGE],
  run: (text, [wanted = null, start, end]) => {
    const range = between(text, start, end)
    const any = wanted instanceof Tuple ? wanted.items : [wanted]
    return any.map((one) => asText(one)).some((one) => range !== null && matches(range.part, one))
  },
})

function justified(text: string, width: Value | undefined, fill: Value | undefined, left: (missing: number, width: number) => number): string {
  const [size, filler] = [indexOf(width ?? null), asText(fill)]
  if (codePoints(filler).length !== 1) return refuse('TypeError', 'the fill character must be exactly one character long')
  checkLength(size)
  const missing = Math.max(0, size - codePoints(text).length)
  const before = missing === 0 ? 0 : left(missing, size)
  return filler.repeat(before) + text + filler.repeat(missing - before)
}
const justifying = (left: (missing: number, width: number) => number): Method => ({
  parameters: [['width'], ['fillchar', ' ']],
  run: (text, [width, fill]) => justified(text, width, fill, left),
})
/** Where the padding is odd, Python puts the odd one left if the width is odd too. */
export const centerLeft = (missing: number, width: number): number => Math.floor(missing / 2) + (missing & width & 1)

const partitioning = (last: boolean): Method => ({
  parameters: [['sep']],
  run: (text, [sep]) => {
    const separator = asText(sep)
    if (separator === '') return refuse('ValueError', 'empty separator')
    const at = last ? text.lastIndexOf(separator) : text.indexOf(separator)
    if (at < 0) return new Tuple(last ? ['', '', text] : [text, '', ''])
    return new Tuple([text.slice(0, at), separator, text.slice(at + separator.length)])
  },
})

const LETTER = /\p{L}/u
const CASED = /\p{Lu}|\p{Ll}|\p{Lt}/u
const upperFirst = (text: string): string =>
  Array.from(text, (character, i) => (i === 0 ? character.toUpperCase() : character.toLowerCase())).join('')
export const capitalize = (text: string): string => {
  const [first = ''] = Array.from(text)
  return first.toUpperCase() + text.slice(first.length).toLowerCase()
}

const every = (pattern: RegExp) => (text: string) => text !== '' && Array.from(text).every((character) => pattern.test(character))
const inCase = (other: RegExp) => (text: string) => CASED.test(text) && !Array.from(text).some((character) => other.test(character))
/** What `str.is…()` tells. */
export const CLAIMS: Readonly<Record<string, (text: string) => boolean>> = {
  isalnum: every(/[\p{L}\p{N}]/u),
  isalpha: every(LETTER),
  // oxlint-disable-next-line no-control-regex
  isascii: (text) => /^[\x00-\x7f]*$/.test(text),
  isdecimal: every(/\p{Nd}/u),
  isdigit: every(/[\p{Nd}\xb2\xb3\xb9\u2070\u2074-\u2079\u2080-\u2089]/u),
  isnumeric: every(/\p{N}/u),
  isidentifier: (text) => /^[\p{L}_][\p{L}\p{N}_]*$/u.test(text),
  islower: inCase(/[\p{Lu}\p{Lt}]/u),
  isupper: inCase(/[\p{Ll}\p{Lt}]/u),
  isprintable: (text) => !/[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/u.test(text),
  isspace: (text) => text !== '' && Array.from(text).every(isSpace),
  istitle: (text) => CASED.test(text) && text === text.replace(/\p{L}+/gu, upperFirst),
}

function replaced(text: string, old: string, fresh: string, most: number): string {
  const isEmpty = old === ''
  const parts = isEmpty ? ['', ...Array.from(text), ''] : text.split(old)
  const count = most < 0 ? parts.length - 1 : Math.min(most, parts.length - 1)
  checkLength(text.length + count * fresh.length)
  const head = parts.slice(0, count + 1).join(fresh)
  const tail = parts.slice(count + 1)
  return tail.length === 0 ? head : isEmpty ? head + tail.join('') : [head, ...tail].join(old)
}

const plain = (run: (text: string) => Value): Method => ({ parameters: [], run })
const METHODS: Readonly<Record<string, Method>> = {
  ...Object.fromEntries(Object.entries(CLAIMS).map(([name, claim]) => [name, plain(claim)])),
  strip: stripping('both'),
  lstrip: stripping('start'),
  rstrip: stripping('end'),
  split: splitting(false),
  rsplit: splitting(true),
  find: searching(false, false),
  rfind: searching(true, false),
  index: searching(false, true),
  rindex: searching(true, true),
  startswith: affix((part, one) => part.startsWith(one)),
  endswith: affix((part, one) => part.endsWith(one)),
  ljust: justifying(() => 0),
  rjust: justifying((missing) => missing),
  center: justifying(centerLeft),
  partition: partitioning(false),
  rpartition: partitioning(true),
  lower: plain((text) => text.toLowerCase()),
  casefold: plain((text) => text.toLowerCase().replaceAll('ß', 'ss')),
  upper: plain((text) => text.toUpperCase()),
  capitalize: plain(capitalize),
  title: plain((text) => text.replace(/\p{L}+/gu, upperFirst)),
  swapcase: plain((text) => Array.from(text, (one) => (one === one.toLowerCase() ? one.toUpperCase() : one.toLowerCase())).join('')),
  splitlines: { parameters: [['keepends', false]], run: (text, [keep]) => splitLines(text, Boolean(keep)) },
  count: {
    parameters: [['sub'], ...RANGE],
    run: (text, [sub, start, end]) => {
      const range = between(text, start, end)
      const wanted = asText(sub)
      if (!range) return 0n
      return BigInt(wanted === '' ? codePoints(range.part).length + 1 : range.part.split(wanted).length - 1)
    },
  },
  replace: {
    parameters: [['old'], ['new'], ['count', -1n]],
    run: (text, [old, fresh, count]) => replaced(text, asText(old), asText(fresh), optionalInt(count, -1)),
  },
  removeprefix: { parameters: [['prefix']], run: (text, [one]) => (text.startsWith(asText(one)) ? text.slice(asText(one).length) : text) },
  removesuffix: {
    parameters: [['suffix']],
    run: (text, [one]) => (asText(one) !== '' && text.endsWith(asText(one)) ? text.slice(0, -asText(one).length) : text),
  },
  join: {
    parameters: [['iterable']],
    run: (text, [items = null]) => {
      refuseUndefined(items)
      return Array.from(iterate(items), (item) => asText(item, 'sequence item')).join(text)
    },
  },
  zfill: {
    parameters: [['width']],
    run: (text, [width]) => {
      const sign = /^[+-]/.exec(text)?.[0] ?? ''
      checkLength(indexOf(width ?? null))
      return sign + text.slice(sign.length).padStart(indexOf(width ?? null) - sign.length, '0')
    },
  },
  expandtabs: {
    parameters: [['tabsize', 8n]],
    run: (text, [size]) => {
      const stop = optionalInt(size, 8)
      checkLength(stop)
      let column = 0
      return Array.from(text, (one) => {
        if (one === '\n' || one === '\r') column = 0
        else if (one !== '\t') column++
        if (one !== '\t') return one
        const missing = stop > 0 ? stop - (column % stop) : 0
        column += missing
        return ' '.repeat(missing)
      }).join('')
    },
  },
}

/** A method of a text other than `format`, or undefined. */
export function textMethod(text: string, name: string): Callable | undefined {
  const method = Object.hasOwn(METHODS, name) ? METHODS[name] : undefined
  return method && new Callable(name, (args) => method.run(text, bind(name, args, method.parameters)))
}

export const replaceText = (text: string, old: Value, fresh: Value, count: number): string => replaced(text, textOf(old), textOf(fresh), count)
export const stripText = (text: string, set: Value | undefined): string => strip(text, set, 'both')
export const centered = (text: string, width: Value): string => justified(text, width, ' ', centerLeft)
