/** `value.name`, `value[key]` and slices, by Jinja's rules: each looks in the other's place too, and what is nowhere is undefined. */
import { bind } from './arguments.ts'
import { formatBraces } from './brace-format.ts'
import { indexOf, isEqual } from './operators.ts'
import { reprOf } from './python-text.ts'
import { refuse } from './refusal.ts'
import { textMethod } from './text-methods.ts'
import {
  Callable,
  codePoints,
  Dict,
  DictView,
  Group,
  isList,
  LoopValue,
  Namespace,
  refuseUndefined,
  Tuple,
  typeName,
  Undefined,
  type Value,
} from './values.ts'

/** Methods that would change a value: the sandbox hides them. */
const CHANGING: ReadonlySet<string> = new Set([
  'clear',
  'pop',
  'popitem',
  'setdefault',
  'update',
  'append',
  'extend',
  'insert',
  'remove',
  'reverse',
  'sort',
])

function dictMethod(dict: Dict, name: string): Value | undefined {
  const view = (kind: DictView['kind'], items: () => readonly Value[]): Callable =>
    new Callable(name, (args) => {
      bind(name, args, [])
      return new DictView(kind, items())
    })
  switch (name) {
    case 'items':
      return view('dict_items', () => dict.entries().map((entry) => new Tuple(entry)))
    case 'keys':
      return view('dict_keys', () => dict.keys())
    case 'values':
      return view('dict_values', () => dict.values())
    case 'copy':
      return new Callable(name, () => dict)
    case 'get':
      return new Callable(name, (args) => {
        const [key = null, fallback = null] = bind(name, args, [['key'], ['default', null]])
        const found = dict.get(key)
        return found === undefined ? fallback : found
      })
    default:
      return ['clear', 'pop', 'popitem', 'setdefault', 'update'].includes(name) ? hidden(name) : undefined
  }
}

function listMethod(items: readonly Value[], name: string): Value | undefined {
  switch (name) {
    case 'index':
      return new Callable(name, (args) => {
        const [wanted = null] = bind(name, args, [['value']])
        const at = items.findIndex((item) => isEqual(item, wanted))
        return at < 0 ? refuse('ValueError', `${reprOf(wanted)} is not in list`) : BigInt(at)
      })
    case 'count':
      return new Callable(name, (args) => {
        const [wanted = null] = bind(name, args, [['value']])
        return BigInt(items.filter((item) => isEqual(item, wanted)).length)
      })
    case 'copy':
      return new Callable(name, () => items)
    default:
      return CHANGING.has(name) ? hidden(name) : undefined
  }
}

const hidden = (name: string): Undefined => new Undefined(`access to attribute '${name}' is unsafe`)

/** What the value itself has under a name, without looking into a dict. */
export function attributeOf(value: Value, name: string): Value | undefined {
  refuseUndefined(value)
  if (/^__\w+__$/.test(name)) return hidden(name)
  if (typeof value === 'string') return name === 'format' ? new Callable(name, (args) => formatBraces(value, args, itemOf)) : textMethod(value, name)
  if (value instanceof Dict) return dictMethod(value, name)
  if (isList(value)) return listMethod(value, name)
  if (value instanceof Group && name === 'grouper') return value.items[0]
  if (value instanceof Group && name === 'list') return value.items[1]
  if (value instanceof Tuple || value instanceof Group) return name === 'copy' ? undefined : listMethod(value.items, name)
  if (value instanceof Namespace || value instanceof Callable) return value.attributes.get(name)
  return value instanceof LoopValue ? value.attribute(name) : undefined
}

/** What stands at a key or position. */
function subscript(value: Value, key: Value): Value | undefined {
  refuseUndefined(value)
  if (value instanceof Dict) {
    const isHashable = !isList(key) && !(key instanceof Dict)
    return isHashable ? value.get(key) : undefined
  }
  const items =
    typeof value === 'string' ? codePoints(value) : isList(value) ? value : value instanceof Tuple || value instanceof Group ? value.items : null
  if (!items || (typeof key !== 'bigint' && typeof key !== 'boolean')) return undefined
  const at = Number(key)
  return items[at < 0 ? at + items.length : at]
}

const missing = (value: Value, name: Value): Undefined =>
  new Undefined(
    typeof name === 'string' && !(value === null || value instanceof Namespace)
      ? `'${typeName(value)} object' has no attribute '${name}'`
      : `${reprOf(value).slice(0, 100)} has no element ${reprOf(name)}`,
  )

/** `value.name` */
export function memberOf(value: Value, name: string): Value {
  const attribute = attributeOf(value, name)
  if (attribute !== undefined) return attribute
  const item = subscript(value, name)
  return item === undefined ? missing(value, name) : item
}

/** `value[key]` */
export function itemOf(value: Value, key: Value): Value {
  const item = subscript(value, key)
  if (item !== undefined) return item
  const attribute = typeof key === 'string' ? attributeOf(value, key) : undefined
  return attribute === undefined ? missing(value, key) : attribute
}

const bound = (value: Value, fallback: number): number => (value === null ? fallback : indexOf(value))

/** `value[start:stop:step]`; None for what is left out. */
export function sliceOf(value: Value, start: Value, stop: Value, step: Value): Value {
  refuseUndefined(value)
  const items =
    typeof value === 'string' ? codePoints(value) : isList(value) ? value : value instanceof Tuple || value instanceof Group ? value.items : null
  if (!items) return refuse('TypeError', `'${typeName(value)}' object is not subscriptable`)
  const [stride, { length }] = [bound(step, 1), items]
  if (stride === 0) return refuse('ValueError', 'slice step cannot be zero')
  const clamp = (at: number): number => {
    const least = stride < 0 ? -1 : 0
    return Math.min(length + least, Math.max(least, at < 0 ? at + length : at))
  }
  const from = start === null ? (stride < 0 ? length - 1 : 0) : clamp(bound(start, 0))
  const to = stop === null ? (stride < 0 ? -1 : length) : clamp(bound(stop, 0))
  const taken: Value[] = []
  for (let at = from; stride < 0 ? at > to : at < to; at += stride) taken.push(items[at] ?? null)
  if (typeof value === 'string') return taken.map((one) => (typeof one === 'string' ? one : '')).join('')
  return isList(value) ? taken : new Tuple(taken)
}
