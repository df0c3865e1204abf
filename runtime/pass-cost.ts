/** What passes of a shard take, learned from those that ran: how large a chunk may be, and how many steps go well together. */
export type PassCost = {
  /** A pass over so many rows took so long. */
  readonly add: (rows: number, ms: number) => void
  /** Milliseconds that a pass over so many rows is expected to take; null before the first one. */
  readonly of: (rows: number) => number | null
  /** Rows that add at most so many milliseconds to a pass; null before the first one. */
  readonly rowsIn: (ms: number) => number | null
  /** Of `most` single rows that wait, how many give the most tokens a millisecond together. Sizes that never ran are tried. */
  readonly bestBatch: (most: number) => number
}

/** Passes of up to so many rows stand for those of single tokens, larger ones for chunks. */
const SMALL_ROWS = 4
/** Sizes whose times are kept one by one: beyond, kernels take rows as in a chunk. */
const MOST_KEPT = 32
const WEIGHT = 0.15

type Mean = { rows: number; ms: number } | null

const smoothed = (mean: Mean, rows: number, ms: number): Mean =>
  mean === null ? { rows, ms } : { rows: mean.rows + WEIGHT * (rows - mean.rows), ms: mean.ms + WEIGHT * (ms - mean.ms) }

export function createPassCost(): PassCost {
  let small: Mean = null
  let large: Mean = null
  const bySize = new Map<number, number>()

  /** Milliseconds that a row adds. */
  const slope = (): number | null => {
    if (small && large && large.rows > small.rows) return Math.max(0.01 * (small.ms / small.rows), (large.ms - small.ms) / (large.rows - small.rows))
    const known = large ?? small
    return known && known.ms / known.rows
  }
  return {
    add: (rows, ms) => {
      if (rows <= SMALL_ROWS) small = smoothed(small, rows, ms)
      else large = smoothed(large, rows, ms)
      if (rows <= MOST_KEPT) bySize.set(rows, (bySize.get(rows) ?? ms) + WEIGHT * (ms - (bySize.get(rows) ?? ms)))
    },
    of: (rows) => {
      const [nearest, perRow] = [rows <= SMALL_ROWS ? (small ?? large) : (large ?? small), slope()]
      return bySize.get(rows) ?? (nearest && perRow !== null ? Math.max(0, nearest.ms + (rows - nearest.rows) * perRow) : null)
    },
    rowsIn: (ms) => {
      const perRow = slope()
      return perRow === null ? null : Math.floor(ms / perRow)
    },
    bestBatch: (most) => {
      let best = most
      for (let size = Math.min(most, MOST_KEPT); size >= 1; size--) {
        const [own, other] = [bySize.get(size), bySize.get(best)]
        if (other === undefined) break
        if (own !== undefined && own / size < other / best) best = size
      }
      return best
    },
  }
}
