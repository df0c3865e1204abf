/** Bodies, lines and errors of Ollama's dialect. Durations are in nanoseconds. */
import { ERRORS, type ClusterError, type ErrorCode } from '../../protocol/errors.ts'
import { createChoiceCollector, type ChoiceResult } from '../jobs/choice-result.ts'
import type { StreamWriter } from '../jobs/serve-job.ts'
import { promptTokensOf, type JobEvent, type TextJob } from '../jobs/text-job.ts'
import type { OllamaRequest } from './ollama.ts'

/** A full queue is 503 here, 429 elsewhere. */
export const ollamaStatus = (code: ErrorCode): number => (code === 'queue_full' ? 503 : ERRORS[code].status)
export const ollamaErrorBody = ({ message }: ClusterError): object => ({ error: message })

type Endpoint = OllamaRequest['endpoint']
type End = Pick<ChoiceResult, 'reason' | 'tokens'>

/** Marks when an answer began and when its first token came, in milliseconds. */
export type Stopwatch = { readonly event: (event: JobEvent) => void; readonly durations: (job: TextJob, tokens: number) => object }

export function startStopwatch(now: () => number): Stopwatch {
  const start = now()
  let first: number | null = null
  const nanoseconds = (ms: number): number => Math.round(ms * 1e6)
  return {
    event: ({ type }) => {
      if (type === 'text') first ??= now()
    },
    durations: (job, tokens) => {
      const end = now()
      const firstAt = first ?? end
      return {
        total_duration: nanoseconds(end - start),
        load_duration: 0,
        prompt_eval_count: promptTokensOf(job),
        prompt_eval_duration: nanoseconds(firstAt - start),
        eval_count: tokens,
        eval_duration: nanoseconds(end - firstAt),
      }
    },
  }
}

type Said = Pick<ChoiceResult, 'text' | 'reasoning' | 'calls'>
const NOTHING: Said = { text: '', reasoning: '', calls: [] }

/** Arguments are an object here, not its text. What a limit has cut short is no JSON. */
function inputOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return {}
  }
}

const line = (endpoint: Endpoint, model: string, { text, reasoning, calls }: Said): object => {
  const thinking = reasoning === '' ? {} : { thinking: reasoning }
  const tools =
    calls.length === 0 ? {} : { tool_calls: calls.map(({ id, name, arguments: input }) => ({ id, function: { name, arguments: inputOf(input) } })) }
  return {
    model,
    created_at: new Date().toISOString(),
    ...(endpoint === 'chat' ? { message: { role: 'assistant', content: text, ...thinking, ...tools } } : { response: text, ...thinking }),
  }
}

const lastLine = (endpoint: Endpoint, job: TextJob, said: Said, end: End, watch: Stopwatch): object => ({
  ...line(endpoint, job.model, said),
  done: true,
  done_reason: end.reason === 'tool_calls' ? 'stop' : end.reason,
  ...watch.durations(job, end.tokens),
})

/** The answer to a request that only loads or unloads. */
export const emptyAnswer = (endpoint: Endpoint, model: string, reason: 'load' | 'unload'): object => ({
  ...line(endpoint, model, NOTHING),
  done: true,
  done_reason: reason,
})

export const ollamaBody = (endpoint: Endpoint, job: TextJob, result: ChoiceResult, watch: Stopwatch): object =>
  lastLine(endpoint, job, result, result, watch)

/** Text and reasoning as they come; a call when it is whole, since its arguments are an object here. */
export function ollamaStreamWriter(endpoint: Endpoint, job: TextJob, watch: Stopwatch): StreamWriter {
  const calls = createChoiceCollector()
  let told = 0
  type Stream = Parameters<StreamWriter['event']>[0]
  const say = (stream: Stream, said: Partial<Said>): void => stream.event({ ...line(endpoint, job.model, { ...NOTHING, ...said }), done: false })
  const tellCalls = (stream: Stream, upTo: number): void => {
    for (const call of calls.result().calls.slice(told, upTo)) say(stream, { calls: [call] })
    told = Math.max(told, upTo)
  }
  return {
    format: 'ndjson',
    event: (stream, event) => {
      watch.event(event)
      calls.add(event)
      if (event.type === 'text' && event.text !== '') say(stream, { text: event.text })
      if (event.type === 'reasoning') say(stream, { reasoning: event.text })
      if (event.type === 'call') tellCalls(stream, event.index)
      if (event.type !== 'finish') return
      tellCalls(stream, calls.result().calls.length)
      stream.event(lastLine(endpoint, job, NOTHING, event, watch))
    },
    finish: () => undefined,
    error: (stream, error) => stream.event(ollamaErrorBody(error)),
  }
}
