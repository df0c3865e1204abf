import type { SequenceId } from '../../protocol/ids.ts'

/** Streams whose last pass here was a step, by the line in which their steps wait. */
export type Decoders<Line> = {
  /** A step of the sequence has run; it began then. */
  readonly stepped: (sequence: SequenceId, line: Line, startedAt: number) => void
  readonly drop: (sequence: SequenceId) => void
  readonly sequences: () => Iterable<SequenceId>
  readonly size: () => number
  /** Milliseconds for which streams are still taken to decode, without another step; negative when they are not. */
  readonly forMs: () => number
  /** What a stream's step usually takes to come again, from the beginning of one to the next; 0 before any has. */
  readonly lapMs: () => number
  /** Streams of a line of which a step waits or soon comes. */
  readonly due: (line: Line) => number
}

/**
 * A stream's step comes again after a lap: so many times what that usually takes, between these bounds, are streams taken to decode after the last one.
 * Steps of different streams follow each other at once: by their distance a lap that a chunk keeps waiting looked like the end of all streams.
 */
const DECODING_FOR = { times: 4, leastMs: 40, mostMs: 2_000 }
/** A step that has not come after so many laps is not due: its stream has ended, or something is wrong with it. */
const DUE_LAPS = 2
const WEIGHT = 0.2

/** @param now monotonic milliseconds */
export function createDecoders<Line>(now: () => number): Decoders<Line> {
  const last = new Map<SequenceId, { readonly line: Line; readonly at: number }>()
  let lastAt = Number.NEGATIVE_INFINITY
  let lapMs = 0
  return {
    stepped: (sequence, line, startedAt) => {
      const before = last.get(sequence)
      if (before) {
        const lap = Math.min(startedAt - before.at, DECODING_FOR.mostMs)
        lapMs = lapMs === 0 ? lap : lapMs + WEIGHT * (lap - lapMs)
      }
      lastAt = now()
      last.set(sequence, { line, at: lastAt })
    },
    drop: (sequence) => void last.delete(sequence),
    sequences: () => last.keys(),
    size: () => last.size,
    forMs: () => {
      const { times, leastMs, mostMs } = DECODING_FOR
      return last.size === 0 ? Number.NEGATIVE_INFINITY : lastAt + Math.min(mostMs, Math.max(leastMs, times * lapMs)) - now()
    },
    lapMs: () => lapMs,
    due: (line) => {
      const since = now() - Math.max(DECODING_FOR.leastMs, DUE_LAPS * lapMs)
      let due = 0
      for (const entry of last.values()) if (entry.line === line && entry.at >= since) due++
      return due
    },
  }
}
