import { Undefined, type Value } from './values.ts'

/** Names of one block. What is set inside is not seen outside; what is outside is seen inside. */
export class Scope {
  readonly #names: Map<string, Value>
  readonly #outer: Scope | null
  constructor(outer: Scope | null, names: Iterable<readonly [string, Value]> = []) {
    this.#outer = outer
    this.#names = new Map(names)
  }
  get(name: string): Value {
    const found = this.#names.get(name)
    if (found !== undefined) return found
    return this.#outer ? this.#outer.get(name) : new Undefined(`'${name}' is undefined`)
  }
  set(name: string, value: Value): void {
    this.#names.set(name, value)
  }
}
