/** Chooses the next token of each answer at the tail: as its sampling says, within its grammar, or as it was given. */
import { ClusterError } from '../../protocol/errors.ts'
import type { Job, TokenLogprobs } from '../../protocol/ring.ts'
import type { Constraint } from '../../core/constrain/constraint.ts'
import type { ConstraintSource } from '../../core/constrain/constraint-source.ts'
import type { HeadOutput } from '../../core/text/head-output.ts'
import { logprobsOf } from '../../core/text/logprobs.ts'
import { adjustsLogits, sampleToken } from '../../core/text/sampler.ts'
import type { Sequence } from './sequence.ts'

/** `ends`: the grammar allows nothing more. */
type ChosenToken = { readonly tokenId: number; readonly ends: boolean; readonly logprobs: TokenLogprobs | null }

export type TokenChooser = {
  /** A job has come: what its first token will wait for is brought meanwhile. */
  readonly expect: (job: Job) => void
  /** @throws {ClusterError} invalid_value for a grammar that does not compile */
  readonly choose: (sequence: Sequence, job: Job, head: HeadOutput) => Promise<ChosenToken>
}

/** Tells whether all logits were read. */
function watch(head: HeadOutput): { readonly watched: HeadOutput; readonly isRead: () => boolean } {
  let isRead = false
  const readLogits = (): Promise<Float32Array> => {
    isRead = true
    return head.readLogits()
  }
  return { watched: { ...head, readLogits }, isRead: () => isRead }
}

/** Whether the next token will be chosen by all logits, as far as can be foreseen: as the one before was, and the first as its job says. */
export function expectsLogits({ job, answerIds, readsLogits }: Pick<Sequence, 'job' | 'answerIds' | 'readsLogits'>): boolean {
  if (!job || job.topLogprobs !== null) return job !== null
  if (answerIds.length < job.givenIds.length) return false
  // Before its trigger a grammar that may stay without it forbids nothing.
  const isMasked = job.grammar !== null && !(job.grammar.optional && job.grammar.trigger !== null)
  return readsLogits ?? (isMasked || adjustsLogits(job.sampling))
}

/** @param source the checkpoint @param contextLength tokens of prompt and answer together */
export function createTokenChooser(
  constraints: ConstraintSource | null,
  { source, contextLength }: { readonly source: string; readonly contextLength: number },
): TokenChooser {
  function constraintOf(sequence: Sequence, { grammar, stopIds }: Job, vocabSize: number): Promise<Constraint> | null {
    if (grammar === null) return null
    if (!constraints) throw new ClusterError('unsupported_field', 'this device cannot sample by a grammar')
    sequence.constraint ??= constraints.open({ source, grammar, stopIds, vocabSize })
    return sequence.constraint
  }

  async function choose(sequence: Sequence, job: Job, head: HeadOutput): Promise<Omit<ChosenToken, 'logprobs'>> {
    const { answerIds } = sequence
    const index = answerIds.length
    const given = job.givenIds[index]
    if (given !== undefined) return { tokenId: given, ends: false }
    const context = { promptIds: job.promptIds, generatedIds: answerIds, index }
    const constraint = await constraintOf(sequence, job, head.vocabSize)
    const { watched, isRead } = watch(head)
    const sample = (mask: Int32Array | null): Promise<number> => sampleToken(watched, job.sampling, { ...context, ...(mask ? { mask } : {}) })
    await constraint?.follow(answerIds.slice(job.givenIds.length))
    const left = Math.min(job.maxTokens, contextLength - job.promptIds.length) - index
    const { id, state } = constraint ? await constraint.choose(left, sample) : { id: await sample(null), state: 'open' }
    sequence.readsLogits = isRead()
    return { tokenId: id, ends: state === 'end' }
  }

  return {
    expect: ({ grammar }) => {
      if (grammar !== null) constraints?.warm(source)
    },
    choose: async (sequence, job, head) => {
      const chosen = await choose(sequence, job, head)
      return { ...chosen, logprobs: job.topLogprobs === null ? null : logprobsOf(await head.readLogits(), chosen.tokenId, job.topLogprobs) }
    },
  }
}
