/** The iterations of a for statement and what its `loop` tells. Source: `LoopContext` of `jinja2/runtime.py`. */
import { isEqual } from './operators.ts'
import { refuse } from './refusal.ts'
import { type Args, Callable, Iter, iterate, lengthOf, LoopValue, Tuple, Undefined, type Value } from './values.ts'

export type Loop = {
  /** Moves to the next item; undefined at the end. */
  readonly next: () => Value | undefined
  readonly value: LoopValue
}

/** @param recurse renders the body for further items, one level deeper; null where the loop is not recursive */
export function createLoop(items: Value, depth0: number, recurse: ((items: Value) => string) | null): Loop {
  let iterator = iterate(items)[Symbol.iterator]()
  let index0 = -1
  let [before, current, after]: (Value | undefined)[] = []
  let length = items instanceof Iter ? null : lengthOf(items)
  let changedFrom: Value | undefined

  const advance = (): Value | undefined => {
    const { done, value } = iterator.next()
    return done ? undefined : value
  }
  /** One item ahead, so that a filter of the loop still sees what the body does. */
  const peek = (): Value | undefined => (after === undefined ? (after = advance()) : after)
  const total = (): number => {
    if (length !== null) return length
    const rest: Value[] = []
    for (let item = advance(); item !== undefined; item = advance()) rest.push(item)
    iterator = rest[Symbol.iterator]()
    length = rest.length + index0 + 1 + (after === undefined ? 0 : 1)
    return length
  }

  function cycle({ positional }: Args): Value {
    if (positional.length === 0) return refuse('TypeError', 'no items for cycling given')
    return positional[index0 % positional.length] ?? null
  }
  function changed({ positional }: Args): Value {
    const value = new Tuple(positional)
    if (changedFrom !== undefined && isEqual(changedFrom, value)) return false
    changedFrom = value
    return true
  }
  function attribute(name: string): Value | undefined {
    switch (name) {
      case 'index0':
        return BigInt(index0)
      case 'index':
        return BigInt(index0 + 1)
      case 'revindex':
        return BigInt(total() - index0)
      case 'revindex0':
        return BigInt(total() - index0 - 1)
      case 'first':
        return index0 === 0
      case 'last':
        return peek() === undefined
      case 'length':
        return BigInt(total())
      case 'depth':
        return BigInt(depth0 + 1)
      case 'depth0':
        return BigInt(depth0)
      case 'previtem':
        return before === undefined ? new Undefined('there is no previous item') : before
      case 'nextitem': {
        const next = peek()
        return next === undefined ? new Undefined('there is no next item') : next
      }
      case 'cycle':
        return new Callable(name, cycle)
      case 'changed':
        return new Callable(name, changed)
      default:
        return undefined
    }
  }
  const again = ({ positional: [inner = null] }: Args): Value => (recurse ? recurse(inner) : refuse('TypeError', 'the loop must be marked recursive'))
  return {
    next: () => {
      const item = after === undefined ? advance() : after
      after = undefined
      if (item === undefined) return undefined
      index0++
      before = current
      current = item
      return item
    },
    value: new LoopValue(attribute, again),
  }
}
