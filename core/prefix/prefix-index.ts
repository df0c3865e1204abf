/**
 * Which of many lists of token ids begins like a new one, for longest. Blocks of ids are chained: the key of a block hangs on all before
 * it, so that one look a block finds how far any list goes along.
 */
export type PrefixIndex<Name> = {
  /** @param scope lists of different scopes never match */
  readonly add: (name: Name, scope: string, ids: readonly number[]) => void
  readonly remove: (name: Name) => void
  /** The list with the longest common beginning, the newest of equals; null where not even a block is common. */
  readonly longest: (scope: string, ids: readonly number[]) => PrefixMatch<Name> | null
}
export type PrefixMatch<Name> = {
  readonly name: Name
  /** Common ids: blocks, and what is common behind them. */
  readonly length: number
}

/** Fewer common tokens are not worth a look: computing them takes about as long as one. */
export const BLOCK_TOKENS = 16

type Listed = { readonly ids: readonly number[]; readonly keys: readonly string[] }

/** FNV-1a with two bases and multipliers. Keys may collide: what a list has in common is counted on its ids. */
function mix(state: readonly [number, number], word: number): readonly [number, number] {
  return [Math.imul(state[0] ^ word, 16_777_619) >>> 0, Math.imul(state[1] ^ (word + 0x9e3779b9), 709_607) >>> 0]
}

function* chain(scope: string, ids: readonly number[]): Generator<string> {
  let state: readonly [number, number] = [2_166_136_261, 3_421_674_724]
  for (let i = 0; i < scope.length; i++) state = mix(state, scope.charCodeAt(i))
  for (const [i, id] of ids.entries()) {
    state = mix(state, id)
    if ((i + 1) % BLOCK_TOKENS === 0) yield `${scope} ${i + 1} ${state[0]} ${state[1]}`
  }
}

function commonLength(a: readonly number[], b: readonly number[]): number {
  const most = Math.min(a.length, b.length)
  for (let i = 0; i < most; i++) if (a[i] !== b[i]) return i
  return most
}

export function createPrefixIndex<Name>(): PrefixIndex<Name> {
  const lists = new Map<Name, Listed>()
  const blocks = new Map<string, Set<Name>>()

  function remove(name: Name): void {
    for (const key of lists.get(name)?.keys ?? []) {
      const names = blocks.get(key)
      names?.delete(name)
      if (names?.size === 0) blocks.delete(key)
    }
    lists.delete(name)
  }

  return {
    remove,
    add: (name, scope, ids) => {
      remove(name)
      const keys = [...chain(scope, ids)]
      lists.set(name, { ids, keys })
      for (const key of keys) blocks.set(key, (blocks.get(key) ?? new Set()).add(name))
    },
    longest: (scope, ids) => {
      let deepest: ReadonlySet<Name> = new Set()
      for (const key of chain(scope, ids)) {
        const names = blocks.get(key)
        if (!names) break
        deepest = names
      }
      let best: PrefixMatch<Name> | null = null
      for (const name of deepest) {
        const length = commonLength(lists.get(name)?.ids ?? [], ids)
        if (length >= Math.max(BLOCK_TOKENS, best?.length ?? 0)) best = { name, length }
      }
      return best
    },
  }
}
