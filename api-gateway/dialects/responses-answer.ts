/** Bodies and events of the Responses dialect. */
import { ERRORS, type ClusterError } from '../../protocol/errors.ts'
import type { EventStream } from '../http/event-stream.ts'
import { createChoiceCollector, type ChoiceResult } from '../jobs/choice-result.ts'
import type { StreamWriter } from '../jobs/serve-job.ts'
import { promptTokensOf, type TextJob, type TokenCounts } from '../jobs/text-job.ts'
import { createOutputItems, itemsOf } from './responses-items.ts'
import type { ResponsesRequest } from './responses.ts'

/** What an answer says of itself, whatever its state. */
export type ResponseFrame = {
  readonly id: string
  readonly createdAt: number
  readonly job: TextJob
  readonly request: ResponsesRequest
}
type Status = 'in_progress' | 'completed' | 'incomplete' | 'failed'

export const newFrame = (id: string, job: TextJob, request: ResponsesRequest): ResponseFrame => ({
  id,
  createdAt: Math.floor(Date.now() / 1000),
  job,
  request,
})

const usageOf = (job: TextJob, { tokens: output, reasoningTokens, cached }: TokenCounts): object => {
  const input = promptTokensOf(job)
  return {
    input_tokens: input,
    input_tokens_details: { cached_tokens: cached },
    output_tokens: output,
    output_tokens_details: { reasoning_tokens: reasoningTokens },
    total_tokens: input + output,
  }
}

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
    completed_at: status === 'completed' ? Math.floor(Date.now() / 1000) : null,
    status,
    background: false,
    error: rest.error ?? null,
    incomplete_details: status === 'incomplete' ? { reason: 'max_output_tokens' } : null,
    instructions: request.instructions ?? null,
    max_output_tokens: request.max_output_tokens ?? null,
    max_tool_calls: null,
    model: job.model,
    output: rest.output ?? [],
    presence_penalty: job.sampling.presencePenalty,
    frequency_penalty: job.sampling.frequencyPenalty,
    parallel_tool_calls: request.parallel_tool_calls ?? true,
    previous_response_id: request.previous_response_id ?? null,
    prompt_cache_key: request.prompt_cache_key ?? null,
    reasoning: { effort: request.reasoning?.effort ?? null, summary: null },
    safety_identifier: request.safety_identifier ?? null,
    service_tier: request.service_tier ?? 'default',
    store: request.store ?? true,
    temperature: job.sampling.temperature,
    text: { format: request.text?.format ?? { type: 'text' } },
    tool_choice: request.tool_choice ?? 'auto',
    // What a call must match is kept to whether or not it is asked for.
    tools: (request.tools ?? []).map((tool) => ({
      ...tool,
      description: tool.description ?? null,
      parameters: tool.parameters ?? null,
      strict: true,
    })),
    top_logprobs: job.topLogprobs ?? 0,
    top_p: job.sampling.topP,
    truncation: 'disabled',
    usage: rest.usage ?? null,
    user: request.user ?? null,
    metadata: request.metadata ?? {},
  }
}

const statusOf = ({ reason }: Pick<ChoiceResult, 'reason'>): 'completed' | 'incomplete' => (reason === 'length' ? 'incomplete' : 'completed')

export const responseBody = (frame: ResponseFrame, result: ChoiceResult, output?: readonly object[]): object => {
  const status = statusOf(result)
  return bodyOf(frame, status, { output: output ?? itemsOf(frame.job, result, status), usage: usageOf(frame.job, result) })
}

/** @param onEnd is given the finished answer and its body before the last event goes out, so that a client can refer to it at once */
export function responseStreamWriter(frame: ResponseFrame, onEnd: (result: ChoiceResult, body: object) => Promise<void>): StreamWriter {
  let sequence = 0
  const items = createOutputItems(frame.job)
  const collector = createChoiceCollector()
  const send = (stream: EventStream, type: string, fields: object): void => stream.event({ type, sequence_number: sequence++, ...fields }, type)
  const open = (stream: EventStream): void => {
    if (sequence > 0) return
    send(stream, 'response.created', { response: bodyOf(frame, 'in_progress', {}) })
    send(stream, 'response.in_progress', { response: bodyOf(frame, 'in_progress', {}) })
  }
  return {
    event: (stream, event) => {
      if (event.type === 'progress') return
      open(stream)
      collector.add(event)
      items.add(event, (type, fields) => send(stream, type, fields))
    },
    finish: async (stream) => {
      const result = collector.result()
      const status = statusOf(result)
      items.end(status, (type, fields) => send(stream, type, fields))
      const body = responseBody(frame, result, items.bodies())
      await onEnd(result, body)
      send(stream, `response.${status}`, { response: body })
      stream.event('[DONE]')
    },
    error: (stream, error) => {
      send(stream, 'response.failed', { response: bodyOf(frame, 'failed', { error: failureOf(error) }) })
      stream.event('[DONE]')
    },
  }
}

const failureOf = ({ code, message }: ClusterError): object => ({ code: ERRORS[code].type === 'server_error' ? 'server_error' : code, message })
