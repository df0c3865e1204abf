/** What this browser has given in all its visits. */
export type Contribution = {
  readonly tokens: number
  readonly requests: number
  /** Of frames, both ways between this device and the ring. */
  readonly bytesIn: number
  readonly bytesOut: number
}
export const NOTHING_GIVEN: Contribution = { tokens: 0, requests: 0, bytesIn: 0, bytesOut: 0 }
const NAMES = ['tokens', 'requests', 'bytesIn', 'bytesOut'] as const
const KEY = 'ringlet-contributed'

const combined = (a: Contribution, b: Contribution, sign: 1 | -1): Contribution => {
  const [tokens, requests, bytesIn, bytesOut] = NAMES.map((name) => Math.max(0, a[name] + sign * b[name]))
  return { tokens: tokens ?? 0, requests: requests ?? 0, bytesIn: bytesIn ?? 0, bytesOut: bytesOut ?? 0 }
}
export const sumOf = (a: Contribution, b: Contribution): Contribution => combined(a, b, 1)
/** Never below nothing: counters of an engine that began anew say less than before. */
export const differenceOf = (a: Contribution, b: Contribution): Contribution => combined(a, b, -1)

function parse(text: string | null): Contribution {
  try {
    const stored: unknown = JSON.parse(text ?? 'null')
    const of = (name: string): number => {
      const value: unknown = typeof stored === 'object' && stored !== null ? Reflect.get(stored, name) : 0
      return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : 0
    }
    return { tokens: of('tokens'), requests: of('requests'), bytesIn: of('bytesIn'), bytesOut: of('bytesOut') }
  } catch {
    return NOTHING_GIVEN
  }
}

export type ContributionBook = { readonly total: () => Contribution; readonly add: (given: Contribution) => void }

/** @param store null where the browser keeps nothing: the total is then that of this visit. Tabs add to one record. */
export function openContributionBook(store: Pick<Storage, 'getItem' | 'setItem'> | null): ContributionBook {
  let visit = NOTHING_GIVEN
  const read = (): Contribution | null => {
    try {
      return store ? parse(store.getItem(KEY)) : null
    } catch {
      return null
    }
  }
  return {
    total: () => read() ?? visit,
    add: (given) => {
      visit = sumOf(visit, given)
      try {
        store?.setItem(KEY, JSON.stringify(sumOf(read() ?? NOTHING_GIVEN, given)))
      } catch {
        // Storage is full or forbidden: this visit is still counted.
      }
    },
  }
}
