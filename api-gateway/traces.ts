/** Where the time of requests went, hop by hop: the last ones, in memory. */
import type { CompletionEvent, RingEvent } from '../core/client/ring-client.ts'
import type { ClusterView } from '../core/cluster/cluster-view.ts'
import type { ModelId } from '../protocol/ids.ts'
import type { Trace, TraceEvent, TraceHead } from '../protocol/trace.ts'

/** Requests that are remembered. */
const KEPT = 100
/** Events of one choice. */
const MOST_EVENTS = 2_000

export type ChoiceTrace = {
  /** What its client sees of rings. */
  readonly ring: (event: RingEvent) => void
  readonly event: (event: CompletionEvent) => void
  readonly end: (reason: string) => void
}
export type JobTrace = { readonly choice: (index: number) => ChoiceTrace; readonly end: (error: string | null) => void }

export type Traces = {
  readonly begin: (of: Pick<TraceHead, 'id' | 'requestId' | 'promptTokens'> & { readonly model: ModelId }) => JobTrace
  /** Newest first. */
  readonly list: () => readonly TraceHead[]
  /** By the id of the answer or of the request; null when unknown, or forgotten. */
  readonly find: (id: string) => Trace | null
}

export type TracesOptions = {
  readonly view: () => ClusterView
  /** Monotonic milliseconds, and the date. */
  readonly now: () => number
  readonly date: () => Date
}

/** Without a reader. */
export const NO_TRACE: JobTrace = { choice: () => ({ ring: () => undefined, event: () => undefined, end: () => undefined }), end: () => undefined }

type Choice = { events: TraceEvent[]; dropped: number; tokenAt: number | null }
type Held = TraceHead & { readonly beganAt: number; readonly held: Map<number, Choice>; error: string | null }

const rounded = (ms: number): number => Math.round(ms * 1000) / 1000

export function createTraces({ view, now, date }: TracesOptions): Traces {
  const traces: Held[] = []

  const eventOf = (event: CompletionEvent, choice: Choice, atMs: number): TraceEvent => {
    if (event.type === 'progress') return { ...event, atMs }
    const lapMs = choice.tokenAt === null ? null : rounded(atMs - choice.tokenAt)
    choice.tokenAt = atMs
    const onShards = event.hops.reduce((sum, hop) => sum + hop.queueMs + hop.computeMs + hop.readBackMs, 0)
    // Laps that overlap, as after a pause, leave nothing for the way.
    const wayMs = lapMs === null || event.hops.length === 0 ? null : rounded(Math.max(0, lapMs - onShards))
    return { type: 'token', atMs, index: event.index, lapMs, wayMs, hops: [...event.hops] }
  }

  const ringEventOf = (event: RingEvent, atMs: number): TraceEvent => {
    if (event.type === 'pause') return { type: 'pause', atMs, reason: event.reason }
    const { epoch, shards } = event.placement
    const nameOf = (id: (typeof shards)[number]['peerId']): string => view().peers.get(id)?.name ?? 'a device that left'
    const named = shards.map(({ peerId, startLayer, endLayer }) => ({ peerId, name: nameOf(peerId), startLayer, endLayer }))
    return { type: 'ring', atMs, epoch, resumes: event.resumes, shards: named }
  }

  function choiceOf(trace: Held, index: number): ChoiceTrace {
    const choice: Choice = { events: [], dropped: 0, tokenAt: null }
    trace.held.set(index, choice)
    const atMs = (): number => rounded(now() - trace.beganAt)
    const add = (event: TraceEvent): void => {
      if (choice.events.length < MOST_EVENTS || event.type === 'end') choice.events.push(event)
      else choice.dropped += 1
      if (event.type === 'token') trace.tokens += 1
    }
    return {
      ring: (event) => add(ringEventOf(event, atMs())),
      event: (event) => add(eventOf(event, choice, atMs())),
      end: (reason) => add({ type: 'end', atMs: atMs(), reason }),
    }
  }

  const headOf = ({ id, requestId, model, startedAt, state, promptTokens, tokens, totalMs, beganAt }: Held): TraceHead => ({
    id,
    requestId,
    model,
    startedAt,
    state,
    promptTokens,
    tokens,
    totalMs: state === 'running' ? rounded(now() - beganAt) : totalMs,
  })

  return {
    begin: (of) => {
      const trace: Held = {
        ...of,
        startedAt: date().toISOString(),
        state: 'running',
        tokens: 0,
        totalMs: 0,
        beganAt: now(),
        held: new Map(),
        error: null,
      }
      traces.push(trace)
      if (traces.length > KEPT) traces.shift()
      return {
        choice: (index) => choiceOf(trace, index),
        end: (error) => {
          trace.totalMs = rounded(now() - trace.beganAt)
          trace.state = error === null ? 'done' : 'failed'
          trace.error = error
        },
      }
    },
    list: () => traces.map(headOf).toReversed(),
    find: (id) => {
      const trace = traces.findLast((candidate) => candidate.id === id || candidate.requestId === id)
      if (!trace) return null
      const choices = [...trace.held].toSorted(([a], [b]) => a - b).map(([, { events, dropped }]) => ({ events: [...events], dropped }))
      return { ...headOf(trace), error: trace.error, choices }
    },
  }
}
