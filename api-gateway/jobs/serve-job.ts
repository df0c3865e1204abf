/** Runs a job for one HTTP exchange: cancels with the client, counts, and hands events to the dialect. */
import type { Response } from 'express'
import { ClusterError, toClusterError } from '../../protocol/errors.ts'
import type { CompletionBackend } from '../completion-backend.ts'
import { cacheScopeOf } from '../http/api-key.ts'
import { createEventStream, type EventStream, type StreamFormat } from '../http/event-stream.ts'
import type { Log } from '../log.ts'
import type { RateLimits } from '../http/rate-limit.ts'
import { requestIdOf } from '../http/request-log.ts'
import type { Traces } from '../traces.ts'
import type { Metrics } from '../metrics.ts'
import { createChoiceCollector, type ChoiceResult } from './choice-result.ts'
import { runJob } from './run-job.ts'
import type { RunningJobs } from './running-jobs.ts'
import { choiceCount, promptTokensOf, type JobEvent, type TextJob } from './text-job.ts'

export type JobContext = {
  readonly backend: CompletionBackend
  readonly running: RunningJobs
  readonly metrics: Metrics
  readonly limits: Pick<RateLimits, 'spend'>
  readonly traces: Traces
  readonly log: Log
  /** Answers may begin from what earlier ones with the same API key computed. */
  readonly keepsPrefixes: boolean
}

/** After this many milliseconds without a first event the stream opens anyway; until then an error keeps its own HTTP status. */
const OPEN_AFTER_MS = 10_000

async function* observed(id: string, job: TextJob, response: Response, context: JobContext): AsyncGenerator<JobEvent, void, undefined> {
  const { backend, running, metrics, traces } = context
  const abort = new AbortController()
  const onClose = (): void => {
    if (!response.writableFinished) abort.abort(new ClusterError('cancelled', 'the client went away'))
  }
  response.once('close', onClose)
  if (response.destroyed) onClose()
  const remove = running.add(id, (reason) => abort.abort(reason))
  const observation = metrics.observeJob(job)
  let sampled = 0
  const trace = traces.begin({ id, requestId: requestIdOf(response), model: job.model, promptTokens: promptTokensOf(job) })
  let failure: string | null = 'the client went away'
  try {
    const cacheScope = context.keepsPrefixes ? cacheScopeOf(response.req) : null
    for await (const event of runJob(job, backend, abort.signal, cacheScope, trace)) {
      observation.event(event)
      // One of these without text comes for each token.
      if (event.type === 'text' && event.text === '') sampled++
      yield event
    }
    failure = null
  } catch (error) {
    const typed = toClusterError(error)
    failure = `${typed.code}: ${typed.message}`
    observation.failed(typed)
    throw abort.signal.aborted && abort.signal.reason instanceof ClusterError ? abort.signal.reason : error
  } finally {
    context.limits.spend(response, promptTokensOf(job) + sampled)
    observation.end()
    trace.end(failure)
    remove()
    response.off('close', onClose)
  }
}

/** All choices when they are done. @param onEvent sees each event as it comes @throws {ClusterError} */
export async function collectJob(
  id: string,
  job: TextJob,
  response: Response,
  context: JobContext,
  onEvent?: (event: JobEvent) => void,
): Promise<readonly ChoiceResult[]> {
  const choices = Array.from({ length: choiceCount(job) }, createChoiceCollector)
  for await (const event of observed(id, job, response, context)) {
    onEvent?.(event)
    choices[event.choice]?.add(event)
  }
  return choices.map((choice) => choice.result())
}

/** As `collectJob`, of a job with one choice. */
export async function collectOne(...of: Parameters<typeof collectJob>): Promise<ChoiceResult> {
  const [result] = await collectJob(...of)
  if (!result) throw new Error('a job without a choice')
  return result
}

/** How a dialect writes its stream. Each function may send any number of events. */
export type StreamWriter = {
  /** Server-sent events when absent. */
  readonly format?: StreamFormat
  readonly event: (stream: EventStream, event: JobEvent) => void
  readonly finish: (stream: EventStream) => void
  readonly error: (stream: EventStream, error: ClusterError) => void
}

/** Streams until the end or an error event. An error before the stream has opened is thrown, so that it gets its HTTP status. @throws {ClusterError} */
export async function streamJob(id: string, job: TextJob, response: Response, context: JobContext, writer: StreamWriter): Promise<void> {
  const stream = createEventStream(response, writer.format ?? 'sse')
  const opening = setTimeout(stream.open, OPEN_AFTER_MS)
  response.once('close', () => clearTimeout(opening))
  try {
    for await (const event of observed(id, job, response, context)) {
      stream.open()
      writer.event(stream, event)
    }
    writer.finish(stream)
  } catch (thrown) {
    if (response.destroyed) return
    if (!stream.isOpen()) throw thrown
    const error = toClusterError(thrown)
    if (error.code === 'internal') context.log.error({ err: error.cause, id }, 'a stream failed')
    writer.error(stream, error)
  } finally {
    clearTimeout(opening)
  }
  stream.end()
}
