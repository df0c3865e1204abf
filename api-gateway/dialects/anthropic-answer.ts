/** Bodies, events and errors of Anthropic's dialect. */
import { ERRORS, type ClusterError, type ErrorCode } from '../../protocol/errors.ts'
import type { ModelId } from '../../protocol/ids.ts'
import type { ChoiceResult } from '../jobs/choice-result.ts'
import type { StreamWriter } from '../jobs/serve-job.ts'
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
const usageOf = (job: TextJob, { tokens, cached }: Pick<TokenCounts, 'tokens' | 'cached'>): object => ({
  input_tokens: promptTokensOf(job) - cached,
  output_tokens: tokens,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: cached,
})

const stopOf = ({
  reason,
  stop,
}: Pick<ChoiceResult, 'reason' | 'stop'>): { readonly stop_reason: string; readonly stop_sequence: string | null } => ({
  stop_reason: reason === 'length' ? 'max_tokens' : reason === 'tool_calls' ? 'tool_use' : stop === null ? 'end_turn' : 'stop_sequence',
  stop_sequence: stop,
})

const messageOf = (id: string, model: ModelId): object => ({ id, type: 'message', role: 'assistant', model })
const toolUse = (id: string, name: string, input: unknown): object => ({ type: 'tool_use', id: `toolu_${id}`, name, input })

/** What a limit has cut short is no JSON: its text is all that can be given. */
function inputOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text === '' ? {} : { partial_json: text }
  }
}

/** An answer without anything has one empty block. */
function blocksOf({ text, reasoning, calls }: ChoiceResult): readonly object[] {
  return [
    ...(reasoning === '' ? [] : [{ type: 'thinking', thinking: reasoning, signature: '' }]),
    ...(text === '' && calls.length > 0 ? [] : [{ type: 'text', text }]),
    ...calls.map(({ id, name, arguments: input }) => toolUse(id, name, inputOf(input))),
  ]
}

export const messageBody = (id: string, job: TextJob, result: ChoiceResult): object => ({
  ...messageOf(id, job.model),
  content: blocksOf(result),
  ...stopOf(result),
  usage: usageOf(job, result),
})

type Shown = Exclude<JobEvent, { type: 'progress' | 'finish' }>

/** The block that an event belongs to, as it begins. */
function blockOf(event: Shown): object {
  if (event.type === 'text') return { type: 'text', text: '' }
  if (event.type === 'reasoning') return { type: 'thinking', thinking: '', signature: '' }
  return event.type === 'call' ? toolUse(event.id, event.name, {}) : {}
}
/** What it adds to the block; null for the beginning of a call. */
function deltaOf(event: Shown): object | null {
  if (event.type === 'text') return { type: 'text_delta', text: event.text }
  if (event.type === 'reasoning') return { type: 'thinking_delta', thinking: event.text }
  return event.type === 'call' ? null : { type: 'input_json_delta', partial_json: event.text }
}

/** message_start, blocks one after the other, message_delta, message_stop. An answer without anything has one empty block. */
export function messageStreamWriter(id: string, job: TextJob, requestId: string): StreamWriter {
  let isOpen = false
  let index = -1
  /** Kind of the block that is open. */
  let kind: string | null = null
  let end: Extract<JobEvent, { type: 'finish' }> | null = null
  type Stream = Parameters<StreamWriter['event']>[0]
  const send = (stream: Stream, event: { readonly type: string; readonly [key: string]: unknown }): void => stream.event(event, event.type)
  const open = (stream: Stream, { cached }: TokenCounts): void => {
    if (isOpen) return
    isOpen = true
    const message = { ...messageOf(id, job.model), content: [], stop_reason: null, stop_sequence: null, usage: usageOf(job, { tokens: 0, cached }) }
    send(stream, { type: 'message_start', message })
  }
  const close = (stream: Stream): void => {
    if (kind !== null) send(stream, { type: 'content_block_stop', index })
    kind = null
  }
  const begin = (stream: Stream, event: Shown): void => {
    close(stream)
    kind = event.type === 'call' ? 'arguments' : event.type
    send(stream, { type: 'content_block_start', index: ++index, content_block: blockOf(event) })
  }
  return {
    event: (stream, event) => {
      if (event.type === 'progress') return
      open(stream, event)
      if (event.type === 'finish') {
        end = event
        return
      }
      if (event.type === 'text' && event.text === '') return
      if (event.type === 'call' || kind !== event.type) begin(stream, event)
      const delta = deltaOf(event)
      if (delta) send(stream, { type: 'content_block_delta', index, delta })
    },
    finish: (stream) => {
      if (end === null) throw new Error('a job that ended without a finish')
      if (index < 0) begin(stream, { ...end, type: 'text', text: '', logprobs: null })
      close(stream)
      send(stream, { type: 'message_delta', delta: stopOf(end), usage: { output_tokens: end.tokens } })
      send(stream, { type: 'message_stop' })
    },
    error: (stream, error) => stream.event(anthropicErrorBody(error, requestId), 'error'),
  }
}
