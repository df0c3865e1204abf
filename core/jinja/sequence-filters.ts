/** Filters on what can be gone through. Source: `jinja2/filters.py`. */
import type { Parameter } from './arguments.ts'
import { attributeOf, itemOf } from './lookup.ts'
import { arithmetic, compare, indexOf } from './operators.ts'
import { textOf } from './python-text.ts'
import { checkCount, refuse } from './refusal.ts'
import { TEXT_FILTERS, filterOf, type FilterFunction } from './text-filters.ts'
import { TESTS } from './tests-of-values.ts'
import { type Args, codePoints, Dict, Group, isTruthy, Iter, iterate, lengthOf, Tuple, typeName, Undefined, type Value } from './values.ts'

type Getter = (item: Value) => Value
const listOf = (value: Value): readonly Value[] => {
  const items = Array.from(iterate(value))
  checkCount(items.length)
  return items
}

/** `user.name.0`: a path of keys; parts of digits are positions. */
function pathGetter(path: Value, fallback: Value = null): Getter {
  if (path === null) return (item) => item
  const parts: readonly Value[] = typeof path === 'string' ? path.split('.').map((part) => (/^\d+$/.test(part) ? BigInt(part) : part)) : [path]
  return (item) =>
    parts.reduce((value, part) => {
      const found = itemOf(value, part)
      return fallback !== null && found instanceof Undefined ? fallback : found
    }, item)
}

const ignoreCase = (value: Value): Value => (typeof value === 'string' ? value.toLowerCase() : value)
const keyGetter = (path: Value, caseSensitive: Value): Getter => {
  const get = pathGetter(path)
  return isTruthy(caseSensitive) ? get : (item) => ignoreCase(get(item))
}

/** Stable, also when reversed. */
function sorted<Item>(items: readonly Item[], key: (item: Item) => Value, isReversed: boolean): Item[] {
  const keyed = items.map((item) => ({ item, key: key(item) }))
  return keyed.sort((a, b) => (isReversed ? compare(b.key, a.key) : compare(a.key, b.key))).map(({ item }) => item)
}

function sortKey(path: Value, caseSensitive: Value): Getter {
  const getters = (typeof path === 'string' ? path.split(',') : [path]).map((one) => keyGetter(one, caseSensitive))
  return (item) => getters.map((get) => get(item))
}

function call(table: 'filter' | 'test', name: Value, value: Value, args: Args): Value {
  const text = typeof name === 'string' ? name : typeName(name)
  const isFilter = table === 'filter'
  if (!Object.hasOwn(isFilter ? FILTERS : TESTS, text)) return refuse('TypeError', `no ${table} named '${text}'`)
  return isFilter ? (FILTERS[text]?.(value, args) ?? null) : (TESTS[text]?.(value, args.positional) ?? null)
}
/** @throws {TemplateRefusal} TypeError for a filter that Jinja does not have */
export const applyFilter = (name: string, value: Value, args: Args): Value => call('filter', name, value, args)
/** @throws {TemplateRefusal} TypeError for a test that Jinja does not have */
export const applyTest = (name: string, value: Value, args: Args): boolean => isTruthy(call('test', name, value, args))

const selecting =
  (byAttribute: boolean, wanted: boolean): FilterFunction =>
  (value, { positional, named }) => {
    const [path, ...others] = byAttribute ? positional : [null, ...positional]
    if (path === undefined) return refuse('TypeError', 'the name of an attribute is missing')
    const [get, [test, ...rest]] = [pathGetter(path), others]
    const holds = (item: Value): boolean => (test === undefined ? isTruthy(item) : isTruthy(call('test', test, item, { positional: rest, named })))
    function* chosen(): Generator<Value> {
      if (isTruthy(value)) for (const item of iterate(value)) if (holds(get(item)) === wanted) yield item
    }
    return new Iter(chosen())
  }

const mapping: FilterFunction = (value, { positional, named }) => {
  const attribute = named.get('attribute')
  const [filter, ...rest] = positional
  function* mapped(): Generator<Value> {
    if (!isTruthy(value)) return
    if (filter === undefined && attribute === undefined) refuse('TypeError', 'map requires a filter argument')
    const get: Getter =
      filter === undefined
        ? pathGetter(attribute ?? null, named.get('default') ?? null)
        : (item) => call('filter', filter, item, { positional: rest, named })
    for (const item of iterate(value)) yield get(item)
  }
  return new Iter(mapped())
}

function unique(value: Value, caseSensitive: Value, path: Value): Value {
  function* firsts(): Generator<Value> {
    const key = keyGetter(path, caseSensitive)
    let seen = new Dict([])
    for (const item of iterate(value)) {
      const found = key(item)
      if (seen.has(found)) continue
      seen = new Dict([...seen.entries(), [found, true]])
      yield item
    }
  }
  return new Iter(firsts())
}

const extreme = (name: string, sign: number): FilterFunction =>
  filterOf(
    name,
    [
      ['case_sensitive', false],
      ['attribute', null],
    ],
    (value, [caseSensitive = null, path = null]) => {
      const [items, key] = [listOf(value), keyGetter(path, caseSensitive)]
      const [first] = items
      if (first === undefined) return new Undefined('no aggregated item, the sequence was empty')
      return items.reduce((best, item) => (compare(key(item), key(best)) * sign > 0 ? item : best), first)
    },
  )

function grouped(value: Value, path: Value, fallback: Value, caseSensitive: Value): Value {
  const get = pathGetter(path, fallback)
  const key: Getter = isTruthy(caseSensitive) ? get : (item) => ignoreCase(get(item))
  const groups: { key: Value; name: Value; items: Value[] }[] = []
  for (const item of sorted(listOf(value), key, false)) {
    const last = groups.at(-1)
    if (last && compare(last.key, key(item)) === 0) last.items.push(item)
    else groups.push({ key: key(item), name: get(item), items: [item] })
  }
  return groups.map(({ name, items }) => new Group(name, items))
}

function batches(value: Value, size: number, fill: Value): Value {
  const items = listOf(value)
  const rows = Array.from({ length: Math.ceil(items.length / Math.max(1, size)) }, (_, i) => items.slice(i * size, (i + 1) * size))
  return new Iter(rows.map((row) => (fill === null ? row : [...row, ...Array.from({ length: size - row.length }, () => fill)])))
}

function slices(value: Value, count: number, fill: Value): Value {
  checkCount(count)
  const items = listOf(value)
  const [each, extra] = [Math.floor(items.length / count), items.length % count]
  const parts = Array.from({ length: count }, (_, i) => {
    const start = i * each + Math.min(i, extra)
    const part = items.slice(start, start + each + (i < extra ? 1 : 0))
    return fill !== null && i >= extra ? [...part, fill] : part
  })
  return new Iter(parts)
}

const COUNT = filterOf('length', [], (value) => BigInt(lengthOf(value)))
const CASE_AND_PATH: readonly Parameter[] = [
  ['case_sensitive', false],
  ['attribute', null],
]

const SEQUENCE_FILTERS: Readonly<Record<string, FilterFunction>> = {
  length: COUNT,
  count: COUNT,
  list: filterOf('list', [], listOf),
  first: filterOf('first', [], (value) => {
    for (const item of iterate(value)) return item
    return new Undefined('no first item, the sequence was empty')
  }),
  last: filterOf('last', [], (value) => {
    if (value instanceof Iter) return refuse('TypeError', "'generator' object is not reversible")
    const last = listOf(value).at(-1)
    return last === undefined ? new Undefined('no last item, the sequence was empty') : last
  }),
  join: filterOf(
    'join',
    [
      ['d', ''],
      ['attribute', null],
    ],
    (value, [separator = null, path = null]) => listOf(value).map(pathGetter(path)).map(textOf).join(textOf(separator)),
  ),
  sum: filterOf(
    'sum',
    [
      ['attribute', null],
      ['start', 0n],
    ],
    (value, [path = null, start = null]) =>
      listOf(value)
        .map(pathGetter(path))
        .reduce((total, item) => arithmetic('+', total, item), start),
  ),
  sort: filterOf('sort', [['reverse', false], ...CASE_AND_PATH], (value, [reverse = null, caseSensitive = null, path = null]) =>
    sorted(listOf(value), sortKey(path, caseSensitive), isTruthy(reverse)),
  ),
  unique: filterOf('unique', CASE_AND_PATH, (value, [caseSensitive = null, path = null]) => unique(value, caseSensitive, path)),
  min: extreme('min', -1),
  max: extreme('max', 1),
  groupby: filterOf('groupby', [['attribute'], ['default', null], ['case_sensitive', false]], (value, [path = null, fallback = null, cased = null]) =>
    grouped(value, path, fallback, cased),
  ),
  dictsort: filterOf(
    'dictsort',
    [
      ['case_sensitive', false],
      ['by', 'key'],
      ['reverse', false],
    ],
    (value, [caseSensitive = null, by = null, reverse = null]) => {
      if (!(value instanceof Dict)) return refuse(value instanceof Undefined ? 'UndefinedError' : 'TypeError', `${typeName(value)} is no dict`)
      if (by !== 'key' && by !== 'value') return refuse('ValueError', 'you can only sort by either "key" or "value"')
      const key = ([name, item]: readonly [Value, Value]): Value => {
        const one = by === 'key' ? name : item
        return isTruthy(caseSensitive) ? one : ignoreCase(one)
      }
      return sorted(value.entries(), key, isTruthy(reverse)).map((entry) => new Tuple(entry))
    },
  ),
  items: filterOf('items', [], (value) => {
    if (value instanceof Undefined) return new Iter([])
    return value instanceof Dict
      ? new Iter(value.entries().map((entry) => new Tuple(entry)))
      : refuse('TypeError', 'can only get item pairs from a mapping')
  }),
  reverse: filterOf('reverse', [], (value) => {
    if (typeof value === 'string') return Array.from(codePoints(value)).reverse().join('')
    const items = [...listOf(value)].reverse()
    return value instanceof Iter ? items : new Iter(items)
  }),
  batch: filterOf('batch', [['linecount'], ['fill_with', null]], (value, [size = null, fill = null]) => batches(value, indexOf(size), fill)),
  slice: filterOf('slice', [['slices'], ['fill_with', null]], (value, [count = null, fill = null]) => slices(value, indexOf(count), fill)),
  attr: filterOf('attr', [['name']], (value, [name = null]) => attributeOf(value, textOf(name)) ?? new Undefined(`no attribute '${textOf(name)}'`)),
  map: mapping,
  select: selecting(false, true),
  reject: selecting(false, false),
  selectattr: selecting(true, true),
  rejectattr: selecting(true, false),
}

const FILTERS: Readonly<Record<string, FilterFunction>> = { ...TEXT_FILTERS, ...SEQUENCE_FILTERS }
