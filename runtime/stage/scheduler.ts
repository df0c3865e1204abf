import type { SequenceId } from '../../protocol/ids.ts'
import { createDecoders } from './decoders.ts'
import { createPrefillTurns, type ChunkLine, type ChunkWay } from './prefill-turns.ts'

export type WorkKind = 'decode' | 'prefill'

/**
 * One device computes one pass at a time: work of all sequences waits in one line, first come first served. Steps that wait for the
 * same shard run as one pass. When chunks of prompts go beside them is up to `PrefillTurns`.
 */
export type Scheduler = {
  /** Where the passes of one shard wait. */
  readonly lane: <Item>(options: LaneOptions<Item>) => Lane<Item>
  /** A task that runs alone, in its turn among the steps. It handles its own errors: the promise must not reject. */
  readonly enqueue: (sequence: SequenceId, task: () => Promise<void>) => void
  /** Forgets the waiting work of a sequence. Work that already runs is not interrupted. */
  readonly drop: (sequence: SequenceId) => void
  readonly waiting: () => number
  /** Milliseconds that the running pass takes by now; null while none runs. */
  readonly stepMs: () => number | null
  /** What the chunk of one more prompt, led around a ring of so many shards, may take at each of them, in milliseconds; null where no stream decodes. */
  readonly chunkMs: (stages: number) => number | null
  /** Resolves once nothing waits and nothing runs. */
  readonly idle: () => Promise<void>
}

export type LaneOptions<Item> = Pick<ChunkLine, 'joins'> &
  Partial<ChunkLine> & {
    /** One pass over items of different sequences. It handles their errors: the promise must not reject. */
    readonly run: (items: readonly Item[]) => Promise<void>
    /** Of so many steps that wait, how many go together. */
    readonly batch: (waiting: number) => number
    /** Of so many streams that decode, how many steps wait for each other, for up to a lap. Default: none for another. */
    readonly together?: (decoding: number) => number
  }

export type Lane<Item> = {
  /**
   * Adds an item of so many rows to the line. Work of one sequence runs in the order it was added, so a step behind chunks of its own
   * sequence waits with them, and one before goes with them.
   */
  readonly enqueue: (sequence: SequenceId, kind: WorkKind, rows: number, item: Item) => void
  /** Streams of which a step waits here or soon comes. */
  readonly decoding: () => number
}

export type SchedulerOptions = {
  /** Monotonic milliseconds. */
  readonly now: () => number
  /** Resolves in a task of its own, behind the events that wait. */
  readonly turn: () => Promise<void>
  readonly timer: (delayMs: number, callback: () => void) => () => void
  /** Part of the time that passes may take, above 0 and at most 1: after each the device rests for the remainder. Default: all of it. */
  readonly share?: () => number
}

type Line = { readonly run: (entries: readonly Entry[]) => Promise<void> } & Required<Omit<LaneOptions<never>, 'run'>>
type Entry = { readonly sequence: SequenceId; readonly rows: number; readonly line: Line; readonly at: number }
/** `way`: how its chunks go; null without any. */
type Pass = { readonly steps: readonly Entry[]; readonly chunks: readonly Entry[]; readonly way: ChunkWay | null }

/**
 * WASM steps are promises that are already fulfilled: a line that refills itself, as in a ring of one, would never let the
 * thread hear of a new stream or of a cancel. So events get their turn after this many milliseconds.
 */
const EVENTS_EVERY_MS = 4
/** Rows of prompts that go together: beyond, kernels gain nothing. */
const PASS_ROWS = 128

export function createScheduler({ now, turn: eventTurn, timer, share = () => 1 }: SchedulerOptions): Scheduler {
  let decode: Entry[] = []
  let prefill: Entry[] = []
  let running = false
  let isWoken = false
  let stopTimer = (): void => undefined
  let stepAt: number | null = null
  const decoders = createDecoders<Line>(now)
  const turns = createPrefillTurns(decoders, now)
  /** Sequences that had work here and were not dropped: more of theirs may come. */
  const open = new Set<SequenceId>()
  const idleWaiters: (() => void)[] = []

  const isDecoding = (): boolean => decode.length > 0 || decoders.forMs() > 0

  /** The first of `entries` and those behind it, one a sequence, as long as `fits` says so of their number, their rows, and those of the last. */
  const gather = (entries: readonly Entry[], fits: (count: number, rows: number, more: number) => boolean): readonly Entry[] => {
    const gathered: Entry[] = []
    const seen = new Set<SequenceId>()
    let rows = 0
    for (const entry of entries) {
      const isNext = !seen.has(entry.sequence) && (gathered.length === 0 || fits(gathered.length, rows + entry.rows, entry.rows))
      seen.add(entry.sequence)
      if (!isNext) continue
      gathered.push(entry)
      rows += entry.rows
    }
    return gathered
  }
  const waitingIn = (line: Line): number => new Set(decode.filter((entry) => entry.line === line).map(({ sequence }) => sequence)).size
  /** Milliseconds that the first step of a line still waits for others; 0 when it goes. */
  const holdMs = ({ line, at }: Entry): number =>
    waitingIn(line) >= line.together(decoders.due(line)) ? 0 : Math.max(0, at + decoders.lapMs() - now())
  /** The first step of each line, but for what waits behind other work of its sequence. */
  const firstSteps = (): readonly Entry[] => {
    const lines = new Set<Line>()
    const sequences = new Set<SequenceId>()
    const first: Entry[] = []
    for (const entry of decode) {
      if (!lines.has(entry.line) && !sequences.has(entry.sequence)) first.push(entry)
      lines.add(entry.line)
      sequences.add(entry.sequence)
    }
    return first
  }
  const gatherSteps = (): readonly Entry[] => {
    // Steps that wait for each other keep those of another ring waiting no longer.
    const line = firstSteps().find((first) => holdMs(first) === 0)?.line
    if (!line) return []
    const most = line.batch(waitingIn(line))
    return gather(
      decode.filter((entry) => entry.line === line),
      (count) => count < most,
    )
  }

  const prompts = (): number => new Set(prefill.map(({ sequence }) => sequence)).size
  /** The first chunk that may go, of the first ones of each line, and how. */
  const nextChunk = (ready: readonly Entry[]): { readonly chunk: Entry; readonly way: ChunkWay } | null => {
    const lines = new Set<Line>()
    for (const chunk of prefill) {
      if (lines.has(chunk.line)) continue
      lines.add(chunk.line)
      const way = turns.wayOf(chunk, ready, decode, prompts())
      if (way !== 'not yet') return { chunk, way }
    }
    return null
  }

  /** What the next pass is made of; nothing when chunks must wait for their share. */
  const take = (): Pass => {
    const ready = gatherSteps()
    const next = nextChunk(ready)
    const steps = next && next.way !== 'with steps' ? [] : ready
    const chunks = next
      ? gather(
          prefill.filter(({ line }) => line === next.chunk.line),
          (_, rows, more) => !isDecoding() && rows <= PASS_ROWS && next.chunk.line.joins(more, rows - more),
        )
      : []
    decode = decode.filter((entry) => !steps.includes(entry))
    prefill = prefill.filter((entry) => !chunks.includes(entry))
    return { steps, chunks, way: next && next.way }
  }

  const runPass = async ({ steps, chunks, way }: Pass): Promise<void> => {
    const entries = [...steps, ...chunks]
    const [first] = entries
    if (!first) return
    const startedAt = (stepAt = now())
    await first.line.run(entries)
    stepAt = null
    // A stream that ended with this step decodes no more.
    const going = steps.filter(({ rows, sequence }) => rows > 0 && open.has(sequence))
    turns.ran(going, way, startedAt)
  }

  /** Whether others than who waits in line may have sent something, which the thread has not come to while it computed. */
  const isShared = (): boolean => open.size > 1

  const pump = async (): Promise<void> => {
    running = true
    stopTimer()
    // One event at a time: without their turn the first frame would run by itself, and all others of a batch behind it, each by itself.
    if (isShared()) await eventTurn()
    let heardAt = now()
    for (let pass = take(); pass.steps.length + pass.chunks.length > 0; pass = take()) {
      const begunAt = now()
      await runPass(pass)
      const restMs = (now() - begunAt) * (1 / Math.min(1, share()) - 1)
      if (restMs > 0) await new Promise<void>((resolve) => timer(restMs, resolve))
      if (decode.length + prefill.length === 0 || now() - heardAt < EVENTS_EVERY_MS) continue
      await eventTurn()
      heardAt = now()
    }
    running = false
    turns.rest()
    const waits = [...(prefill.length > 0 ? [decoders.forMs()] : []), ...firstSteps().map(holdMs)]
    if (waits.length > 0) stopTimer = timer(Math.max(1, Math.min(...waits)), wake)
    tellIdle()
  }

  /** Behind what is handled now: frames of one message wait in line before any of them runs. */
  const wake = (): void => {
    if (running || isWoken) return
    isWoken = true
    queueMicrotask(() => {
      isWoken = false
      if (!running) void pump()
    })
  }

  const tellIdle = (): void => {
    if (running || decode.length + prefill.length > 0) return
    for (const resolve of idleWaiters.splice(0)) resolve()
  }

  const add = (entry: Entry, kind: WorkKind): void => {
    const isOwn = ({ sequence }: Entry): boolean => sequence === entry.sequence
    if (entry.rows > 0) open.add(entry.sequence)
    if (kind === 'prefill') {
      // Its own steps that still wait go with it: a replay may end in single tokens with more behind them.
      prefill.push(...decode.filter(isOwn))
      decode = decode.filter((own) => !isOwn(own))
      decoders.drop(entry.sequence)
    }
    ;(kind === 'prefill' || prefill.some(isOwn) ? prefill : decode).push(entry)
    wake()
  }

  return {
    lane: <Item>({ run, batch, joins, leads = false, together = () => 1 }: LaneOptions<Item>): Lane<Item> => {
      const items = new WeakMap<Entry, Item>()
      const itemOf = (entry: Entry): readonly Item[] => {
        const item = items.get(entry)
        return item === undefined ? [] : [item]
      }
      const line: Line = { run: (entries) => run(entries.flatMap(itemOf)), batch, joins, leads, together }
      return {
        enqueue: (sequence, kind, rows, item) => {
          const entry = { sequence, rows, line, at: now() }
          items.set(entry, item)
          add(entry, kind)
        },
        decoding: () => decoders.due(line),
      }
    },
    enqueue: (sequence, task) => {
      const line = { run: task, batch: () => 1, joins: () => false, leads: false, together: () => 1 }
      add({ sequence, rows: 0, line, at: now() }, 'decode')
    },
    drop: (sequence) => {
      decode = decode.filter((entry) => entry.sequence !== sequence)
      prefill = prefill.filter((entry) => entry.sequence !== sequence)
      decoders.drop(sequence)
      open.delete(sequence)
      // Those that waited for it go without it.
      if (decode.length + prefill.length > 0) wake()
      tellIdle()
    },
    waiting: () => decode.length + prefill.length,
    stepMs: () => (stepAt === null ? null : now() - stepAt),
    chunkMs: (stages) => (isDecoding() ? turns.chunkMs(stages, prompts() + 1) : null),
    idle: () => (running || decode.length + prefill.length > 0 ? new Promise((resolve) => idleWaiters.push(resolve)) : Promise.resolve()),
  }
}
