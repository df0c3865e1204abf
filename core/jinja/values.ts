/**
 * The values of a template, as Python has them: None is null, int is bigint, float is number, str is string, list is an array.
 * Ints and floats differ in what they print, dicts keep their order whatever their keys are, and nothing can be changed in place.
 */
import { refuse } from './refusal.ts'

export type Value =
  null | boolean | bigint | number | string | readonly Value[] | Tuple | Dict | DictView | Iter | Undefined | Namespace | Callable | LoopValue | Group

export class Tuple {
  readonly items: readonly Value[]
  constructor(items: readonly Value[]) {
    this.items = items
  }
}

/** A name, key or argument that is not there. Empty where text is wanted, refused where anything else is. */
export class Undefined {
  readonly what: string
  constructor(what: string) {
    this.what = what
  }
}

/** What `map`, `select` and their like give: can be gone through once, and has neither length nor positions. */
export class Iter {
  readonly iterator: Iterator<Value, unknown>
  constructor(items: Iterable<Value>) {
    this.iterator = items[Symbol.iterator]()
  }
}

export class DictView {
  readonly kind: 'dict_keys' | 'dict_values' | 'dict_items'
  readonly items: readonly Value[]
  constructor(kind: DictView['kind'], items: readonly Value[]) {
    this.kind = kind
    this.items = items
  }
}

/** The one value that a template may change: `{% set ns.x = 1 %}`. */
export class Namespace {
  readonly attributes: Map<string, Value>
  constructor(attributes: Map<string, Value>) {
    this.attributes = attributes
  }
}

export type Args = { readonly positional: readonly Value[]; readonly named: ReadonlyMap<string, Value> }
export class Callable {
  readonly name: string
  readonly call: (args: Args) => Value
  readonly attributes: ReadonlyMap<string, Value>
  constructor(name: string, call: (args: Args) => Value, attributes: ReadonlyMap<string, Value> = new Map()) {
    this.name = name
    this.call = call
    this.attributes = attributes
  }
}

/** The `loop` of a for statement. */
export class LoopValue {
  readonly attribute: (name: string) => Value | undefined
  /** Renders the body for further items, in a loop that is `recursive`. */
  readonly recurse: (args: Args) => Value
  constructor(attribute: LoopValue['attribute'], recurse: LoopValue['recurse']) {
    this.attribute = attribute
    this.recurse = recurse
  }
}

/** One group of the filter `groupby`: a pair whose parts have names. */
export class Group {
  readonly items: readonly [Value, readonly Value[]]
  constructor(grouper: Value, list: readonly Value[]) {
    this.items = [grouper, list]
  }
}

/** Equal keys have equal hashes: 1, 1.0 and True are one key. */
function hashOf(key: Value): string {
  if (key === null) return 'none'
  if (typeof key === 'string') return `s${key}`
  if (typeof key === 'boolean') return `n${Number(key)}`
  if (typeof key === 'bigint') return `n${key}`
  if (typeof key === 'number') return Number.isInteger(key) ? `n${BigInt(key)}` : `f${key}`
  if (key instanceof Undefined) return 'undefined'
  if (key instanceof Tuple) return `t${JSON.stringify(key.items.map(hashOf))}`
  return refuse('TypeError', `unhashable type: '${typeName(key)}'`)
}

export class Dict {
  readonly #entries = new Map<string, readonly [Value, Value]>()
  /** A key that comes again keeps its place and takes the later value. */
  constructor(entries: Iterable<readonly [Value, Value]>) {
    for (const [key, value] of entries) {
      const hash = hashOf(key)
      this.#entries.set(hash, [this.#entries.get(hash)?.[0] ?? key, value])
    }
  }
  get size(): number {
    return this.#entries.size
  }
  get(key: Value): Value | undefined {
    return this.#entries.get(hashOf(key))?.[1]
  }
  has(key: Value): boolean {
    return this.#entries.has(hashOf(key))
  }
  entries(): readonly (readonly [Value, Value])[] {
    return [...this.#entries.values()]
  }
  keys(): readonly Value[] {
    return this.entries().map(([key]) => key)
  }
  values(): readonly Value[] {
    return this.entries().map(([, value]) => value)
  }
}

export const isList = (value: Value): value is readonly Value[] => Array.isArray(value)

/** Python's name of the type, for messages. */
export function typeName(value: Value): string {
  if (value === null) return 'NoneType'
  if (isList(value)) return 'list'
  if (typeof value === 'boolean') return 'bool'
  if (typeof value === 'bigint') return 'int'
  if (typeof value === 'number') return 'float'
  if (typeof value === 'string') return 'str'
  if (value instanceof Tuple || value instanceof Group) return 'tuple'
  if (value instanceof Dict) return 'dict'
  if (value instanceof DictView) return value.kind
  if (value instanceof Iter) return 'generator'
  if (value instanceof Undefined) return 'Undefined'
  if (value instanceof Namespace) return 'Namespace'
  return value instanceof LoopValue ? 'LoopContext' : 'function'
}

export const isTruthy = (value: Value): boolean => {
  if (value instanceof Tuple || value instanceof DictView) return value.items.length > 0
  if (value instanceof Dict) return value.size > 0
  return isList(value) ? value.length > 0 : !(value instanceof Undefined) && Boolean(value)
}

/** Uses of what is not there end the rendering. */
export function refuseUndefined(...values: readonly Value[]): void {
  for (const value of values) if (value instanceof Undefined) refuse('UndefinedError', value.what)
}

/** @throws {TemplateRefusal} TypeError for what cannot be gone through */
export function iterate(value: Value): Iterable<Value> {
  if (typeof value === 'string' || isList(value)) return value
  if (value instanceof Tuple || value instanceof DictView || value instanceof Group) return value.items
  if (value instanceof Dict) return value.keys()
  if (value instanceof Undefined) return []
  if (value instanceof Iter) {
    const { iterator } = value
    // Not closed when a loop breaks off: what is left can still be gone through.
    return { [Symbol.iterator]: () => ({ next: () => iterator.next() as IteratorResult<Value> }) }
  }
  return refuse('TypeError', `'${typeName(value)}' object is not iterable`)
}

/** In code points for texts. @throws {TemplateRefusal} TypeError for what has no length */
export function lengthOf(value: Value): number {
  if (typeof value === 'string') return codePoints(value).length
  if (isList(value)) return value.length
  if (value instanceof Tuple || value instanceof DictView || value instanceof Group) return value.items.length
  if (value instanceof Dict) return value.size
  if (value instanceof Undefined) return 0
  return refuse('TypeError', `object of type '${typeName(value)}' has no len()`)
}

/** Python counts texts in code points, JavaScript in halves of them; without surrogates both are the same. */
export const codePoints = (text: string): ArrayLike<string> & { readonly length: number } => (/[\ud800-\udfff]/.test(text) ? Array.from(text) : text)
