/** The first shard: turns jobs and sampled tokens into activations. */
import { createLapMeter } from '../../core/cluster/lap-meter.ts'
import type { LapReport } from '../../protocol/cluster.ts'
import { ClusterError } from '../../protocol/errors.ts'
import type { PeerId, SequenceId } from '../../protocol/ids.ts'
import type { Job, TokenFrame } from '../../protocol/ring.ts'
import { createHeadAdmission, type HeadAdmission } from './head-admission.ts'
import type { HopsSoFar } from './pass-lane.ts'
import { createPrefillChunks } from './prefill-chunks.ts'
import { wantToPool } from './pooling.ts'
import type { StageCore } from './stage-core.ts'
import type { LoggedPass } from './output-log.ts'
import { scopeOf } from './prefix-cache.ts'
import type { Sequence } from './sequence.ts'
import { createSpeculation } from './speculation.ts'
import type { ShardOutput, ShardWant } from '../shard-runner.ts'
import { expectsLogits } from './token-chooser.ts'

/** Beside more streams guesses would take the time of others. */
const MOST_STREAMS = 2

export type HeadPart = {
  readonly onJob: (id: SequenceId, job: Job) => void
  readonly admission: HeadAdmission
  /** A token that the tail sampled: the next lap. */
  readonly onToken: (token: Pick<TokenFrame, 'sequence' | 'index' | 'tokenId' | 'more' | 'hops'>) => void
  readonly onAskForJob: (from: PeerId, sequence: Sequence) => void
  /** The tail has computed what lies before `processed`. */
  readonly onProgress: (sequence: Sequence, processed: number) => void
  /** The next shard says that it has what lies before `position`. */
  readonly onPassed: (sequence: Sequence, position: number) => void
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
  const chunks = createPrefillChunks({
    stages: placement.shards.length,
    rowBytes: core.runner.hiddenSize * (placement.handoff === 'f16' ? 2 : 4),
    ...core.passes,
    besideMs: () => core.scheduler.chunkMs(placement.shards.length),
  })

  /** What to compute of a pass that is sampled from behind its last token that is no guess, and behind each guess. */
  function wantOf(sequence: Sequence, { position, count, sample, drafts }: Omit<LoggedPass, 'payload'>): ShardWant {
    if (!place.shard.last) return { type: 'hidden', numberType: placement.handoff }
    const { job } = sequence
    if (job?.pooling) return wantToPool(job.pooling, job, { position, count })
    if (!sample) return { type: 'none' }
    const readsLogits = expectsLogits(sequence)
    return drafts.length === 0 ? { type: 'head', readsLogits } : { type: 'heads', rows: drafts.length + 1, readsLogits }
  }

  type At = { readonly reach: number; readonly sample: boolean; readonly drafts: readonly number[] }
  const run = (sequence: Sequence, ids: readonly number[], position: number, at: At): void => {
    const pass = { position, count: ids.length, ...at }
    const want = wantOf(sequence, pass)
    core.enqueue(sequence, { ...pass, hops: [], input: { type: 'tokens', ids } }, want, async (output, hops) => {
      await finishPass(sequence, output, pass, hops)
      if (core.sequences.get(sequence.id) === sequence) prefill(sequence)
    })
  }

  /**
   * What is missing up to the last token, a chunk at a time: the next one enters the line when the one before has left it, unless too
   * much is on its way to the tail already. Only the last one is sampled from.
   */
  function prefill(sequence: Sequence): void {
    const { job, answerIds, expected: position } = sequence
    if (!job || sequence.inLine > 0) return
    const total = job.promptIds.length + answerIds.length
    if (position >= total) return
    const chunk = chunks.tokens(total)
    if (position - sequence.passed >= chunks.window(chunk)) return
    // The prompt reaches as far as it did at first, the answer's tokens each to themselves: so were they computed.
    const promptEnd = rotatesAnew(total) ? total : job.promptIds.length
    const end = Math.min(position + chunk, position < promptEnd ? promptEnd : total)
    const fromAnswer = (index: number): number => Math.max(0, index - job.promptIds.length)
    const ids = [...job.promptIds.slice(position, end), ...answerIds.slice(fromAnswer(position), fromAnswer(end))]
    // For a mean over all rows the tail has to know the job from the first one on.
    const sample = end === total || job.pooling === 'mean'
    run(sequence, ids, position, { reach: position < promptEnd ? promptEnd : end, sample, drafts: [] })
  }

  /** The next shards have taken what lies before `position`; the tail, where it says so, has computed it. */
  function onPassed(sequence: Sequence, position: number): void {
    if (position <= sequence.passed) return
    sequence.passed = position
    prefill(sequence)
  }

  /** Whether a sequence of so many tokens has outgrown the rotation that it began with. */
  const rotatesAnew = (length: number): boolean => core.runner.restartAt !== null && length > core.runner.restartAt

  /** Nothing from `position` on is valid, on no shard. */
  const resume = (sequence: Sequence, client: PeerId, position: number): void => {
    sequence.resumedAt = position
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
    const prefix = { type: 'prefix', source: match.name, position: sequence.cached } as const
    if (place.next) post(place.next.peerId, { ...base(sequence.id), ...prefix })
  }

  function begins(id: SequenceId, job: Job): void {
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
    // Of a mean over all rows nobody keeps a part.
    const isAnew = isOutgrown || job.pooling === 'mean'
    core.rewind(sequence, isAnew || (sequence.job && !agrees(sequence, job)) ? 0 : place.shard.last ? total - 1 : total)
    sequence.inherited = null
    sequence.job = job
    sequence.answerIds = [...job.acceptedIds]
    if (!place.shard.last) post(place.tail.peerId, { ...base(id), type: 'job', job })
    if (sequence.expected === 0 && !job.resumes) begin(sequence, job)
    sequence.passed = sequence.expected
    if (job.resumes) resume(sequence, job.client, isAnew ? 0 : total)
    sequence.speculation = speculates(job) ? createSpeculation(core.newDrafter()) : null
    sequence.speculation?.push([...job.promptIds, ...job.acceptedIds])
    prefill(sequence)
  }

  /** Guesses that fail are cut off again, on every shard; beside many streams there are no idle moments to guess in. */
  const speculates = ({ drafts }: Job): boolean => drafts && core.runner.canRewind

  /** Guesses that may follow the token at `position`. They end with the answer, the context, and where everything is computed anew. */
  function guess({ speculation, job }: Sequence, position: number): readonly number[] {
    if (!speculation || !job) return []
    const limit = Math.min(placement.contextLength, job.promptIds.length + job.maxTokens - 1, core.runner.restartAt ?? Infinity)
    const most = core.sequences.size > MOST_STREAMS ? 0 : limit - position - 1
    return speculation.begin(position, most, now())
  }

  /** Where the next token is not the end of what was sent, the rest was guessed wrongly. */
  function giveUpGuesses(sequence: Sequence, position: number): void {
    const { speculation, draftBranch } = sequence
    if (speculation && position < speculation.sentTo()) core.giveUpDrafts(sequence, { branch: draftBranch + 1, since: position })
  }

  /** The lap of the token at `position`, and of guesses behind it. */
  function lap(sequence: Sequence, tokenId: number, position: number): void {
    const drafts = guess(sequence, position)
    // It takes longer than the lap of one token that placements and people go by.
    if (drafts.length > 0) sequence.lapAt = null
    run(sequence, [tokenId, ...drafts], position, { reach: position + 1 + drafts.length, sample: true, drafts })
  }

  const admission = createHeadAdmission(core, begins)
  return {
    laps: laps.report,
    admission,
    onJob: admission.offer,
    onPassed,
    onProgress: (sequence, processed) => {
      const { job, answerIds } = sequence
      if (!job) return
      const total = job.promptIds.length + answerIds.length
      if (processed < total) post(job.client, { ...base(sequence.id), type: 'progress', processed, total })
      onPassed(sequence, processed)
    },
    onToken: ({ sequence: id, index, tokenId, more, hops }) => {
      const sequence = core.sequences.get(id)
      if (!sequence?.job || index < sequence.answerIds.length) return
      if (index > sequence.answerIds.length) return core.ask(sequence, place.tail.peerId, 'tokens', sequence.answerIds.length)
      sequence.answerIds.push(tokenId)
      sequence.speculation?.push([tokenId])
      sequence.lapTokens += 1
      if (more) return
      sequence.speculation?.end(sequence.lapTokens, now())
      sequence.lapTokens = 0
      if (sequence.lapAt !== null) laps.add(now() - sequence.lapAt, hops)
      sequence.lapAt = now()
      const position = sequence.job.promptIds.length + index
      if (position === core.runner.restartAt) {
        core.rewind(sequence, 0)
        resume(sequence, sequence.job.client, 0)
        return prefill(sequence)
      }
      giveUpGuesses(sequence, position)
      // A tail that was asked again may be ahead of a head that computes anew: the token is one more of what is missing.
      if (sequence.expected < position) return prefill(sequence)
      lap(sequence, tokenId, position)
    },
    runAgain: (sequence, position) => {
      if (!sequence.job) return
      core.rewind(sequence, position)
      prefill(sequence)
    },
    onAskForJob: (from, sequence) => {
      const { job, answerIds, resumedAt } = sequence
      if (!job) return
      // With the tokens up to now: a tail that has lost everything samples what comes after them.
      if (from === place.tail.peerId) post(from, { ...base(sequence.id), type: 'job', job: { ...job, acceptedIds: answerIds } })
      else if (resumedAt !== null) post(from, { ...base(sequence.id), type: 'resume', client: job.client, position: resumedAt })
    },
  }
}
