import { refuse } from './refusal.ts'
import type { Args, Value } from './values.ts'

/** A parameter's name and what it is when not given; without a default it is required. */
export type Parameter = readonly [name: string, fallback?: Value]

/** The arguments in the order of the parameters. @throws {TemplateRefusal} TypeError */
export function bind(callee: string, { positional, named }: Args, parameters: readonly Parameter[]): readonly Value[] {
  if (positional.length > parameters.length)
    return refuse('TypeError', `${callee}() takes at most ${parameters.length} arguments (${positional.length} given)`)
  for (const name of named.keys()) {
    const at = parameters.findIndex(([known]) => known === name)
    if (at < 0) return refuse('TypeError', `${callee}() got an unexpected keyword argument '${name}'`)
    if (at < positional.length) return refuse('TypeError', `${callee}() got multiple values for argument '${name}'`)
  }
  return parameters.map(([name, fallback], i) => {
    const given = i < positional.length ? positional[i] : named.get(name)
    const value = given === undefined ? fallback : given
    return value === undefined ? refuse('TypeError', `${callee}() misses argument '${name}'`) : value
  })
}
