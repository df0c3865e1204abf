/** How many answers run at once, who waits, and who is sent away: first come first served within a key, and the keys in turn. */
import { ClusterError } from '../../protocol/errors.ts'

export type AdmissionLimits = {
  /** Sequences that run at once, over all models. */
  readonly running: number
  /** Requests that wait. */
  readonly waiting: number
}
export const DEFAULT_LIMITS: AdmissionLimits = { running: 512, waiting: 512 }

/** Where a request stands in the line. */
export type Place = {
  /** 1 is next. */
  readonly position: number
  /** Null before anything has ended. */
  readonly seconds: number | null
}
export type Ticket = {
  /** Resolves when the request may run. @throws {ClusterError} cancelled */
  readonly turn: Promise<void>
  /** Null once it may run. */
  readonly place: () => Place | null
  /** It is over, or nobody wants it any more. May be called twice. */
  readonly leave: () => void
}
export type AdmissionState = {
  /** Sequences, and requests. */
  readonly running: number
  readonly waiting: number
  /** Of all that are here. */
  readonly tokens: number
  /** Until a request that came now would run. */
  readonly seconds: number
}
export type Admission = {
  /**
   * @param key of whom: requests of one key do not keep those of others waiting
   * @param sequences that the request runs at once
   * @param tokens that prompt and answers may have
   * @throws {ClusterError} queue_full
   */
  readonly enter: (key: string, sequences: number, tokens: number) => Ticket
  readonly state: () => AdmissionState
  readonly limits: AdmissionLimits
}

type Waiter = { readonly sequences: number; readonly start: () => void; readonly refuse: (error: Error) => void }

/** Weight of the newest in the mean time that a sequence runs. */
const WEIGHT = 0.1
/** What is assumed of it before any has ended. */
const UNKNOWN_SECONDS = 2

/** @param now monotonic milliseconds */
export function createAdmission(limits: AdmissionLimits, now: () => number): Admission {
  /** Keys in turn: the first is served next and then goes to the end. */
  const lines = new Map<string, Waiter[]>()
  let running = 0
  let waiting = 0
  let promised = 0
  let meanSeconds: number | null = null

  const secondsUntil = (position: number): number | null => (meanSeconds === null ? null : (meanSeconds * position) / limits.running)

  function admit(): void {
    for (const [key, line] of lines) {
      const [first] = line
      // Whoever is next and needs more than is free holds the others up: else it would never come to its turn.
      if (!first || running + first.sequences > limits.running) return
      line.shift()
      lines.delete(key)
      if (line.length > 0) lines.set(key, line)
      waiting -= 1
      running += first.sequences
      first.start()
      return admit()
    }
  }

  /** Turns that come before this waiter's: of each key as many as of its own, at most all. */
  function positionOf(key: string, waiter: Waiter): number {
    const own = lines.get(key)?.indexOf(waiter) ?? 0
    let position = 1
    let isBefore = true
    for (const [other, line] of lines) {
      if (other === key) isBefore = false
      position += other === key ? own : Math.min(line.length, own + (isBefore ? 1 : 0))
    }
    return position
  }

  function enter(key: string, wanted: number, tokens: number): Ticket {
    const sequences = Math.min(wanted, limits.running)
    const mayRun = waiting === 0 && running + sequences <= limits.running
    if (!mayRun && waiting >= limits.waiting) {
      const retryAfterSeconds = Math.max(1, secondsUntil(1 + waiting) ?? UNKNOWN_SECONDS)
      throw new ClusterError(
        'queue_full',
        `${running} answers run and ${waiting} requests wait, which is as many as this server takes; ask again later`,
        {
          detail: { retryAfterSeconds },
        },
      )
    }
    promised += tokens
    let startedAt: number | null = null
    let isOver = false
    let waiter: Waiter | null = null
    const turn = new Promise<void>((resolve, reject) => {
      const start = (): void => {
        startedAt = now()
        resolve()
      }
      if (mayRun) {
        running += sequences
        return start()
      }
      waiter = { sequences, start, refuse: reject }
      waiting += 1
      lines.set(key, [...(lines.get(key) ?? []), waiter])
    })
    // Whoever leaves the line may have stopped listening.
    turn.catch(() => undefined)
    return {
      turn,
      place: () => {
        if (startedAt !== null || !waiter || isOver) return null
        const position = positionOf(key, waiter)
        return { position, seconds: secondsUntil(position) }
      },
      leave: () => {
        if (isOver) return
        isOver = true
        promised -= tokens
        if (startedAt !== null) {
          running -= sequences
          const seconds = (now() - startedAt) / 1000
          meanSeconds = meanSeconds === null ? seconds : meanSeconds + WEIGHT * (seconds - meanSeconds)
        } else if (waiter) {
          const line = lines.get(key)?.filter((other) => other !== waiter) ?? []
          if (line.length > 0) lines.set(key, line)
          else lines.delete(key)
          waiting -= 1
          waiter.refuse(new ClusterError('cancelled', 'the request left the line'))
        }
        admit()
      },
    }
  }
  return {
    enter,
    limits,
    state: () => ({
      running,
      waiting,
      tokens: promised,
      seconds: running < limits.running && waiting === 0 ? 0 : (secondsUntil(1 + waiting) ?? UNKNOWN_SECONDS),
    }),
  }
}
