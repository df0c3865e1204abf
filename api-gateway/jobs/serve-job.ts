/** Runs a job for one HTTP exchange: cancels with the client, counts, and hands events to the dialect. */
import type { Response } from 'express'
import type { RingEvent } from '../../core/client/ring-client.ts'
import { ClusterError, toClusterError } from '../../protocol/errors.ts'
import type { CompletionBackend } from '../completion-backend.ts'
import { cacheScopeOf, keyDigestOf } from '../http/api-key.ts'
import { createEventStream, createSinkStream, type EventStream, type StreamFormat } from '../http/event-stream.ts'
import type { Log } from '../log.ts'
import type { RateLimits } from '../http/rate-limit.ts'
import { requestIdOf } from '../http/request-log.ts'
import type { JobTrace, Traces } from '../traces.ts'
import type { JobObservation, Metrics } from '../metrics.ts'
import type { Admission, Place, Ticket } from './admission.ts'
import { createChoiceCollector, type ChoiceResult } from './choice-result.ts'
import type { KeptStreams, OpenedStream } from './kept-streams.ts'
import { contextLength, runJob } from './run-job.ts'
import type { RunningJobs } from './running-jobs.ts'
import { choiceCount, promptTokensOf, type JobEvent, type TextJob } from './text-job.ts'

export type JobContext = {
  readonly backend: CompletionBackend
  readonly running: RunningJobs
  readonly admission: Admission
  readonly metrics: Metrics
  readonly limits: Pick<RateLimits, 'spend'>
  readonly traces: Traces
  readonly streams: KeptStreams
  readonly log: Log
  /** Answers may begin from what earlier ones with the same API key computed. */
  readonly keepsPrefixes: boolean
}

/** After this many milliseconds without a first event the stream opens anyway; until then an error keeps its own HTTP status. */
const OPEN_AFTER_MS = 10_000

/** How many places are left, as clients of OpenAI read it, where the key has no limit of its own that says less. */
function tellLimits(response: Response, { limits, state }: Admission, contextTokens: number): void {
  if (response.headersSent) return
  const { running, waiting, tokens, seconds } = state()
  const places = limits.running + limits.waiting
  const left = { requests: places - running - waiting, tokens: places * contextTokens - tokens }
  for (const [what, limit] of [
    ['requests', places],
    ['tokens', places * contextTokens],
  ] as const) {
    if (response.hasHeader(`x-ratelimit-limit-${what}`)) continue
    response.setHeader(`x-ratelimit-limit-${what}`, limit)
    response.setHeader(`x-ratelimit-remaining-${what}`, Math.max(0, left[what]))
    response.setHeader(`x-ratelimit-reset-${what}`, `${Math.ceil(seconds)}s`)
  }
}

/** A place among the answers that run, or in the line for one. @throws {ClusterError} queue_full */
function enterFor(job: TextJob, response: Response, { admission, backend }: JobContext): Ticket {
  const limit = contextLength(job, backend)
  const most = promptTokensOf(job) + choiceCount(job) * Math.min(job.maxTokens ?? limit, limit)
  try {
    return admission.enter(keyDigestOf(response.req), choiceCount(job), most)
  } finally {
    tellLimits(response, admission, limit)
  }
}

/** A trace whose rings are counted too. */
const counted = (trace: JobTrace, observation: JobObservation): JobTrace => ({
  ...trace,
  choice: (index) => {
    const choice = trace.choice(index)
    const ring = (event: RingEvent): void => {
      choice.ring(event)
      observation.ring(index, event)
    }
    return { ...choice, ring }
  },
})

type Watch = {
  readonly onTicket?: (ticket: Ticket) => void
  /** It goes on when the client goes away. */
  readonly isKept?: boolean
}

async function* observed(
  id: string,
  job: TextJob,
  response: Response,
  context: JobContext,
  { onTicket, isKept = false }: Watch = {},
): AsyncGenerator<JobEvent, void, undefined> {
  const { backend, running, metrics, traces } = context
  const abort = new AbortController()
  const onClose = (): void => {
    if (!response.writableFinished && !isKept) abort.abort(new ClusterError('cancelled', 'the client went away'))
  }
  response.once('close', onClose)
  if (response.destroyed) onClose()
  const remove = running.add(id, (reason) => abort.abort(reason))
  const observation = metrics.observe({ count: choiceCount(job), promptTokens: promptTokensOf(job), choicesPerPrompt: job.choicesPerPrompt })
  let sampled = 0
  const trace = traces.begin({ id, requestId: requestIdOf(response), model: job.model, promptTokens: promptTokensOf(job) })
  let failure: string | null = 'the client went away'
  let ticket: Ticket | null = null
  try {
    ticket = enterFor(job, response, context)
    abort.signal.addEventListener('abort', ticket.leave, { once: true })
    onTicket?.(ticket)
    await ticket.turn
    observation.begin()
    const cacheScope = context.keepsPrefixes ? cacheScopeOf(response.req) : null
    for await (const event of runJob(job, backend, abort.signal, cacheScope, counted(trace, observation))) {
      observation.event(event)
      // One of these without text comes for each token.
      if (event.type === 'text' && event.text === '') sampled++
      yield event
    }
    failure = null
  } catch (error) {
    const cause: unknown = abort.signal.aborted && abort.signal.reason instanceof ClusterError ? abort.signal.reason : error
    const typed = toClusterError(cause)
    failure = `${typed.code}: ${typed.message}`
    observation.failed(typed)
    throw cause
  } finally {
    context.limits.spend(response, promptTokensOf(job) + sampled)
    observation.end()
    trace.end(failure)
    ticket?.leave()
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
  /** What it returns is awaited before the stream ends. */
  readonly finish: (stream: EventStream) => Promise<void> | void
  readonly error: (stream: EventStream, error: ClusterError) => void
}

const silenceWords = (place: Place | null): string =>
  place === null ? 'keep-alive' : `waiting, position ${place.position}${place.seconds === null ? '' : `, about ${Math.ceil(place.seconds)} s`}`

/** The stream that goes on without its reader, where the request asks for one. @throws {ClusterError} invalid_value */
function keptStreamOf(id: string, response: Response, { streams, running }: JobContext): OpenedStream | null {
  const conversation = response.req.get('x-conversation-id')
  if (conversation === undefined) return null
  if (!/^[\w.:-]{1,128}$/.test(conversation))
    throw new ClusterError('invalid_value', 'X-Conversation-Id: expected up to 128 letters, digits, dots, colons, _ and -', {
      detail: { param: 'X-Conversation-Id' },
    })
  const kept = streams.open(conversation, keyDigestOf(response.req), () => void running.cancel(id))
  return { ...kept, sink: { ...kept.sink, start: () => response.destroyed || kept.follow(response, 0) } }
}

/** Streams until the end or an error event. An error before the stream has opened is thrown, so that it gets its HTTP status. @throws {ClusterError} */
export async function streamJob(id: string, job: TextJob, response: Response, context: JobContext, writer: StreamWriter): Promise<void> {
  let place: Ticket['place'] = () => null
  const silence = (): string => silenceWords(place())
  const { format = 'sse' } = writer
  const kept = format === 'sse' ? keptStreamOf(id, response, context) : null
  const stream = kept ? createSinkStream(kept.sink, format, silence) : createEventStream(response, format, silence)
  /** Who waits is told so at once. */
  const onTicket = (ticket: Ticket): void => {
    place = ticket.place
    if (place()) stream.open()
  }
  const opening = setTimeout(stream.open, OPEN_AFTER_MS)
  if (!kept) response.once('close', () => clearTimeout(opening))
  try {
    for await (const event of observed(id, job, response, context, { onTicket, isKept: kept !== null })) {
      stream.open()
      writer.event(stream, event)
    }
    await writer.finish(stream)
  } catch (thrown) {
    if (!stream.isOpen()) kept?.forget()
    if (response.destroyed && !kept) return
    if (!stream.isOpen()) throw thrown
    const error = toClusterError(thrown)
    if (error.code === 'internal') context.log.error({ err: error.cause, id }, 'a stream failed')
    writer.error(stream, error)
  } finally {
    clearTimeout(opening)
  }
  stream.end()
}
