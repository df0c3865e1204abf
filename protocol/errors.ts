/** The one table of everything that can go wrong in a way a caller can act on. Codes cross ring, worker, signaling and HTTP unchanged. */

type RetryHint = 'never' | 'later' | 'none'
type ErrorSpec = {
  /** HTTP status of the OpenAI dialect. */
  readonly status: number
  /** `error.type` of the OpenAI dialect. */
  readonly type: 'invalid_request_error' | 'authentication_error' | 'permission_error' | 'rate_limit_error' | 'server_error'
  /** `never`: `x-should-retry: false`. `later`: `Retry-After`. `none`: no header. */
  readonly retry: RetryHint
}

export const ERRORS = {
  invalid_value: { status: 400, type: 'invalid_request_error', retry: 'none' },
  unsupported_field: { status: 400, type: 'invalid_request_error', retry: 'none' },
  invalid_json: { status: 400, type: 'invalid_request_error', retry: 'none' },
  unsupported_media_type: { status: 415, type: 'invalid_request_error', retry: 'none' },
  context_length_exceeded: { status: 400, type: 'invalid_request_error', retry: 'none' },
  invalid_api_key: { status: 401, type: 'authentication_error', retry: 'none' },
  invalid_join_token: { status: 401, type: 'authentication_error', retry: 'none' },
  device_removed: { status: 403, type: 'permission_error', retry: 'none' },
  device_waiting: { status: 403, type: 'permission_error', retry: 'later' },
  insufficient_scope: { status: 403, type: 'permission_error', retry: 'none' },
  forbidden_host: { status: 403, type: 'permission_error', retry: 'none' },
  forbidden_origin: { status: 403, type: 'permission_error', retry: 'none' },
  model_not_found: { status: 404, type: 'invalid_request_error', retry: 'none' },
  response_not_found: { status: 400, type: 'invalid_request_error', retry: 'none' },
  route_not_found: { status: 404, type: 'invalid_request_error', retry: 'none' },
  method_not_allowed: { status: 405, type: 'invalid_request_error', retry: 'none' },
  payload_too_large: { status: 413, type: 'invalid_request_error', retry: 'none' },
  protocol_version_mismatch: { status: 400, type: 'invalid_request_error', retry: 'none' },
  peer_id_taken: { status: 409, type: 'invalid_request_error', retry: 'none' },
  rate_limited: { status: 429, type: 'rate_limit_error', retry: 'later' },
  shutting_down: { status: 503, type: 'server_error', retry: 'later' },
  queue_full: { status: 429, type: 'rate_limit_error', retry: 'later' },
  internal: { status: 500, type: 'server_error', retry: 'none' },
  no_ring: { status: 503, type: 'server_error', retry: 'never' },
  not_enough_memory: { status: 503, type: 'server_error', retry: 'never' },
  ring_reforming: { status: 503, type: 'server_error', retry: 'later' },
  ring_broken: { status: 503, type: 'server_error', retry: 'later' },
  deadline_exceeded: { status: 503, type: 'server_error', retry: 'later' },
  cancelled: { status: 499, type: 'invalid_request_error', retry: 'none' },
  link_closed: { status: 503, type: 'server_error', retry: 'later' },
  unsupported_model: { status: 400, type: 'invalid_request_error', retry: 'none' },
  unsupported_backend: { status: 400, type: 'invalid_request_error', retry: 'none' },
  bad_checkpoint: { status: 500, type: 'server_error', retry: 'none' },
  source_unavailable: { status: 503, type: 'server_error', retry: 'later' },
  malformed_frame: { status: 500, type: 'server_error', retry: 'none' },
  frame_too_large: { status: 500, type: 'server_error', retry: 'none' },
} as const satisfies Record<string, ErrorSpec>

export type ErrorCode = keyof typeof ERRORS

export const isErrorCode = (value: unknown): value is ErrorCode => typeof value === 'string' && Object.hasOwn(ERRORS, value)

/** Facts that travel with an error where a caller can use them; every field optional. */
export type ErrorDetail = {
  /** The request field that is at fault. */
  readonly param?: string
  /** Bytes short, for `not_enough_memory`. */
  readonly missingBytes?: number
  /** Tokens in the prompt and tokens allowed, for `context_length_exceeded`. */
  readonly promptTokens?: number
  readonly contextLength?: number
  /** Seconds after which a retry makes sense. */
  readonly retryAfterSeconds?: number
}

/** An error that a caller can act on. `message` says what was expected, what came, and what to do; it is shown to people. */
export class ClusterError extends Error {
  override readonly name = 'ClusterError'
  readonly code: ErrorCode
  readonly detail: ErrorDetail

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; detail?: ErrorDetail } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.detail = options.detail ?? {}
  }
}

/** What crosses a wire of an error: code, message, detail. Stacks and causes stay at home. */
export type WireError = { readonly code: ErrorCode; readonly message: string; readonly detail?: ErrorDetail }

/** Any thrown value as a `ClusterError`; one that is not becomes `internal` with its message kept out of the wire. */
export function toClusterError(thrown: unknown): ClusterError {
  if (thrown instanceof ClusterError) return thrown
  return new ClusterError('internal', 'an internal error occurred; the log of the device or server has the cause', { cause: thrown })
}

export const toWireError = (error: ClusterError): WireError => ({ code: error.code, message: error.message, detail: error.detail })
export const fromWireError = (wire: WireError): ClusterError => new ClusterError(wire.code, wire.message, wire.detail ? { detail: wire.detail } : {})
