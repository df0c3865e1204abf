import type { Response } from 'express'
import { ClusterError, ERRORS, toClusterError } from '../../protocol/errors.ts'
import { anthropicErrorBody, anthropicStatus } from '../dialects/anthropic-answer.ts'
import { ollamaErrorBody, ollamaStatus } from '../dialects/ollama-answer.ts'
import { requestIdOf } from './request-log.ts'

/** SDKs obey a Retry-After of at most this many seconds. */
const MAX_RETRY_AFTER_SECONDS = 60
const DEFAULT_RETRY_AFTER_SECONDS = 2

export type OpenAiErrorBody = {
  readonly error: {
    readonly message: string
    readonly type: string
    readonly param: string | null
    readonly code: string
    readonly n_prompt_tokens?: number
    readonly n_ctx?: number
    readonly missing_bytes?: number
  }
}

export function openAiErrorBody({ code, message, detail }: ClusterError): OpenAiErrorBody {
  return {
    error: {
      message,
      type: ERRORS[code].type,
      param: detail.param ?? null,
      code,
      ...(detail.promptTokens === undefined ? {} : { n_prompt_tokens: detail.promptTokens }),
      ...(detail.contextLength === undefined ? {} : { n_ctx: detail.contextLength }),
      ...(detail.missingBytes === undefined ? {} : { missing_bytes: detail.missingBytes }),
    },
  }
}

/** Status, retry headers and body of an error before anything was sent. */
function sendError(response: Response, error: ClusterError, status: number, body: object): void {
  const { retry } = ERRORS[error.code]
  if (retry === 'never') response.setHeader('x-should-retry', 'false')
  if (retry === 'later')
    response.setHeader('retry-after', Math.min(MAX_RETRY_AFTER_SECONDS, Math.ceil(error.detail.retryAfterSeconds ?? DEFAULT_RETRY_AFTER_SECONDS)))
  response.status(status).json(body)
}

/** In the dialect whose endpoint was asked. */
export function sendErrorOf(path: string, response: Response, error: ClusterError): void {
  if (/^\/v1\/messages(?:\/|$)/.test(path)) {
    const id = requestIdOf(response)
    response.setHeader('request-id', id)
    sendError(response, error, anthropicStatus(error.code), anthropicErrorBody(error, id))
  } else if (/^\/api(?:\/|$)/.test(path)) sendError(response, error, ollamaStatus(error.code), ollamaErrorBody(error))
  else sendError(response, error, ERRORS[error.code].status, openAiErrorBody(error))
}

/** What express and its parts throw, as an error of the table. */
export function fromHttpError(thrown: unknown): ClusterError {
  if (thrown instanceof ClusterError) return thrown
  const status = typeof thrown === 'object' && thrown !== null && 'status' in thrown ? thrown.status : undefined
  switch (status) {
    case 413:
      return new ClusterError('payload_too_large', 'the request body is larger than this server takes', { cause: thrown })
    case 415:
      return new ClusterError('unsupported_media_type', 'the request body has an encoding or charset that this server does not read', {
        cause: thrown,
      })
    case 400:
      return new ClusterError('invalid_value', 'the request cannot be read: its path, length or encoding is malformed', { cause: thrown })
    case 404:
      return new ClusterError('route_not_found', 'there is nothing at this address', { cause: thrown })
    case 403:
      return new ClusterError('route_not_found', 'there is nothing at this address', { cause: thrown })
    default:
      return toClusterError(thrown)
  }
}
