import type { CompletionEvent } from '../../core/client/ring-client.ts'
import type { Clock } from '../../core/link/clock.ts'

/** An answer that is followed in the background. */
export type Stream = {
  readonly ids: number[]
  readonly indexes: number[]
  readonly atMs: number[]
  error: unknown
  isDone: boolean
  finish: string | null
  /** Tokens of the prompt that were not computed. */
  cached: number
}

export function follow(clock: Clock, events: AsyncIterable<CompletionEvent>): Stream {
  const stream: Stream = { ids: [], indexes: [], atMs: [], error: null, isDone: false, finish: null, cached: 0 }
  const read = async (): Promise<void> => {
    for await (const event of events) {
      if (event.type !== 'token') continue
      stream.ids.push(event.tokenId)
      stream.indexes.push(event.index)
      stream.atMs.push(clock.now())
      stream.finish = event.finish
      if (event.index === 0) stream.cached = event.cached
    }
  }
  void read()
    .catch((error: unknown) => (stream.error = error))
    .finally(() => (stream.isDone = true))
  return stream
}

/** Longest time between two tokens, in milliseconds. */
export const longestGap = ({ atMs }: Stream): number => Math.max(0, ...atMs.slice(1).map((at, i) => at - (atMs[i] ?? 0)))
