/** Bodies, lines and errors of Ollama's dialect. Durations are in nanoseconds. */
import { ERRORS, type ClusterError, type ErrorCode } from '../../protocol/errors.ts'
import type { ChoiceResult, StreamWriter } from '../jobs/serve-job.ts'
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

const line = (endpoint: Endpoint, model: string, text: string): object => ({
  model,
  created_at: new Date().toISOString(),
  ...(endpoint === 'chat' ? { message: { role: 'assistant', content: text } } : { response: text }),
})

const lastLine = (endpoint: Endpoint, job: TextJob, text: string, end: End, watch: Stopwatch): object => ({
  ...line(endpoint, job.model, text),
  done: true,
  done_reason: end.reason,
  ...watch.durations(job, end.tokens),
})

/** The answer to a request that only loads or unloads. */
export const emptyAnswer = (endpoint: Endpoint, model: string, reason: 'load' | 'unload'): object => ({
  ...line(endpoint, model, ''),
  done: true,
  done_reason: reason,
})

export const ollamaBody = (endpoint: Endpoint, job: TextJob, result: ChoiceResult, watch: Stopwatch): object =>
  lastLine(endpoint, job, result.text, result, watch)

export function ollamaStreamWriter(endpoint: Endpoint, job: TextJob, watch: Stopwatch): StreamWriter {
  return {
    format: 'ndjson',
    event: (stream, event) => {
      watch.event(event)
      if (event.type === 'text' && event.text !== '') stream.event({ ...line(endpoint, job.model, event.text), done: false })
      if (event.type === 'finish') stream.event(lastLine(endpoint, job, '', event, watch))
    },
    finish: () => undefined,
    error: (stream, error) => stream.event(ollamaErrorBody(error)),
  }
}
