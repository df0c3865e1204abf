/** Bodies, events and errors of Anthropic's dialect. */
import { ERRORS, type ClusterError, type ErrorCode } from '../../protocol/errors.ts'
import type { ModelId } from '../../protocol/ids.ts'
import type { ChoiceResult, StreamWriter } from '../jobs/serve-job.ts'
import { promptTokensOf, type JobEvent, type TextJob, type TokenCounts } from '../jobs/text-job.ts'

/** Anthropic's status for a server that cannot take the request now; its SDKs know it. */
const OVERLOADED = 529
const OVERLOADED_CODES: readonly ErrorCode[] = ['queue_full', 'no_ring', 'not_enough_memory', 'ring_reforming', 'shutting_down']
const TYPES: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  [OVERLOADED]: 'overloaded_error',
}

export const anthropicStatus = (code: ErrorCode): number => (OVERLOADED_CODES.includes(code) ? OVERLOADED : ERRORS[code].status)

/** @param requestId as the header says it */
export const anthropicErrorBody = ({ code, message }: ClusterError, requestId: string | null): object => ({
  type: 'error',
  error: { type: TYPES[anthropicStatus(code)] ?? 'api_error', message },
  ...(requestId === null ? {} : { request_id: requestId }),
})

/** What was cached is counted apart from the other input here. */
const usageOf = (job: TextJob, { tokens, cached }: TokenCounts): object => ({
  input_tokens: promptTokensOf(job) - cached,
  output_tokens: tokens,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: cached,
})

const stopOf = ({
  reason,
  stop,
}: Pick<ChoiceResult, 'reason' | 'stop'>): { readonly stop_reason: string; readonly stop_sequence: string | null } => ({
  stop_reason: reason === 'length' ? 'max_tokens' : stop === null ? 'end_turn' : 'stop_sequence',
  stop_sequence: stop,
})

const messageOf = (id: string, model: ModelId): object => ({ id, type: 'message', role: 'assistant', model })

/** An answer without text has one empty block. */
export const messageBody = (id: string, job: TextJob, result: ChoiceResult): object => ({
  ...messageOf(id, job.model),
  content: [{ type: 'text', text: result.text }],
  ...stopOf(result),
  usage: usageOf(job, result),
})

/** message_start, one text block, message_delta, message_stop; the block opens with the stream, so an empty answer has one too. */
export function messageStreamWriter(id: string, job: TextJob, requestId: string): StreamWriter {
  let isOpen = false
  let end: Extract<JobEvent, { type: 'finish' }> | null = null
  const send = (stream: Parameters<StreamWriter['event']>[0], event: { readonly type: string; readonly [key: string]: unknown }): void =>
    stream.event(event, event.type)
  const open = (stream: Parameters<StreamWriter['event']>[0], { cached }: TokenCounts): void => {
    if (isOpen) return
    isOpen = true
    const message = { ...messageOf(id, job.model), content: [], stop_reason: null, stop_sequence: null, usage: usageOf(job, { tokens: 0, cached }) }
    send(stream, { type: 'message_start', message })
    send(stream, { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } })
  }
  return {
    event: (stream, event) => {
      if (event.type === 'progress') return
      open(stream, event)
      if (event.type === 'finish') end = event
      else if (event.text !== '') send(stream, { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: event.text } })
    },
    finish: (stream) => {
      if (end === null) throw new Error('a job that ended without a finish')
      send(stream, { type: 'content_block_stop', index: 0 })
      send(stream, { type: 'message_delta', delta: stopOf(end), usage: { output_tokens: end.tokens } })
      send(stream, { type: 'message_stop' })
    },
    error: (stream, error) => stream.event(anthropicErrorBody(error, requestId), 'error'),
  }
}
