/** When to try a request again: back-off with jitter, a server's own wish (Retry-After), and an end to it. */
import { ClusterError } from '../../protocol/errors.ts'
import type { Clock } from '../link/clock.ts'

/** What one try came to. `waitMs` null: the next try follows the back-off. `isProgress`: it moved enough to count as the first again. */
export type Try<T> =
  | { readonly outcome: 'done'; readonly value: T }
  | { readonly outcome: 'failed'; readonly error: ClusterError }
  | { readonly outcome: 'again'; readonly error: ClusterError; readonly waitMs?: number | null; readonly isProgress?: boolean }

export type Timing = {
  readonly clock: Clock
  /** In [0, 1). */
  readonly random: () => number
}

/** Tries in a row that bring nothing: with the back-off about 15 seconds. */
const MAX_TRIES = 6
const FIRST_WAIT_MS = 500
const MAX_BACK_OFF_MS = 20_000
/** A server that asks for more patience than this is told of as an error instead of waited for. */
const MAX_WAIT_MS = 60_000

/** Ends early when it is cancelled: the next try sees that and says of which file. */
function wait(delayMs: number, { clock }: Timing, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      stop()
      signal?.removeEventListener('abort', end)
      resolve()
    }
    const stop = clock.timer(delayMs, end)
    if (signal?.aborted) end()
    else signal?.addEventListener('abort', end, { once: true })
  })
}

/**
 * Tries until it is done, has failed for good, or has failed too often in a row; then the last try's error is thrown.
 * @param attempt fails for good once `signal` is aborted
 */
export async function untilDone<T>(attempt: () => Promise<Try<T>>, timing: Timing, signal?: AbortSignal): Promise<T> {
  let failures = 0
  for (;;) {
    const tried = await attempt()
    if (tried.outcome === 'done') return tried.value
    if (tried.outcome === 'failed') throw tried.error
    failures = tried.isProgress ? 1 : failures + 1
    if (failures >= MAX_TRIES) throw tried.error
    const backOffMs = Math.min(MAX_BACK_OFF_MS, FIRST_WAIT_MS * 2 ** (failures - 1)) * (0.5 + timing.random() / 2)
    const waitMs = tried.waitMs ?? backOffMs
    if (waitMs > MAX_WAIT_MS) {
      throw new ClusterError(tried.error.code, tried.error.message, { cause: tried.error, detail: { retryAfterSeconds: Math.ceil(waitMs / 1000) } })
    }
    await wait(waitMs, timing, signal)
  }
}

/** Milliseconds of a Retry-After, in seconds or as a date beside the server's own; null without a usable one. RFC 9110, 10.2.3 */
export function retryAfterMs(headers: { get(name: string): string | null }): number | null {
  const value = headers.get('retry-after')?.trim() ?? ''
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000
  const delayMs = Date.parse(value) - Date.parse(headers.get('date') ?? '')
  return Number.isFinite(delayMs) ? Math.max(0, delayMs) : null
}
