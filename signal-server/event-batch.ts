/** Gathers what many are told, so that each of them gets one message for all that happened in a while: of each peer only the newest. */
import type { ClusterEvent } from '../protocol/signaling.ts'

/** Events that one message has at most: some of them carry a whole status. */
const MOST_EVENTS = 128

export type EventBatch = {
  /** Tells `events` within so many milliseconds, in their order, and what waits before them. 0: at once. */
  readonly add: (events: readonly ClusterEvent[], withinMs: number) => void
  readonly flush: () => void
  /** What waits is not told any more. */
  readonly close: () => void
}

/** The same message in pieces that are not too long. */
export const inMessages = (events: readonly ClusterEvent[]): readonly (readonly ClusterEvent[])[] =>
  Array.from({ length: Math.ceil(events.length / MOST_EVENTS) }, (_, i) => events.slice(i * MOST_EVENTS, (i + 1) * MOST_EVENTS))

/** What a later event makes of an earlier one about the same; both where it says no more than it changes. */
function merged(before: ClusterEvent | undefined, event: ClusterEvent): ClusterEvent {
  if (event.type !== 'peer-updated' || before?.type !== 'peer-joined') return event
  const { status, capabilities } = event
  return { type: 'peer-joined', peer: { ...before.peer, status, capabilities } }
}

function subjectOf(event: ClusterEvent): string {
  switch (event.type) {
    case 'peer-joined':
      return `peer ${event.peer.id}`
    case 'peer-updated':
    case 'peer-left':
      return `peer ${event.id}`
    case 'wish-set':
      return `wish ${event.wish.model}`
    case 'wish-dropped':
      return `wish ${event.model}`
    case 'placement':
      return `placement ${event.placement.model}`
    case 'crowd':
      return 'crowd'
  }
}

export function createEventBatch(send: (events: readonly ClusterEvent[]) => void): EventBatch {
  const waiting = new Map<string, ClusterEvent>()
  let due: { readonly at: number; readonly timer: NodeJS.Timeout } | null = null

  const stop = (): void => {
    if (due) clearTimeout(due.timer)
    due = null
  }
  const flush = (): void => {
    stop()
    const events = [...waiting.values()]
    waiting.clear()
    for (const message of inMessages(events)) send(message)
  }
  return {
    flush,
    add: (events, withinMs) => {
      for (const event of events) {
        const subject = subjectOf(event)
        const newest = merged(waiting.get(subject), event)
        // To the end of the line: the order of the newest is what makes sense together.
        waiting.delete(subject)
        waiting.set(subject, newest)
      }
      if (withinMs <= 0) return flush()
      const at = performance.now() + withinMs
      if (waiting.size === 0 || (due && due.at <= at)) return
      stop()
      due = { at, timer: setTimeout(flush, withinMs) }
    },
    close: () => {
      stop()
      waiting.clear()
    },
  }
}
