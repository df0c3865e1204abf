/** How fast a path carries, from messages of many slices: what placements go by where a hop moves much. */
import type { DataSlice } from './slices.ts'

/** Shorter messages say more of the first burst than of the path: 64 KiB. */
const LEAST_SLICES = 14
/** The median of so many messages: one that was held up, or that came all at once behind a pause of this thread, changes nothing. */
const KEPT = 9

export type ArrivalRate = {
  readonly add: (slice: Pick<DataSlice, 'message' | 'index' | 'count' | 'payload'>) => void
  /** Null before the first large message. */
  readonly bytesPerSecond: () => number | null
}

type Half = { readonly message: number; readonly since: number; last: number; bytes: number }

/**
 * Counts the second half of each message only: in the first one the sender's window still opens (RFC 9260, section 7.2.1).
 * @param now monotonic milliseconds
 */
export function createArrivalRate(now: () => number): ArrivalRate {
  const rates: number[] = []
  let half: Half | null = null

  const end = ({ since, bytes }: Half): void => {
    half = null
    const ms = now() - since
    if (ms <= 0) return
    rates.push((bytes / ms) * 1000)
    if (rates.length > KEPT) rates.shift()
  }
  return {
    add: ({ message, index, count, payload }) => {
      if (count < LEAST_SLICES) return
      if (half?.message !== message) {
        if (index === count >> 1) half = { message, since: now(), last: index, bytes: 0 }
        return
      }
      if (index <= half.last) return
      half.last = index
      half.bytes += payload.length
      if (index === count - 1) end(half)
    },
    bytesPerSecond: () => rates.toSorted((a, b) => a - b)[rates.length >> 1] ?? null,
  }
}
