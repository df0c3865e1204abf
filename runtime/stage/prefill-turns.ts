import type { Decoders, WaitingStep } from './decoders.ts'
import { createPrefillAllowance } from './prefill-allowance.ts'

/** What a line of passes says of chunks. */
export type ChunkLine = {
  /** Whether so many rows are much cheaper in a pass with others than by themselves. @param beside those others; null: as many as steps usually have */
  readonly joins: (rows: number, beside: number | null) => boolean
  /** Whether this is the first shard of its ring: there chunks wait until streams can spare the time. */
  readonly leads: boolean
}
type Waiting<Line> = WaitingStep<Line> & { readonly rows: number }

/** How a chunk may go now. What it keeps streams waiting counts, but for `freely`. */
export type ChunkWay = 'freely' | 'alone' | 'with steps' | 'not yet'

/**
 * When chunks of prompts go while streams decode. The head of a ring sends one in when `PrefillAllowance` has something left: right behind a pass of
 * steps, while these are on other shards, or in such a pass where that makes it little longer. Other shards run it as soon as no step waits.
 * What came before any stream decoded goes before all of them.
 */
export type PrefillTurns<Line> = {
  /** @param ready steps that would go now @param waiting all steps in line @param prompts how many wait */
  readonly wayOf: (chunk: Waiting<Line>, ready: readonly Waiting<Line>[], waiting: readonly Waiting<Line>[], prompts: number) => ChunkWay
  /** A pass that began then has run. @param way of its chunks; null when it had none */
  readonly ran: (steps: readonly WaitingStep<Line>[], way: ChunkWay | null, startedAt: number) => void
  /** Nothing runs: who comes now comes at any moment of a lap. */
  readonly rest: () => void
  /** What a chunk of one of so many prompts may take at each of so many shards, in milliseconds. */
  readonly chunkMs: (stages: number, prompts: number) => number
}

/** On a shard that is always busy with steps a chunk goes before them when it has waited for a lap, and for this long. */
const MOST_BEHIND_MS = 40

const rowsOf = (steps: readonly { readonly rows: number }[]): number => steps.reduce((sum, { rows }) => sum + rows, 0)

/** @param now monotonic milliseconds */
export function createPrefillTurns<Line extends ChunkLine>(decoders: Decoders<Line>, now: () => number): PrefillTurns<Line> {
  const allowance = createPrefillAllowance(now)
  /** Whether steps have just run: those streams are on other shards now. */
  let isBehindSteps = false

  const leading = ({ line, rows }: Waiting<Line>, beside: number | null): ChunkWay => {
    if (!allowance.isEarned(decoders.lapMs())) return 'not yet'
    const joins = line.joins(rows, beside)
    // Where steps wait already, as on a ring of one, none of the time in which they are elsewhere is left.
    if (beside !== null) return joins || isBehindSteps ? 'with steps' : 'not yet'
    return isBehindSteps && !joins ? 'alone' : 'not yet'
  }
  const following = ({ line, rows, at }: Waiting<Line>, isFree: boolean, beside: number | null): ChunkWay => {
    if (isFree || now() - at >= Math.max(decoders.lapMs(), MOST_BEHIND_MS)) return 'freely'
    return beside !== null && line.joins(rows, beside) ? 'with steps' : 'not yet'
  }

  return {
    wayOf: (chunk, ready, waiting, prompts) => {
      allowance.setCrowd(prompts, decoders.size())
      const { line, at } = chunk
      if (waiting.length === 0 && decoders.forMs() <= 0) return 'freely'
      if (line.leads && decoders.since() > at && waiting.every((step) => step.at > at)) return 'freely'
      const beside = ready[0]?.line === line ? rowsOf(ready) : null
      return line.leads ? leading(chunk, beside) : following(chunk, ready.length === 0, beside)
    },
    ran: (steps, way, startedAt) => {
      isBehindSteps = steps.length > 0
      if (isBehindSteps) allowance.spend(decoders.stepped(steps, startedAt))
      if (way !== null) decoders.chunked(way !== 'freely')
    },
    rest: () => {
      isBehindSteps = false
    },
    chunkMs: (stages, prompts) => {
      allowance.setCrowd(prompts, decoders.size())
      const { lap, gap } = decoders.plainMs()
      return gap / stages + allowance.ofLap(lap)
    },
  }
}
