/** Bodies and events of the Responses dialect. */
import { randomUUID } from 'node:crypto'
import { ERRORS, type ClusterError } from '../../protocol/errors.ts'
import type { EventStream } from '../http/event-stream.ts'
import type { ChoiceResult, StreamWriter } from '../jobs/serve-job.ts'
import { promptTokensOf, type JobEvent, type TextJob, type TokenCounts } from '../jobs/text-job.ts'
import type { ResponsesRequest } from './responses.ts'

/** What an answer says of itself, whatever its state. */
export type ResponseFrame = {
  readonly id: string
  readonly messageId: string
  readonly createdAt: number
  readonly job: TextJob
  readonly request: ResponsesRequest
}
type Status = 'in_progress' | 'completed' | 'incomplete' | 'failed'

export const newFrame = (id: string, job: TextJob, request: ResponsesRequest): ResponseFrame => ({
  id,
  messageId: `msg_${randomUUID().replaceAll('-', '')}`,
  createdAt: Math.floor(Date.now() / 1000),
  job,
  request,
})

const usageOf = (job: TextJob, { tokens: output, cached }: TokenCounts): object => {
  const input = promptTokensOf(job)
  return {
    input_tokens: input,
    input_tokens_details: { cached_tokens: cached },
    output_tokens: output,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: input + output,
  }
}

const partOf = (text: string): object => ({ type: 'output_text', text, annotations: [], logprobs: [] })
const itemOf = ({ messageId }: ResponseFrame, status: Status, content: readonly object[]): object => ({
  type: 'message',
  id: messageId,
  status,
  role: 'assistant',
  content,
})

function bodyOf(
  frame: ResponseFrame,
  status: Status,
  rest: { readonly output?: readonly object[]; readonly usage?: object; readonly error?: object },
): object {
  const { request, job } = frame
  return {
    id: frame.id,
    object: 'response',
    created_at: frame.createdAt,
    status,
    background: false,
    error: rest.error ?? null,
    incomplete_details: status === 'incomplete' ? { reason: 'max_output_tokens' } : null,
    instructions: request.instructions ?? null,
    max_output_tokens: request.max_output_tokens ?? null,
    model: job.model,
    output: rest.output ?? [],
    parallel_tool_calls: request.parallel_tool_calls ?? true,
    previous_response_id: request.previous_response_id ?? null,
    reasoning: { effort: null, summary: null },
    store: request.store ?? true,
    temperature: job.sampling.temperature,
    text: { format: { type: 'text' } },
    tool_choice: 'auto',
    tools: [],
    top_p: job.sampling.topP,
    truncation: 'disabled',
    usage: rest.usage ?? null,
    user: request.user ?? null,
    metadata: request.metadata ?? {},
  }
}

type Ended = Pick<ChoiceResult, 'text' | 'reason' | 'tokens' | 'cached'>
const statusOf = ({ reason }: Pick<Ended, 'reason'>): Status => (reason === 'length' ? 'incomplete' : 'completed')

export const responseBody = (frame: ResponseFrame, result: Ended): object => {
  const status = statusOf(result)
  return bodyOf(frame, status, { output: [itemOf(frame, status, [partOf(result.text)])], usage: usageOf(frame.job, result) })
}

/** @param onEnd is given the finished answer before its last event goes out, so that a client can refer to it at once */
export function responseStreamWriter(frame: ResponseFrame, onEnd: (result: Ended) => void): StreamWriter {
  let sequence = 0
  let text = ''
  let end: Extract<JobEvent, { type: 'finish' }> | null = null
  const place = { item_id: frame.messageId, output_index: 0, content_index: 0 }
  const send = (stream: EventStream, type: string, fields: object): void => stream.event({ type, sequence_number: sequence++, ...fields }, type)
  const open = (stream: EventStream): void => {
    if (sequence > 0) return
    send(stream, 'response.created', { response: bodyOf(frame, 'in_progress', {}) })
    send(stream, 'response.in_progress', { response: bodyOf(frame, 'in_progress', {}) })
    send(stream, 'response.output_item.added', { output_index: 0, item: itemOf(frame, 'in_progress', []) })
    send(stream, 'response.content_part.added', { ...place, part: partOf('') })
  }
  return {
    event: (stream, event) => {
      if (event.type === 'progress') return
      open(stream)
      if (event.type === 'finish') end = event
      else if (event.text !== '') {
        text += event.text
        send(stream, 'response.output_text.delta', { ...place, delta: event.text, logprobs: [] })
      }
    },
    finish: (stream) => {
      if (end === null) throw new Error('a job that ended without a finish')
      const result = { text, reason: end.reason, tokens: end.tokens, cached: end.cached }
      const status = statusOf(end)
      send(stream, 'response.output_text.done', { ...place, text, logprobs: [] })
      send(stream, 'response.content_part.done', { ...place, part: partOf(text) })
      send(stream, 'response.output_item.done', { output_index: 0, item: itemOf(frame, status, [partOf(text)]) })
      onEnd(result)
      send(stream, `response.${status}`, { response: responseBody(frame, result) })
      stream.event('[DONE]')
    },
    error: (stream, error) => {
      send(stream, 'response.failed', { response: bodyOf(frame, 'failed', { error: failureOf(error) }) })
      stream.event('[DONE]')
    },
  }
}

const failureOf = ({ code, message }: ClusterError): object => ({ code: ERRORS[code].type === 'server_error' ? 'server_error' : code, message })
