import { eventQueue } from '../../core/client/event-queue.ts'
import { createStopScanner } from '../../core/text/stop-strings.ts'
import { ClusterError, toClusterError } from '../../protocol/errors.ts'
import type { Sampling } from '../../protocol/ring.ts'
import { NO_TRACE, type ChoiceTrace, type JobTrace } from '../traces.ts'
import type { CompletionBackend } from '../completion-backend.ts'
import { choiceCount, type JobEvent, type TextJob } from './text-job.ts'

/** Tokens that prompt and answer may have together, as the model and its placement allow. */
function contextLength(job: TextJob, backend: CompletionBackend): number {
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
  const detokenizer = job.text.newDetokenizer({ continues: job.continuesText })
  const scanner = createStopScanner(job.stops)
  let [tokens, cached] = [0, 0]
  const completion = backend.complete({
    model: job.model,
    promptIds,
    sampling: seedOf(job.sampling, choice % job.choicesPerPrompt),
    stopIds: job.text.eosIds,
    maxTokens: Math.min(job.maxTokens ?? room, room),
    cacheScope,
    signal,
    onRing: trace.ring,
  })
  for await (const event of completion) {
    trace.event(event)
    if (event.type === 'progress') {
      yield { ...event, choice }
      continue
    }
    tokens++
    if (event.index === 0) cached = event.cached
    // The token that ends an answer is a mark, not a text, even where its tokenizer does not call it special.
    const piece = event.finish === 'stop' ? '' : detokenizer.push(event.tokenId)
    const { text, hit } = scanner.push(event.finish === null ? piece : piece + detokenizer.end())
    if (hit !== null || event.finish === null) yield { type: 'text', choice, text, tokens, cached }
    else yield { type: 'text', choice, text: text + scanner.end(), tokens, cached }
    if (hit !== null || event.finish !== null) {
      trace.end(hit === null ? (event.finish ?? 'stop') : 'stop')
      yield { type: 'finish', choice, reason: hit === null ? (event.finish ?? 'stop') : 'stop', stop: hit, tokens, cached }
      return
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
