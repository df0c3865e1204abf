import { createSmoothed } from '../../core/cluster/smoothed.ts'
import type { SequenceId } from '../../protocol/ids.ts'

/** A step of a stream, as it waited for its pass. */
export type WaitingStep<Line> = { readonly sequence: SequenceId; readonly line: Line; readonly at: number }

/** Streams whose last pass here was a step, by the line in which their steps wait, and what their laps take. */
export type Decoders<Line> = {
  /**
   * Steps have run as one pass, which began then.
   * @returns by how much laps have become longer through the chunks that owe it, in milliseconds that all streams lost
   */
  readonly stepped: (steps: readonly WaitingStep<Line>[], startedAt: number) => number
  /** A chunk of a prompt has run. @param owes whether what it keeps streams waiting counts */
  readonly chunked: (owes: boolean) => void
  readonly drop: (sequence: SequenceId) => void
  readonly size: () => number
  /** When the first step of the oldest stream began; infinite without streams. */
  readonly since: () => number
  /** Milliseconds for which streams are still taken to decode, without another step; negative when they are not. */
  readonly forMs: () => number
  /** What a stream's step usually takes to come again, from the beginning of one to the next; 0 before any has. */
  readonly lapMs: () => number
  /** The same where no chunk is about, and how long no step is here then; 0 before anything is known. */
  readonly plainMs: () => { readonly lap: number; readonly gap: number }
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
const PLAIN_WEIGHT = 0.05
/** Before any lap without chunks is known, the shortest ones with them stand for it; and one that is so much shorter than what is known replaces it in part. */
const UNDISTURBED = { quantile: 0.1, part: 0.9 }

type Stream<Line> = { readonly line: Line; readonly since: number; readonly startedAt: number; readonly at: number }

/** @param now monotonic milliseconds */
export function createDecoders<Line>(now: () => number): Decoders<Line> {
  const streams = new Map<SequenceId, Stream<Line>>()
  const [laps, plainLaps, plainGaps] = [createSmoothed(), createSmoothed(), createSmoothed()]
  let lastAt = Number.NEGATIVE_INFINITY
  let chunkAt = Number.NEGATIVE_INFINITY
  let owedAt = Number.NEGATIVE_INFINITY

  const lapMs = (): number => laps.mean() ?? 0
  const plainLap = (): number => plainLaps.mean() ?? laps.quantile(UNDISTURBED.quantile)

  /** One more lap of a stream. @returns what it lost to chunks that owe it */
  const lapped = (ms: number, begunAt: number): number => {
    const lap = Math.min(ms, DECODING_FOR.mostMs)
    laps.add(lap, WEIGHT)
    // Behind a chunk that has left here steps wait at the next shards a lap later.
    const before = begunAt - plainLap()
    if (chunkAt < before || lap < UNDISTURBED.part * plainLap()) plainLaps.add(lap, PLAIN_WEIGHT)
    return owedAt < before ? 0 : lap - plainLap()
  }

  return {
    stepped: (steps, startedAt) => {
      const arrivedAt = Math.min(...steps.map(({ at }) => at))
      if (chunkAt < lastAt - plainLap()) plainGaps.add(Math.min(DECODING_FOR.mostMs, Math.max(0, arrivedAt - lastAt)), PLAIN_WEIGHT)
      lastAt = now()
      let lost = 0
      for (const { sequence, line } of steps) {
        const before = streams.get(sequence)
        if (before) lost += lapped(startedAt - before.startedAt, before.startedAt)
        streams.set(sequence, { line, since: before?.since ?? startedAt, startedAt, at: lastAt })
      }
      return lost / streams.size
    },
    chunked: (owes) => {
      chunkAt = now()
      if (owes) owedAt = chunkAt
    },
    drop: (sequence) => void streams.delete(sequence),
    size: () => streams.size,
    since: () => Math.min(...[...streams.values()].map(({ since }) => since)),
    forMs: () => {
      const { times, leastMs, mostMs } = DECODING_FOR
      return streams.size === 0 ? Number.NEGATIVE_INFINITY : lastAt + Math.min(mostMs, Math.max(leastMs, times * lapMs())) - now()
    },
    lapMs,
    plainMs: () => ({ lap: plainLap(), gap: plainGaps.mean() ?? 0 }),
    due: (line) => {
      const since = now() - Math.max(DECODING_FOR.leastMs, DUE_LAPS * lapMs())
      let due = 0
      for (const stream of streams.values()) if (stream.line === line && stream.at >= since) due++
      return due
    },
  }
}
