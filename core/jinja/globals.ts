/** Names that every chat template has: Jinja's own that need no randomness, and transformers'. */
import { bind } from './arguments.ts'
import { indexOf } from './operators.ts'
import { textOf } from './python-text.ts'
import { refuse } from './refusal.ts'
import { formatTime } from './strftime.ts'
import { type Args, Callable, Dict, iterate, lengthOf, Namespace, type Value } from './values.ts'

/** The sandbox's bound. */
const MAX_RANGE = 100_000

function range(args: Args): Value {
  const [first = null, second = null, third = null] = bind('range', args, [['start'], ['stop', null], ['step', 1n]])
  const [start, stop, step] = second === null ? [0, indexOf(first), 1] : [indexOf(first), indexOf(second), indexOf(third)]
  if (step === 0) return refuse('ValueError', 'range() arg 3 must not be zero')
  const length = Math.max(0, Math.ceil((stop - start) / step))
  if (length > MAX_RANGE) return refuse('LimitError', `range too big, at most ${MAX_RANGE} elements`)
  return Array.from({ length }, (_, i) => BigInt(start + i * step))
}

/** The entries that `dict(…)` and `namespace(…)` are made of. */
function entriesOf({ positional, named }: Args): (readonly [Value, Value])[] {
  const [first = new Dict([]), ...more] = positional
  if (more.length > 0) refuse('TypeError', `expected at most 1 argument, got ${positional.length}`)
  const given =
    first instanceof Dict
      ? first.entries()
      : Array.from(iterate(first), (pair): readonly [Value, Value] => {
          if (lengthOf(pair) !== 2) refuse('ValueError', 'an entry needs a key and a value')
          const [key = null, value = null] = iterate(pair)
          return [key, value]
        })
  return [...given, ...named]
}

function namespace(args: Args): Value {
  const attributes = new Map(entriesOf(args).map(([name, value]) => [textOf(name), value]))
  for (const name of attributes.keys()) if (name.startsWith('_')) refuse('TypeError', 'a namespace takes no name that begins with an underscore')
  return new Namespace(attributes)
}

/** Goes round its items, one with every `next()`. */
function cycler({ positional }: Args): Value {
  if (positional.length === 0) return refuse('TypeError', 'at least one item has to be provided')
  const attributes = new Map<string, Value>()
  let at = 0
  const move = (to: number): void => {
    at = to % positional.length
    attributes.set('current', positional[at] ?? null)
  }
  const step = (name: string, run: () => Value): void => void attributes.set(name, new Callable(name, run))
  step('next', () => {
    const current = positional[at] ?? null
    move(at + 1)
    return current
  })
  step('reset', () => {
    move(0)
    return null
  })
  move(0)
  return new Callable('cycler', () => refuse('TypeError', "'Cycler' object is not callable"), attributes)
}

/** Nothing when called first, and its separator from then on. */
function joiner(args: Args): Value {
  const [separator = ', '] = bind('joiner', args, [['sep', ', ']])
  let isUsed = false
  return new Callable('joiner', () => {
    const text = isUsed ? separator : ''
    isUsed = true
    return text
  })
}

/** @param now the local time that `strftime_now` tells */
export function globalNames(now: () => Date): ReadonlyMap<string, Value> {
  const functions: readonly Callable[] = [
    new Callable('range', range),
    new Callable('dict', (args) => new Dict(entriesOf(args))),
    new Callable('namespace', namespace),
    new Callable('cycler', cycler),
    new Callable('joiner', joiner),
    new Callable('raise_exception', (args) => refuse('TemplateError', textOf(bind('raise_exception', args, [['message']])[0] ?? null))),
    new Callable('strftime_now', (args) => formatTime(textOf(bind('strftime_now', args, [['format']])[0] ?? null), now())),
  ]
  return new Map(functions.map((one) => [one.name, one]))
}
