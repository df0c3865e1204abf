/** Time that moves from one timer to the next: hours pass in milliseconds, and the same run gives the same order every time. */
import type { Clock } from '../../core/link/clock.ts'

type Timer = { readonly at: number; readonly order: number; readonly callback: () => void; stopped: boolean }

export type VirtualTime = Clock & {
  /** Timers that are set and not stopped. */
  readonly pending: () => number
  /** Lets time pass until `isDone` says so, or until no timer is left, or `limitMs` is over. Returns whether it is done. */
  readonly run: (isDone: () => boolean, limitMs: number) => Promise<boolean>
}

/** Every microtask that waits, and those that they make. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Binary heap by due time, then by order of setting. */
function createHeap(): { all: () => readonly Timer[]; push: (timer: Timer) => void; pop: () => Timer | undefined } {
  const heap: Timer[] = []
  const isBefore = (a: Timer, b: Timer): boolean => a.at < b.at || (a.at === b.at && a.order < b.order)
  const swap = (i: number, j: number): void => {
    const [a, b] = [heap[i], heap[j]]
    if (a && b) [heap[i], heap[j]] = [b, a]
  }
  const less = (i: number, j: number): boolean => {
    const [a, b] = [heap[i], heap[j]]
    return a !== undefined && b !== undefined && isBefore(a, b)
  }
  return {
    all: () => heap,
    push: (timer) => {
      heap.push(timer)
      for (let i = heap.length - 1; i > 0 && less(i, (i - 1) >> 1); i = (i - 1) >> 1) swap(i, (i - 1) >> 1)
    },
    pop: () => {
      const top = heap[0]
      const last = heap.pop()
      if (heap.length > 0 && last) {
        heap[0] = last
        for (let i = 0; ;) {
          const child = less(2 * i + 2, 2 * i + 1) ? 2 * i + 2 : 2 * i + 1
          if (!less(child, i)) break
          swap(i, child)
          i = child
        }
      }
      return top
    },
  }
}

export function createVirtualTime(): VirtualTime {
  const heap = createHeap()
  let now = 0
  let order = 0
  return {
    now: () => now,
    pending: () => heap.all().filter((timer) => !timer.stopped).length,
    timer: (delayMs, callback) => {
      const timer = { at: now + Math.max(0, delayMs), order: order++, callback, stopped: false }
      heap.push(timer)
      return () => void (timer.stopped = true)
    },
    run: async (isDone, limitMs) => {
      const until = now + limitMs
      for (;;) {
        await settle()
        if (isDone()) return true
        let due = heap.pop()
        while (due?.stopped) due = heap.pop()
        if (!due || due.at > until) {
          if (due) heap.push(due)
          now = until
          return false
        }
        now = due.at
        due.callback()
      }
    },
  }
}

/** A clock of one device in it: while the device is frozen nothing of its falls due, afterwards everything at once. */
export type DeviceClock = Clock & {
  /** Something from outside: handled now, after the thaw, or never. */
  readonly deliver: (callback: () => void) => void
  readonly freeze: () => void
  readonly thaw: () => void
  readonly stop: () => void
}

export function createDeviceClock(time: Clock): DeviceClock {
  let state: 'running' | 'frozen' | 'stopped' = 'running'
  let late: (() => void)[] = []
  return {
    now: time.now,
    timer: (delayMs, callback) => {
      let stopped = false
      const fire = (): void => {
        if (stopped || state === 'stopped') return
        if (state === 'frozen') late.push(fire)
        else callback()
      }
      const stop = time.timer(delayMs, fire)
      return () => {
        stopped = true
        stop()
      }
    },
    deliver: (callback) => {
      if (state === 'running') callback()
      else if (state === 'frozen') late.push(callback)
    },
    freeze: () => void (state = state === 'stopped' ? state : 'frozen'),
    thaw: () => {
      if (state !== 'frozen') return
      state = 'running'
      const callbacks = late
      late = []
      for (const callback of callbacks) callback()
    },
    stop: () => void (state = 'stopped'),
  }
}
