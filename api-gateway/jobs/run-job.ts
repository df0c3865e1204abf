import { eventQueue } from '../../core/client/event-queue.ts'
import { ClusterError, toClusterError } from '../../protocol/errors.ts'
import type { Sampling } from '../../protocol/ring.ts'
import { NO_TRACE, type ChoiceTrace, type JobTrace } from '../traces.ts'
import type { CompletionBackend } from '../completion-backend.ts'
import { createChoiceReader, tokenInfo } from './read-choice.ts'
import { choiceCount, NO_TOKENS, type JobEvent, type TextJob } from './text-job.ts'

/** Tokens that prompt and answer may have together, as the model and its placement allow. */
export function contextLength(job: TextJob, backend: CompletionBackend): number {
  return Math.min(job.text.contextLength, backend.view().placements.get(job.model)?.contextLength ?? Number.POSITIVE_INFINITY)
}

/** @throws {ClusterError} context_length_exceeded; an answer of one token must fit behind each prompt */
export function checkContext(job: TextJob, backend: CompletionBackend): void {
  const limit = contextLength(job, backend)
  for (const ids of job.prompts) {
    if (ids.length < limit) continue
    throw new ClusterError(
      'context_length_exceeded',
      `the prompt has ${ids.length} tokens and the context holds ${limit} with the answer; shorten the prompt`,
      {
        detail: { promptTokens: ids.length, contextLength: limit },
      },
    )
  }
}

/** Choices differ by seed; the first has the seed of the request. */
const seedOf = (sampling: Sampling, choice: number): Sampling => ({
  ...sampling,
  seed: BigInt.asIntN(64, BigInt(sampling.seed) + BigInt(choice)).toString(),
})

type RunOptions = {
  readonly backend: CompletionBackend
  readonly signal: AbortSignal
  readonly cacheScope: string | null
  readonly trace: ChoiceTrace
}

async function* runChoice(
  job: TextJob,
  choice: number,
  { backend, signal, cacheScope, trace }: RunOptions,
): AsyncGenerator<JobEvent, void, undefined> {
  const promptIds = job.prompts[Math.floor(choice / job.choicesPerPrompt)] ?? []
  const room = contextLength(job, backend) - promptIds.length
  const reader = createChoiceReader(job, choice)
  // The tail tells of every token that follows another how likely it was: of a prompt where that is given as the answer.
  const givenIds = job.echoesLogprobs ? promptIds.slice(1) : []
  const wanted = Math.min(job.maxTokens ?? room, room)
  const nothing = { type: 'finish', choice, reason: 'length', stop: null, ...NO_TOKENS } as const
  if (givenIds.length + wanted === 0) return yield nothing
  const completion = backend.complete({
    model: job.model,
    promptIds: promptIds.slice(0, promptIds.length - givenIds.length),
    givenIds,
    sampling: seedOf(job.sampling, choice % job.choicesPerPrompt),
    stopIds: job.text.eosIds,
    maxTokens: givenIds.length + wanted,
    ...(job.grammar ? { grammar: job.grammar } : {}),
    ...(job.topLogprobs === null ? {} : { topLogprobs: job.topLogprobs }),
    cacheScope: givenIds.length > 0 ? null : cacheScope,
    signal,
    onRing: trace.ring,
  })
  for await (const event of completion) {
    trace.event(event)
    if (event.type === 'progress') {
      yield { ...event, choice }
      continue
    }
    if (event.index < givenIds.length) {
      const echoed = event.logprobs && tokenInfo(job, event.tokenId, event.logprobs)
      yield { type: 'progress', choice, processed: event.index + 2, total: promptIds.length, ...(echoed ? { echoed } : {}) }
      if (wanted === 0 && event.index + 1 === givenIds.length) {
        trace.end('length')
        return yield nothing
      }
      continue
    }
    for (const one of reader.push({ ...event, index: event.index - givenIds.length })) {
      if (one.type === 'finish') trace.end(one.reason === 'tool_calls' ? 'stop' : one.reason)
      yield one
      if (one.type === 'finish') return
    }
  }
  throw new ClusterError(signal.aborted ? 'cancelled' : 'ring_broken', 'the answer ended without a reason')
}

/**
 * All choices at once, their events as they come. Leaving the loop early cancels every choice.
 * @param cacheScope whose answers these may share computed prompts with; null: nobody's
 * @throws {ClusterError} whatever ends any choice; the others are then cancelled
 */
export async function* runJob(
  job: TextJob,
  backend: CompletionBackend,
  signal: AbortSignal,
  cacheScope: string | null,
  trace: JobTrace = NO_TRACE,
): AsyncGenerator<JobEvent, void, undefined> {
  checkContext(job, backend)
  const stop = new AbortController()
  const either = AbortSignal.any([signal, stop.signal])
  const events = eventQueue<JobEvent>()
  const follow = async (choice: number): Promise<void> => {
    try {
      for await (const event of runChoice(job, choice, { backend, signal: either, cacheScope, trace: trace.choice(choice) })) events.push(event)
    } catch (error) {
      events.fail(toClusterError(error))
    }
  }
  const count = choiceCount(job)
  const all = Array.from({ length: count }, (_, choice) => follow(choice))
  try {
    for (let finished = 0; finished < count;) {
      const event = await events.next()
      if (event.type === 'finish') finished++
      yield event
    }
  } finally {
    stop.abort()
    await Promise.all(all)
  }
}
