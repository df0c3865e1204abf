/** Calls to the HTTP API of the server that this page came from. */
import { z } from 'zod'
import { ClusterError, isErrorCode, type ErrorCode } from '../../protocol/errors.ts'

const errorSchema = z.object({
  error: z.object({ message: z.string(), code: z.custom<ErrorCode>(isErrorCode), missing_bytes: z.number().optional() }),
})

async function errorOf(response: Response): Promise<ClusterError> {
  const parsed = errorSchema.safeParse(await response.json().catch(() => null))
  if (!parsed.success) return new ClusterError('source_unavailable', `the server answered with status ${response.status}`)
  const { code, message, missing_bytes: missingBytes } = parsed.data.error
  return new ClusterError(code, message, missingBytes === undefined ? {} : { detail: { missingBytes } })
}

/** What an answer must be. @throws {ClusterError} as the server answers, source_unavailable when it does not */
export type ServerCall = <T>(schema: z.ZodType<T>, path: string, init?: RequestInit) => Promise<T>

/** @param keyOf what is sent with a call, where the page has one: a server with API keys asks for it */
export function createServerCall(fetcher: typeof fetch, keyOf: () => string | null): ServerCall {
  return async (schema, path, init = {}) => {
    const key = keyOf()
    const headers = key === null ? {} : { authorization: `Bearer ${key}` }
    const response = await fetcher(path, { ...init, headers: { ...headers, ...init.headers } }).catch((cause: unknown) => {
      if (init.signal?.aborted) throw new ClusterError('cancelled', 'it was stopped', { cause })
      throw new ClusterError('source_unavailable', 'the server could not be reached', { cause })
    })
    if (!response.ok) throw await errorOf(response)
    const parsed = schema.safeParse(await response.json().catch(() => null))
    if (parsed.success) return parsed.data
    throw new ClusterError('source_unavailable', 'the server answered in a way that this page does not know; reload it')
  }
}

/** The parts of a request with a JSON body. */
export const jsonRequest = (method: string, body?: unknown): RequestInit => ({
  method,
  ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
})
