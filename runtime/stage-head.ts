/** The first shard: turns jobs and sampled tokens into activations. */
import { createLapMeter } from '../core/cluster/lap-meter.ts'
import type { LapReport } from '../protocol/cluster.ts'
import { ClusterError } from '../protocol/errors.ts'
import type { PeerId, SequenceId } from '../protocol/ids.ts'
import type { Job, TokenFrame } from '../protocol/ring.ts'
import { PREFILL_CHUNK_TOKENS, type HopsSoFar, type StageCore } from './stage-core.ts'
import type { LoggedPass } from './output-log.ts'
import { scopeOf } from './prefix-cache.ts'
import type { Sequence } from './sequence.ts'
import type { ShardOutput, ShardWant } from './shard-runner.ts'

export type HeadPart = {
  readonly onJob: (id: SequenceId, job: Job) => void
  /** A token that the tail sampled: the next lap. */
  readonly onToken: (token: Pick<TokenFrame, 'sequence' | 'index' | 'tokenId' | 'hops'>) => void
  readonly onAskForJob: (from: PeerId, sequence: Sequence) => void
  readonly laps: () => LapReport | null
  /** Runs all from `position` on once more, for a shard that lacks what nobody keeps. */
  readonly runAgain: (sequence: Sequence, position: number) => void
}

/** @param finishPass what the shard does with the output of a pass, once it has left the layers */
export function createHeadPart(
  core: StageCore,
  finishPass: (sequence: Sequence, output: ShardOutput, pass: Omit<LoggedPass, 'payload'>, hops: HopsSoFar) => Promise<void> | void,
): HeadPart {
  const { place, placement, base, post, now } = core
  const laps = createLapMeter(placement.epoch, placement.shards.length)

  const run = (sequence: Sequence, ids: readonly number[], position: number, at: { reach: number; sample: boolean }, after?: () => void): void => {
    const want: ShardWant = place.shard.last ? { type: at.sample ? 'head' : 'none' } : { type: 'hidden', numberType: placement.handoff }
    const pass = { position, count: ids.length, ...at }
    core.enqueue(sequence, { ...pass, hops: [], input: { type: 'tokens', ids } }, want, async (output, hops) => {
      await finishPass(sequence, output, pass, hops)
      after?.()
    })
  }

  /** What is missing up to the last token, in chunks, each sent on while the next computes; only the last one is sampled from. */
  function prefill(sequence: Sequence, job: Job): void {
    const ids = [...job.promptIds, ...sequence.answerIds]
    const total = ids.length
    // The prompt reaches as far as it did at first, the answer's tokens each to themselves: so were they computed.
    const promptEnd = rotatesAnew(total) ? total : job.promptIds.length
    for (let position = sequence.expected; position < total;) {
      const limit = position < promptEnd ? promptEnd : total
      const end = Math.min(position + PREFILL_CHUNK_TOKENS, limit)
      const tell = (): void => {
        if (end < total) post(job.client, { ...base(sequence.id), type: 'progress', processed: end, total })
      }
      const reach = position < promptEnd ? promptEnd : end
      run(sequence, ids.slice(position, end), position, { reach, sample: end === total }, tell)
      position = end
    }
  }

  /** Whether a sequence of so many tokens has outgrown the rotation that it began with. */
  const rotatesAnew = (length: number): boolean => core.runner.restartAt !== null && length > core.runner.restartAt

  /** Nothing from `position` on is valid, on no shard. */
  const resume = (sequence: Sequence, client: PeerId, position: number): void => {
    for (const { peerId } of place.others) post(peerId, { ...base(sequence.id), type: 'resume', client, position })
  }

  /** Whether what an inherited cache holds is what the client has accepted. */
  const agrees = (sequence: Sequence, job: Job): boolean => {
    const before = sequence.job
    if (!before || before.promptIds.length !== job.promptIds.length) return false
    return job.acceptedIds.every((id, i) => (sequence.answerIds[i] ?? id) === id)
  }

  /** A new sequence begins with what is kept of an earlier one, but for its last token: something must be computed to sample from. */
  function begin(sequence: Sequence, job: Job): void {
    if (job.cacheScope === null) return
    const ids = [...job.promptIds, ...job.acceptedIds]
    const scope = scopeOf(job.client, job.cacheScope, rotatesAnew(ids.length))
    const match = core.prefixes.longest(core.runner, placement.handoff, scope, ids)
    if (!match) return
    sequence.cached = core.adopt(sequence, match.name, Math.min(match.length, ids.length - 1))
    const prefix = { type: 'prefix', source: match.name, position: sequence.cached, copies: false } as const
    if (place.next) post(place.next.peerId, { ...base(sequence.id), ...prefix })
  }

  function onJob(id: SequenceId, job: Job): void {
    const sequence = core.sequenceOf(id)
    if (!sequence || (sequence.job && sequence.inherited === null)) return
    const total = job.promptIds.length + job.acceptedIds.length
    sequence.client = job.client
    if (total >= placement.contextLength) {
      const message = `prompt and answer have ${total} tokens; the ring holds ${placement.contextLength}`
      core.fail(id, new ClusterError('context_length_exceeded', message))
      return
    }
    // A head that is the tail too computes the last token anew: what it sampled from is gone.
    const isOutgrown = rotatesAnew(total) && !rotatesAnew(sequence.length)
    core.rewind(sequence, isOutgrown || (sequence.job && !agrees(sequence, job)) ? 0 : place.shard.last ? total - 1 : total)
    sequence.inherited = null
    sequence.job = job
    sequence.answerIds = [...job.acceptedIds]
    if (!place.shard.last) post(place.tail.peerId, { ...base(id), type: 'job', job })
    if (sequence.expected === 0 && !job.resumes) begin(sequence, job)
    if (job.resumes) resume(sequence, job.client, isOutgrown ? 0 : total)
    prefill(sequence, job)
  }

  return {
    laps: laps.report,
    onJob,
    onToken: ({ sequence: id, index, tokenId, hops }) => {
      const sequence = core.sequences.get(id)
      if (!sequence?.job || index < sequence.answerIds.length) return
      if (index > sequence.answerIds.length) return core.ask(sequence, place.tail.peerId, 'tokens', sequence.answerIds.length)
      sequence.answerIds.push(tokenId)
      if (sequence.lapAt !== null) laps.add(now() - sequence.lapAt, hops)
      sequence.lapAt = now()
      const position = sequence.job.promptIds.length + index
      if (position === core.runner.restartAt) {
        core.rewind(sequence, 0)
        resume(sequence, sequence.job.client, 0)
        return prefill(sequence, sequence.job)
      }
      run(sequence, [tokenId], position, { reach: position + 1, sample: true })
    },
    runAgain: (sequence, position) => {
      if (!sequence.job) return
      core.rewind(sequence, position)
      prefill(sequence, sequence.job)
    },
    onAskForJob: (from, sequence) => {
      if (!sequence.job || from !== place.tail.peerId) return
      // With the tokens up to now: a tail that has lost everything samples what comes after them.
      post(from, { ...base(sequence.id), type: 'job', job: { ...sequence.job, acceptedIds: sequence.answerIds } })
    },
  }
}
