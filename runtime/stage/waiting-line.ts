/** Jobs that wait at the head until a running answer makes room for their KV caches: first come first served, and bounded. */
import type { SequenceId } from '../../protocol/ids.ts'
import type { Job } from '../../protocol/ring.ts'

/** Place in the line, 1 = next, and how long it may take; null before any answer has ended. */
export type WaitingPlace = { readonly position: number; readonly etaMs: number | null }

export type WaitingLine = {
  /** Puts a job in line; false when the line is full. A job that waits already stays where it is. */
  readonly add: (id: SequenceId, job: Job) => boolean
  readonly has: (id: SequenceId) => boolean
  /** Takes the longest waiting one out. */
  readonly next: () => { readonly id: SequenceId; readonly job: Job } | null
  readonly drop: (id: SequenceId) => void
  readonly all: () => readonly { readonly id: SequenceId; readonly job: Job; readonly place: WaitingPlace }[]
  /** An answer that ran so long has ended. */
  readonly ended: (ms: number) => void
  /** Seconds after which another try makes sense. */
  readonly retryAfterSeconds: () => number
}

const WEIGHT = 0.2
/** A client that is told to come back later comes back within a minute. */
const RETRY_SECONDS = { least: 1, most: 60 }

/** @param room answers that run beside each other @param most that wait */
export function createWaitingLine(room: () => number, most: number): WaitingLine {
  const line = new Map<SequenceId, Job>()
  let answerMs: number | null = null
  const etaMs = (position: number): number | null => (answerMs === null ? null : Math.round((answerMs * position) / Math.max(1, room())))
  return {
    add: (id, job) => {
      if (!line.has(id) && line.size >= most) return false
      line.set(id, job)
      return true
    },
    has: (id) => line.has(id),
    next: () => {
      for (const [id, job] of line) {
        line.delete(id)
        return { id, job }
      }
      return null
    },
    drop: (id) => void line.delete(id),
    all: () => [...line].map(([id, job], i) => ({ id, job, place: { position: i + 1, etaMs: etaMs(i + 1) } })),
    ended: (ms) => {
      answerMs = answerMs === null ? ms : answerMs + WEIGHT * (ms - answerMs)
    },
    retryAfterSeconds: () => {
      const seconds = Math.ceil((etaMs(line.size) ?? 0) / 1000)
      return Math.min(RETRY_SECONDS.most, Math.max(RETRY_SECONDS.least, seconds))
    },
  }
}
