import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { placementState } from '../core/cluster/cluster-view.ts'
import { lapFigures, lapReportOf } from '../core/cluster/lap-figures.ts'
import type { ClusterError } from '../protocol/errors.ts'
import type { CompletionBackend } from './completion-backend.ts'
import type { JobEvent, TextJob } from './jobs/text-job.ts'
import { choiceCount, promptTokensOf } from './jobs/text-job.ts'

/** `begin`: the job has waited and runs. */
export type JobObservation = {
  readonly begin: () => void
  readonly event: (event: JobEvent) => void
  readonly failed: (error: ClusterError) => void
  readonly end: () => void
}
export type Metrics = { readonly observeJob: (job: TextJob) => JobObservation; readonly contentType: string; readonly render: () => Promise<string> }

const SECONDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

function clusterGauges(registry: Registry, backend: CompletionBackend): void {
  new Gauge({
    name: 'ringlet_peers',
    help: 'Peers on the roster',
    labelNames: ['role'],
    registers: [registry],
    collect() {
      this.reset()
      for (const peer of backend.view().peers.values()) this.inc({ role: peer.role })
    },
  })
  new Gauge({
    name: 'ringlet_placement_ready',
    help: '1 while every shard of the model is ready',
    labelNames: ['model'],
    registers: [registry],
    collect() {
      this.reset()
      const view = backend.view()
      for (const placement of view.placements.values()) this.set({ model: placement.model }, placementState(view, placement) === 'ready' ? 1 : 0)
    },
  })
}

/** Laps of each ring, as predicted and as its head measures them, and what each device takes for a layer. */
function lapGauges(registry: Registry, backend: CompletionBackend): void {
  new Gauge({
    name: 'ringlet_lap_seconds',
    help: 'One lap: predicted for a lone stream, observed, and of the observed one the part spent waiting behind other streams',
    labelNames: ['model', 'kind'],
    registers: [registry],
    collect() {
      this.reset()
      const view = backend.view()
      for (const placement of view.placements.values()) {
        const { predictedMs, observedMs, observedP95Ms, queueMs } = lapFigures(view, placement)
        for (const [kind, ms] of Object.entries({ predicted: predictedMs, observed: observedMs, observed_p95: observedP95Ms, queue: queueMs }))
          if (ms !== null) this.set({ model: placement.model, kind }, ms / 1000)
      }
    },
  })
  new Gauge({
    name: 'ringlet_stage_seconds',
    help: 'What a device takes in one lap for layers and reading back',
    labelNames: ['model', 'device'],
    registers: [registry],
    collect() {
      this.reset()
      const view = backend.view()
      for (const placement of view.placements.values())
        for (const [i, stage] of (lapReportOf(view, placement)?.stages ?? []).entries())
          this.set({ model: placement.model, device: placement.shards[i]?.peerId ?? '' }, (stage.computeMs + stage.readBackMs) / 1000)
    },
  })
}

function jobMetrics(registry: Registry) {
  const registers = [registry]
  return {
    running: new Gauge({ name: 'ringlet_sequences_running', help: 'Answers being computed', registers }),
    waiting: new Gauge({ name: 'ringlet_sequences_waiting', help: 'Answers that wait for a place', registers }),
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
    nextToken: new Histogram({ name: 'ringlet_inter_token_seconds', help: 'Between tokens of one answer', buckets: SECONDS, registers }),
  }
}

/** Prometheus metrics of one gateway. */
export function createMetrics(backend: CompletionBackend): Metrics {
  const registry = new Registry()
  clusterGauges(registry, backend)
  lapGauges(registry, backend)
  const metrics = jobMetrics(registry)
  return {
    contentType: registry.contentType,
    render: () => registry.metrics(),
    observeJob: (job) => {
      const start = performance.now()
      /** When each choice had its last token, in milliseconds. */
      const lastToken = new Map<number, number>()
      const count = choiceCount(job)
      let isRunning = false
      metrics.waiting.inc(count)
      metrics.promptTokens.inc(promptTokensOf(job))
      return {
        begin: () => {
          isRunning = true
          metrics.waiting.dec(count)
          metrics.running.inc(count)
        },
        event: (event) => {
          if (event.type === 'finish') metrics.finished.inc({ finish: event.reason })
          // One of these without text comes for each token.
          if (event.type !== 'text' || event.text !== '') return
          const now = performance.now()
          const last = lastToken.get(event.choice)
          if (last === undefined && event.choice % job.choicesPerPrompt === 0) metrics.cachedTokens.inc(event.cached)
          if (last === undefined) metrics.firstToken.observe((now - start) / 1000)
          else metrics.nextToken.observe((now - last) / 1000)
          lastToken.set(event.choice, now)
          metrics.generationTokens.inc()
        },
        failed: (error) => metrics.failed.inc({ code: error.code }),
        end: () => (isRunning ? metrics.running : metrics.waiting).dec(count),
      }
    },
  }
}
