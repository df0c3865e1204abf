import type { SequenceId } from '../protocol/ids.ts'

/**
 * One device computes one thing at a time: work of all sequences waits in one line, first come first served. Decode steps go
 * before prefill chunks, but every fourth turn is prefill's while both wait, so that neither starves.
 */
export type Scheduler = {
  /**
   * Adds work to the line. It handles its own errors: the promise must not reject. Work of one sequence runs in the order it
   * was added, so a decode step behind prefill chunks of its own sequence waits with them.
   */
  readonly enqueue: (sequence: SequenceId, kind: 'decode' | 'prefill', work: () => Promise<void>) => void
  /** Forgets the waiting work of a sequence. Work that already runs is not interrupted. */
  readonly drop: (sequence: SequenceId) => void
  readonly waiting: () => number
  /** Resolves once nothing waits and nothing runs. */
  readonly idle: () => Promise<void>
}

type Item = { readonly sequence: SequenceId; readonly work: () => Promise<void> }
const PREFILL_TURN = 4

export function createScheduler(): Scheduler {
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
    for (let item = take(); item; item = take()) {
      await item.work()
    }
    running = false
    for (const resolve of idleWaiters.splice(0)) resolve()
  }

  return {
    enqueue: (sequence, kind, work) => {
      const behindPrefill = kind === 'prefill' || prefill.some((item) => item.sequence === sequence)
      ;(behindPrefill ? prefill : decode).push({ sequence, work })
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
