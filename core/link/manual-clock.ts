import type { Clock } from './clock.ts'

type Timer = { readonly at: number; readonly callback: () => void }

/** A clock that moves only when told: tests of timeouts take no time. */
export type ManualClock = Clock & {
  /** Moves time on, firing what falls due, in order. */
  readonly advance: (ms: number) => void
  readonly pendingTimers: () => number
}

export function createManualClock(): ManualClock {
  let now = 0
  let timers: readonly Timer[] = []
  const next = (until: number): Timer | undefined =>
    timers
      .filter((timer) => timer.at <= until)
      .reduce<Timer | undefined>((first, timer) => (first && first.at <= timer.at ? first : timer), undefined)
  return {
    now: () => now,
    timer: (delayMs, callback) => {
      const timer = { at: now + Math.max(0, delayMs), callback }
      timers = [...timers, timer]
      return () => void (timers = timers.filter((other) => other !== timer))
    },
    advance: (ms) => {
      const until = now + ms
      for (let timer = next(until); timer; timer = next(until)) {
        const due = timer
        timers = timers.filter((other) => other !== due)
        now = due.at
        due.callback()
      }
      now = until
    },
    pendingTimers: () => timers.length,
  }
}
