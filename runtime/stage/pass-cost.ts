/** What passes of a shard take, learned from those that ran: how large a chunk may be, and how many steps go well together. */
export type PassCost = {
  /** A pass over so many rows took so long. */
  readonly add: (rows: number, ms: number) => void
  /** Milliseconds that a pass over so many rows is expected to take; null before the first one. */
  readonly of: (rows: number) => number | null
  /** Rows that add at most so many milliseconds to a pass of `beside` rows; null before the first one. */
  readonly rowsIn: (ms: number, beside: number) => number | null
  /** Whether so many rows cost half as much in a pass of `beside` others as by themselves, or less. Up to twice as many as ever ran are tried. */
  readonly isShared: (rows: number, beside: number) => boolean
  /** Milliseconds a row in the largest passes; null before the first one. */
  readonly msPerRow: () => number | null
  /** Of `most` single rows that wait, how many go first for all of them to be done soonest. All at once is tried where that never ran, or not lately. */
  readonly bestBatch: (most: number) => number
}

const MOST_ROWS = 256
const WEIGHT = 0.15
/**
 * What lost by a measurement of a bad moment would never be measured again: after so many passes of other sizes it is, and what it takes then
 * replaces what it took.
 */
const FRESH_PASSES = 32

const SHARED = 0.5

export function createPassCost(): PassCost {
  const bySize = new Map<number, number>()
  /** Of all passes, the number of the last one of each size. */
  const lastRun = new Map<number, number>()
  let passes = 0
  const isFresh = (rows: number): boolean => passes - (lastRun.get(rows) ?? Number.NEGATIVE_INFINITY) <= FRESH_PASSES

  /** Between sizes that ran on a straight line; beyond the largest as if each of its rows cost the same, since none may be free any more. */
  function of(rows: number): number | null {
    let [below, above]: (readonly [number, number] | null)[] = [null, null]
    for (const entry of bySize) {
      if (entry[0] <= rows && (!below || entry[0] > below[0])) below = entry
      if (entry[0] >= rows && (!above || entry[0] < above[0])) above = entry
    }
    if (!below) return above ? above[1] : null
    if (!above) return (below[1] * rows) / below[0]
    return above[0] === below[0] ? below[1] : below[1] + ((above[1] - below[1]) * (rows - below[0])) / (above[0] - below[0])
  }

  /** Milliseconds for so many rows in passes of `size` each, and one of the rest. */
  const allIn = (rows: number, size: number): number => Math.floor(rows / size) * (of(size) ?? 0) + (rows % size === 0 ? 0 : (of(rows % size) ?? 0))

  return {
    add: (rows, ms) => {
      if (rows > MOST_ROWS) return
      const known = isFresh(rows) ? (bySize.get(rows) ?? ms) : ms
      bySize.set(rows, known + WEIGHT * (ms - known))
      passes += 1
      lastRun.set(rows, passes)
    },
    of,
    rowsIn: (ms, beside) => {
      const base = beside === 0 ? 0 : of(beside)
      if (base === null || bySize.size === 0) return null
      let rows = 0
      while (rows < MOST_ROWS && (of(beside + rows + 1) ?? 0) - base <= ms) rows++
      return rows
    },
    isShared: (rows, beside) => {
      const [alone, others, all] = [of(rows), of(beside), of(rows + beside)]
      if (beside === 0 || alone === null || others === null || all === null) return false
      const largest = Math.max(...bySize.keys())
      return rows + beside > largest ? rows + beside <= 2 * largest : all - others <= SHARED * alone
    },
    msPerRow: () => {
      const largest = Math.max(0, ...bySize.keys())
      return largest === 0 ? null : (bySize.get(largest) ?? 0) / largest
    },
    bestBatch: (most) => {
      if (!isFresh(most)) return most
      const known = [...bySize.keys()].filter((size) => size < most).toSorted((a, b) => b - a)
      return known.reduce((best, size) => (allIn(most, size) < allIn(most, best) ? size : best), most)
    },
  }
}
