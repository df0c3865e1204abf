/** One file of an HTTP source: what is known of it, one request for it, and what went wrong in words that name file and host. */
import { ClusterError, type ErrorCode } from '../../protocol/errors.ts'
import type { FileFacts } from './model-source.ts'
import { retryAfterMs, type Timing, type Try } from './http-retry.ts'

/** The part of `fetch` that a source needs. */
export type FetchLike = (
  url: string,
  init: {
    readonly headers: Readonly<Record<string, string>>
    readonly signal?: AbortSignal
    readonly method?: 'HEAD'
    readonly mode?: 'no-cors'
  },
) => Promise<Response>

export type HttpSourceOptions = Timing & {
  readonly fetch: FetchLike
  /** Sent with every request to `base`: tells the server which peer reads, so that it can count bytes by peer. */
  readonly peer?: string
  /** Sent as a bearer token to the host of `base`, never to a host that it redirects to (`fetch` drops it on the way there). */
  readonly token?: string
  /** In a page: its own origin. A request to another one may be refused by the browser itself (CORS), which is then said. */
  readonly pageOrigin?: string
  /** In a page: it is cross-origin isolated, and its browser then tells a host that refuses from one that is down not even by a blind request. */
  readonly isIsolated?: boolean
  /** SHA-256; without it (pages that are not a secure context have none) hashes are not checked. */
  readonly sha256?: (bytes: Uint8Array<ArrayBuffer>) => Promise<ArrayBuffer>
}

export type HttpFile = {
  readonly name: string
  readonly url: string
  /** Where the last redirect led: ranges go there directly until it refuses, as a signed URL does once it has expired. */
  resolved: string | null
  hasRanges: boolean
  /** The file itself, when the server gives nothing smaller. */
  whole: Uint8Array<ArrayBuffer> | null
  /** ETag, or the date of its last change where the host gives none: changes when the bytes do. */
  version: string | null
  /** Bytes in all, once a Content-Range has told. */
  size: number | null
  /** Settles when the first read is over: only one reader finds out whether there are ranges. */
  first: Promise<unknown> | null
  /** Requests in a row that got no answer at all. */
  silences: number
}

/** A connection that brings nothing for so long is given up and the rest asked for again. */
const STALL_MS = 30_000
const PASSING = [408, 425, 429, 500, 502, 503, 504]

export const fileError = (file: HttpFile, what: string, cause?: unknown, code: ErrorCode = 'source_unavailable'): ClusterError =>
  new ClusterError(code, `${file.name} of ${new URL(file.resolved ?? file.url).host} could not be read: ${what}`, { cause })

const cancelled = (file: HttpFile): ClusterError => new ClusterError('cancelled', `reading ${file.name} was cancelled`)

const isForeign = (url: string, { pageOrigin }: HttpSourceOptions): boolean => pageOrigin !== undefined && new URL(url).origin !== pageOrigin

/** True when the host answers but the browser keeps its answers from the page. */
async function isRefusedByCors(url: string, options: HttpSourceOptions, signal: AbortSignal): Promise<boolean> {
  if (!isForeign(url, options)) return false
  return options.fetch(url, { headers: {}, method: 'HEAD', mode: 'no-cors', signal }).then(
    () => true,
    () => false,
  )
}

const NO_CORS = 'does not let pages of other sites read it (CORS); choose another host, or put the model into the models folder of the server'

async function noAnswer(file: HttpFile, url: string, cause: unknown, options: HttpSourceOptions, signal: AbortSignal): Promise<Try<never>> {
  file.silences += 1
  // A broken connection looks the same to a page as a refusal; only one that repeats is asked about.
  if (file.silences > 1 && (await isRefusedByCors(url, options, signal)))
    return { outcome: 'failed', error: fileError(file, `the host ${NO_CORS}`, cause) }
  const mayRefuse = options.isIsolated === true && isForeign(url, options)
  return { outcome: 'again', error: fileError(file, mayRefuse ? `no answer; the host is out of reach, or ${NO_CORS}` : 'no answer', cause) }
}

function refused(file: HttpFile, response: Response): Try<never> {
  const { status } = response
  if (PASSING.includes(status)) return { outcome: 'again', error: fileError(file, `status ${status}`), waitMs: retryAfterMs(response.headers) }
  if (file.resolved !== null) {
    const error = fileError(file, `status ${status}`)
    file.resolved = null
    return { outcome: 'again', error }
  }
  if (status === 416) return { outcome: 'failed', error: fileError(file, 'it is shorter than config or index say', undefined, 'bad_checkpoint') }
  const why =
    status === 404 ? 'there is no such file (404)' : status === 401 || status === 403 ? `no access (${status}): a token may be needed` : null
  return { outcome: 'failed', error: fileError(file, why ?? `status ${status}`) }
}

function versionOf({ headers }: Response): string | null {
  const etag = headers.get('x-linked-etag') ?? headers.get('etag')
  const modified = headers.get('last-modified')
  return etag ?? (modified === null ? null : `modified ${modified}`)
}

/** Notices a version that changes: pieces of two never become one file. */
function learn(file: HttpFile, response: Response): ClusterError | null {
  if (response.url !== '' && response.url !== file.url) file.resolved = response.url
  const version = versionOf(response)
  if (file.version !== null && version !== null && version !== file.version)
    return fileError(file, 'it changed while it was being read; load the model again')
  file.version ??= version
  return null
}

const SHA256 = /^(?:W\/)?"?([0-9a-f]{64})"?$/
/** These hosts name files by the hash of a tree of chunks, which looks like a SHA-256 and is none. */
const NAMES_TREES = /(?:^|\.)hf\.co$/
/** The commit of a hub's address: what is below it never changes. */
const COMMIT = /\/resolve\/([0-9a-f]{40})\//

/** SHA-256 of the whole file in hexadecimal, where the host names it by that. */
const sha256Of = ({ version, resolved }: HttpFile): string | null =>
  resolved !== null && NAMES_TREES.test(new URL(resolved).hostname) ? null : (SHA256.exec(version ?? '')?.[1] ?? null)

/** True when its address alone says which bytes it has. */
export const isPinned = (address: string): boolean => COMMIT.test(`${address}/`)

export const factsOf = (file: HttpFile): FileFacts => ({
  version: file.version ?? COMMIT.exec(file.url)?.[1] ?? null,
  size: file.size,
  sha256: sha256Of(file),
})

/**
 * One request, its answer's body left to `use`, which is told when bytes stop coming by its reads failing.
 * @param range as in the Range header, or null for the whole file
 */
export async function tryOnce<T>(
  file: HttpFile,
  range: string | null,
  options: HttpSourceOptions,
  signal: AbortSignal | undefined,
  use: (response: Response, isAlive: () => void) => Promise<Try<T>>,
): Promise<Try<T>> {
  const stall = new AbortController()
  const watch = (): (() => void) => options.clock.timer(STALL_MS, () => stall.abort())
  let stopWatch = watch()
  const isAlive = (): void => {
    stopWatch()
    stopWatch = watch()
  }
  const url = file.resolved ?? file.url
  const isHome = file.resolved === null
  const headers = {
    ...(range === null ? {} : { range }),
    ...(isHome && options.peer !== undefined ? { 'x-ringlet-peer': options.peer } : {}),
    ...(isHome && options.token !== undefined ? { authorization: `Bearer ${options.token}` } : {}),
  }
  try {
    if (signal?.aborted) return { outcome: 'failed', error: cancelled(file) }
    const response = await options.fetch(url, { headers, signal: signal ? AbortSignal.any([signal, stall.signal]) : stall.signal })
    isAlive()
    file.silences = 0
    if (!response.ok) {
      await response.body?.cancel()
      return refused(file, response)
    }
    const changed = learn(file, response)
    if (!changed) return await use(response, isAlive)
    await response.body?.cancel()
    return { outcome: 'failed', error: changed }
  } catch (cause) {
    if (signal?.aborted) return { outcome: 'failed', error: cancelled(file) }
    if (cause instanceof ClusterError) return { outcome: 'failed', error: cause }
    if (stall.signal.aborted) return { outcome: 'again', error: fileError(file, `nothing came for ${STALL_MS / 1000} seconds`, cause) }
    return await noAnswer(file, url, cause, options, stall.signal)
  } finally {
    stopWatch()
  }
}

/** One request for the facts alone; null when there is no such file. What it learns is not kept. @throws when no answer comes */
export async function askFacts(file: HttpFile, options: HttpSourceOptions, signal: AbortSignal): Promise<FileFacts | null> {
  const headers = { ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }) }
  const response = await options.fetch(file.url, { method: 'HEAD', headers, signal })
  if (response.status === 404) return null
  if (!response.ok) throw fileError(file, `status ${response.status}`)
  const length = response.headers.get('content-encoding') === null ? response.headers.get('content-length') : null
  return factsOf({ ...file, version: versionOf(response), size: length === null ? null : Number(length), resolved: response.url || null })
}
