import { ClusterError } from '../../protocol/errors.ts'
import type { ModelSource } from './model-source.ts'

/** The part of `fetch` that a source needs. */
export type FetchLike = (
  url: string,
  init: { readonly headers: Readonly<Record<string, string>>; readonly signal?: AbortSignal },
) => Promise<Response>

export type HttpSourceOptions = {
  readonly fetch: FetchLike
  /** Sent with every request: tells the server which peer reads, so that it can count bytes by peer. */
  readonly peer?: string
}

const unavailable = (url: string, what: string, cause?: unknown): ClusterError =>
  new ClusterError('source_unavailable', `${url} could not be read: ${what}`, { cause })

/** Fills `target` from a body; the transfer of a large range is visible in `onBytes` as it goes. */
async function readBody(response: Response, url: string, length: number, onBytes?: (count: number) => void): Promise<Uint8Array> {
  if (!response.body) throw unavailable(url, 'the answer has no body')
  const target = new Uint8Array(length)
  const reader = response.body.getReader()
  let filled = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done) break
    if (filled + value.length > length) {
      await reader.cancel()
      throw unavailable(url, `the answer is longer than the ${length} bytes asked for`)
    }
    target.set(value, filled)
    filled += value.length
    onBytes?.(value.length)
  }
  if (filled < length) throw new ClusterError('bad_checkpoint', `${url} ended after ${filled} of ${length} bytes`)
  return target
}

/** A checkpoint below a URL, read by Range requests. @param base with or without a slash at its end */
export function httpSource(base: string, options: HttpSourceOptions): ModelSource {
  const root = base.endsWith('/') ? base : `${base}/`
  const request = async (file: string, range: string | null, signal?: AbortSignal): Promise<{ url: string; response: Response }> => {
    const url = root + file
    const headers = { ...(range ? { range } : {}), ...(options.peer ? { 'x-ringlet-peer': options.peer } : {}) }
    try {
      return { url, response: await options.fetch(url, signal ? { headers, signal } : { headers }) }
    } catch (cause) {
      if (signal?.aborted) throw new ClusterError('cancelled', `reading ${url} was cancelled`, { cause })
      throw unavailable(url, 'no answer', cause)
    }
  }
  return {
    label: base,
    readText: async (file, signal) => {
      const { url, response } = await request(file, null, signal)
      if (response.status === 404) return null
      if (!response.ok) throw unavailable(url, `status ${response.status}`)
      return response.text()
    },
    readRange: async (file, start, end, { signal, onBytes } = {}) => {
      if (end <= start) return new Uint8Array(0)
      const { url, response } = await request(file, `bytes=${start}-${end - 1}`, signal)
      if (response.status === 416) throw new ClusterError('bad_checkpoint', `${url} is shorter than ${end} bytes`)
      if (response.status !== 206) {
        await response.body?.cancel()
        throw unavailable(url, `status ${response.status} where 206 (a byte range) was expected`)
      }
      try {
        return await readBody(response, url, end - start, onBytes)
      } catch (cause) {
        if (cause instanceof ClusterError) throw cause
        if (signal?.aborted) throw new ClusterError('cancelled', `reading ${url} was cancelled`, { cause })
        throw unavailable(url, 'the transfer broke off', cause)
      }
    },
  }
}
