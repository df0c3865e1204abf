import type { SequenceId } from '../protocol/ids.ts'

/**
 * One device computes one thing at a time: work of all sequences waits in one line, first come first served. Decode steps go
 * before prefill chunks, but every fourth turn is prefill's while both wait, so that neither starves.
 */
export type Scheduler = {
  /**
   * Adds work to the line. It handles its own errors: the promise must not reject. Work of one sequence runs in the order it
   * was added, so a decode step behind prefill chunks of its own sequence waits with them, and one before goes with them.
   */
  readonly enqueue: (sequence: SequenceId, kind: 'decode' | 'prefill', work: () => Promise<void>) => void
  /** Forgets the waiting work of a sequence. Work that already runs is not interrupted. */
  readonly drop: (sequence: SequenceId) => void
  readonly waiting: () => number
  /** Resolves once nothing waits and nothing runs. */
  readonly idle: () => Promise<void>
}

export type SchedulerOptions = {
  /** Monotonic milliseconds. */
  readonly now: () => number
  /** Resolves in a task of its own, behind the events that wait. */
  readonly turn: () => Promise<void>
}

type Item = { readonly sequence: SequenceId; readonly work: () => Promise<void> }
const PREFILL_TURN = 4
/**
 * WASM steps are promises that are already fulfilled: a line that refills itself, as in a ring of one, would never let the
 * thread hear of a new stream or of a cancel. So events get their turn after this many milliseconds.
 */
const EVENTS_EVERY_MS = 4

export function createScheduler({ now, turn: eventTurn }: SchedulerOptions): Scheduler {
  let decode: Item[] = []
  let prefill: Item[] = []
  let running = false
  let turn = 0
  const idleWaiters: (() => void)[] = []

  const take = (): Item | undefined => {
    turn = (turn + 1) % PREFILL_TURN
    const prefillFirst = turn === 0 || decode.length === 0
    return prefillFirst ? (prefill.shift() ?? decode.shift()) : (decode.shift() ?? prefill.shift())
  }

  const pump = async (): Promise<void> => {
    if (running) return
    running = true
    let heardAt = now()
    for (let item = take(); item; item = take()) {
      await item.work()
      const isEmpty = decode.length + prefill.length === 0
      if (isEmpty || now() - heardAt < EVENTS_EVERY_MS) continue
      await eventTurn()
      heardAt = now()
    }
    running = false
    for (const resolve of idleWaiters.splice(0)) resolve()
  }

  return {
    enqueue: (sequence, kind, work) => {
      const isOwn = (item: Item): boolean => item.sequence === sequence
      if (kind === 'prefill') {
        // Its own steps that still wait go with it: a replay may end in single tokens with more behind them.
        prefill.push(...decode.filter(isOwn))
        decode = decode.filter((item) => !isOwn(item))
      }
      ;(kind === 'prefill' || prefill.some(isOwn) ? prefill : decode).push({ sequence, work })
      void pump()
    },
    drop: (sequence) => {
      decode = decode.filter((item) => item.sequence !== sequence)
      prefill = prefill.filter((item) => item.sequence !== sequence)
    },
    waiting: () => decode.length + prefill.length,
    idle: () => (running ? new Promise((resolve) => idleWaiters.push(resolve)) : Promise.resolve()),
  }
}
