import type { Request, RequestHandler } from 'express'
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { RingEvent } from '../core/client/ring-client.ts'
import type { ClusterError } from '../protocol/errors.ts'
import { registerClusterGauges, type OnView } from './cluster-gauges.ts'
import type { CompletionBackend } from './completion-backend.ts'
import type { JobEvent } from './jobs/text-job.ts'

/** What is asked of a ring: answers, or vectors of texts. */
export type Asked = {
  /** That run at once. */
  readonly count: number
  readonly promptTokens: number
  readonly choicesPerPrompt: number
}
/** `begin`: the job has waited and runs. */
export type JobObservation = {
  readonly begin: () => void
  readonly event: (event: JobEvent) => void
  /** The vector of a text has come. */
  readonly embedded: () => void
  /** What a choice, or a text, sees of rings. */
  readonly ring: (choice: number, event: RingEvent) => void
  readonly failed: (error: ClusterError) => void
  readonly end: () => void
}
export type Metrics = {
  readonly observe: (asked: Asked) => JobObservation
  /** Counts what is asked over HTTP, by route. */
  readonly countRequest: RequestHandler
  readonly contentType: string
  readonly render: () => Promise<string>
}

const SECONDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

function jobMetrics(registry: Registry) {
  const registers = [registry]
  return {
    running: new Gauge({ name: 'ringlet_sequences_running', help: 'Answers and vectors being computed', registers }),
    waiting: new Gauge({ name: 'ringlet_sequences_waiting', help: 'Answers and vectors that wait for a place', registers }),
    requests: new Counter({
      name: 'ringlet_http_requests_total',
      help: 'Requests by route and status',
      labelNames: ['method', 'route', 'status'],
      registers,
    }),
    waited: new Histogram({ name: 'ringlet_queue_wait_seconds', help: 'From the request to its turn', buckets: SECONDS, registers }),
    pauses: new Counter({ name: 'ringlet_answer_pauses_total', help: 'Times that an answer lost its ring and waited for another', registers }),
    moves: new Counter({ name: 'ringlet_answer_moves_total', help: 'Times that an answer went on with another ring', registers }),
    prompts: new Counter({
      name: 'ringlet_prompts_total',
      help: 'Prompts by whether an earlier answer had computed a part',
      labelNames: ['prefix'],
      registers,
    }),
    promptTokens: new Counter({ name: 'ringlet_prompt_tokens_total', help: 'Tokens of prompts', registers }),
    cachedTokens: new Counter({
      name: 'ringlet_prompt_tokens_cached_total',
      help: 'Tokens of prompts that an earlier answer had computed',
      registers,
    }),
    generationTokens: new Counter({ name: 'ringlet_generation_tokens_total', help: 'Tokens sampled', registers }),
    finished: new Counter({ name: 'ringlet_answers_total', help: 'Answers by how they ended', labelNames: ['finish'], registers }),
    failed: new Counter({ name: 'ringlet_failed_requests_total', help: 'Requests by error code', labelNames: ['code'], registers }),
    firstToken: new Histogram({
      name: 'ringlet_time_to_first_token_seconds',
      help: 'From the request to its first token',
      buckets: SECONDS,
      registers,
    }),
    vector: new Histogram({
      name: 'ringlet_embedding_seconds',
      help: 'From the request to the vector of each of its texts',
      buckets: SECONDS,
      registers,
    }),
    nextToken: new Histogram({ name: 'ringlet_inter_token_seconds', help: 'Between tokens of one answer', buckets: SECONDS, registers }),
  }
}

/** The pattern of a route, never what a stranger wrote: labels are bounded. */
function routeOf({ route, path }: Request): string {
  const patterns: unknown = route?.path
  const known = [patterns].flat().filter((pattern) => typeof pattern === 'string')
  return known.includes(path) ? path : (known[0] ?? 'other')
}
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']
const knownMethod = (method: string): string => (METHODS.includes(method) ? method : 'other')

/** Prometheus metrics of one gateway. @param onView is told of every change of the view */
export function createMetrics(backend: CompletionBackend, onView?: OnView): Metrics {
  const registry = new Registry()
  registerClusterGauges(registry, backend.view, onView)
  const metrics = jobMetrics(registry)
  return {
    contentType: registry.contentType,
    render: () => registry.metrics(),
    countRequest: (request, response, next) => {
      response.once('close', () =>
        metrics.requests.inc({ method: knownMethod(request.method), route: routeOf(request), status: String(response.statusCode) }),
      )
      next()
    },
    observe: ({ count, promptTokens, choicesPerPrompt }) => {
      const start = performance.now()
      /** When each choice had its last token, in milliseconds. */
      const lastToken = new Map<number, number>()
      /** Choices that have had a ring. */
      const placed = new Set<number>()
      let isRunning = false
      metrics.waiting.inc(count)
      metrics.promptTokens.inc(promptTokens)
      return {
        begin: () => {
          isRunning = true
          metrics.waited.observe((performance.now() - start) / 1000)
          metrics.waiting.dec(count)
          metrics.running.inc(count)
        },
        event: (event) => {
          if (event.type === 'finish') metrics.finished.inc({ finish: event.reason })
          // One of these without text comes for each token.
          if (event.type !== 'text' || event.text !== '') return
          const now = performance.now()
          const last = lastToken.get(event.choice)
          if (last === undefined && event.choice % choicesPerPrompt === 0) {
            metrics.cachedTokens.inc(event.cached)
            metrics.prompts.inc({ prefix: event.cached > 0 ? 'hit' : 'miss' })
          }
          if (last === undefined) metrics.firstToken.observe((now - start) / 1000)
          else metrics.nextToken.observe((now - last) / 1000)
          lastToken.set(event.choice, now)
          metrics.generationTokens.inc()
        },
        embedded: () => metrics.vector.observe((performance.now() - start) / 1000),
        ring: (choice, event) => {
          if (event.type === 'pause') metrics.pauses.inc()
          else if (placed.has(choice)) metrics.moves.inc()
          else placed.add(choice)
        },
        failed: (error) => metrics.failed.inc({ code: error.code }),
        end: () => (isRunning ? metrics.running : metrics.waiting).dec(count),
      }
    },
  }
}
