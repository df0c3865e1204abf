/** The last shard: samples, and tells head and client. */
import { ClusterError } from '../../protocol/errors.ts'
import type { HopTiming } from '../../protocol/hops.ts'
import type { PeerId } from '../../protocol/ids.ts'
import type { FinishReason, Job, TokenFrame, TokenLogprobs } from '../../protocol/ring.ts'
import type { LoggedPass } from './output-log.ts'
import type { HopsSoFar } from './pass-lane.ts'
import { addRows, meanOf, wantToPool } from './pooling.ts'
import type { StageCore } from './stage-core.ts'
import type { Sequence } from './sequence.ts'
import type { ShardOutput, ShardWant } from '../shard-runner.ts'
import { createTokenChooser, expectsLogits } from './token-chooser.ts'

type Chosen = Awaited<ReturnType<ReturnType<typeof createTokenChooser>['choose']>>

/** Passes that wait at the tail for their job; a job follows within one hop, so more means a broken peer. */
const MAX_EARLY_SAMPLES = 16

export type TailPart = {
  readonly onJob: (sequence: Sequence, job: Job) => void
  /** What to compute of a pass: of each of its last tokens that the next one is sampled behind, the end of the answer and guesses, or what a vector is made of. */
  readonly wantOf: (sequence: Sequence, pass: SampledPass) => ShardWant
  /** Adds rows to the vector of a job. True when it is whole, and sent. */
  readonly pool: (sequence: Sequence, rows: Float32Array, pass: SampledPass) => boolean
  readonly sample: (sequence: Sequence, output: ShardOutput, pass: SampledPass, hops: HopsSoFar) => Promise<void>
  /** Keeps a pass until the job is here. */
  readonly waitForJob: (sequence: Sequence, run: () => void) => void
  /** Sends known tokens again; false when there are none from that index on. */
  readonly resend: (sequence: Sequence, to: PeerId, index: number) => boolean
}

type Sampled = Pick<TokenFrame, 'tokenId' | 'finish' | 'more' | 'logprobs'>
type SampledPass = Pick<LoggedPass, 'position' | 'count' | 'drafts'>

/** @param nextLap what a tail that is the head too does with a token */
export function createTailPart(core: StageCore, nextLap: (token: TokenFrame) => void): TailPart {
  const { place, placement, base, post } = core
  const chooser = createTokenChooser(core.constraints, placement)
  /** Of the tokens sampled here, by their index: they go out again with a token that was lost. */
  const told = new WeakMap<Sequence, Map<number, TokenLogprobs>>()

  function finishOf(job: Job, { tokenId, ends }: Chosen, index: number, length: number): FinishReason | null {
    if (index < job.givenIds.length) return index + 1 >= job.maxTokens ? 'length' : null
    if (ends || job.stopIds.includes(tokenId)) return 'stop'
    return index + 1 >= job.maxTokens || length >= placement.contextLength ? 'length' : null
  }

  /** One sampled id goes to the client and, as the next lap, to the head. */
  function emit(sequence: Sequence, job: Job, { tokenId, logprobs, finish, more }: Sampled, hops: readonly HopTiming[]): void {
    const index = sequence.answerIds.length
    if (!place.shard.first) sequence.answerIds.push(tokenId)
    if (logprobs) told.set(sequence, (told.get(sequence) ?? new Map<number, TokenLogprobs>()).set(index, logprobs))
    const cached = Math.min(sequence.cached, job.promptIds.length)
    const token: TokenFrame = { ...base(sequence.id), type: 'token', index, tokenId, finish, hops, more, cached, logprobs }
    // The next lap waits for nothing; the client's token may cross the relay meanwhile.
    if (!finish && !place.shard.first) post(place.head.peerId, token)
    post(job.client, token)
    if (!finish && place.shard.first) nextLap(token)
    if (finish) finishAll(sequence, job)
  }

  function finishAll(sequence: Sequence, { cacheScope }: Job): void {
    for (const other of place.others) post(other.peerId, { ...base(sequence.id), type: 'release', keeps: cacheScope !== null })
    core.forget(sequence.id, cacheScope !== null)
  }

  return {
    onJob: (sequence, job) => {
      if (sequence.job && sequence.inherited === null) return
      if (sequence.inherited !== null) core.rewind(sequence, job.promptIds.length + job.acceptedIds.length - 1)
      sequence.inherited = null
      sequence.job = job
      sequence.client = job.client
      sequence.answerIds = [...job.acceptedIds]
      chooser.expect(job)
      for (const run of sequence.early.splice(0)) run()
    },
    wantOf: (sequence, pass) => {
      const { job, answerIds } = sequence
      const { position, count, drafts } = pass
      if (job?.pooling) return wantToPool(job.pooling, job, pass)
      const rows = job === null ? 0 : position + count - (job.promptIds.length + answerIds.length) + 1
      if (rows < 1 || rows > Math.min(count, drafts.length + 1)) return { type: 'none' }
      const readsLogits = expectsLogits(sequence)
      return rows > 1 ? { type: 'heads', rows, readsLogits } : { type: 'head', readsLogits }
    },
    pool: (sequence, rows, pass) => {
      const { job } = sequence
      if (!job?.pooling) return false
      if (job.pooling === 'mean') sequence.pooled = addRows(sequence.pooled, pass, rows)
      if (pass.position + pass.count < job.promptIds.length) return false
      const values = sequence.pooled ? meanOf(sequence.pooled) : rows
      post(job.client, { ...base(sequence.id), type: 'embedding', values })
      finishAll(sequence, job)
      return true
    },
    sample: async (sequence, output, { position, count, drafts }, hops) => {
      const { job, answerIds, branch } = sequence
      const heads = output.type === 'head' ? [output.head] : output.type === 'heads' ? output.heads : []
      if (!job) return
      for (const [row, head] of heads.entries()) {
        const chosen = await chooser.choose(sequence, job, head)
        if (core.sequences.get(sequence.id) !== sequence || sequence.branch !== branch) return
        // As far as guesses are what is sampled anyway, what they were computed from is what it would have been.
        const behind = heads.length - 1 - row
        const finish = finishOf(job, chosen, answerIds.length, position + count - behind)
        const more = finish === null && behind > 0 && drafts[drafts.length - behind] === chosen.tokenId
        emit(sequence, job, { ...chosen, finish, more }, more ? [] : hops())
        if (!more) return
      }
    },
    waitForJob: (sequence, run) => {
      if (sequence.early.push(run) > MAX_EARLY_SAMPLES)
        core.fail(sequence.id, new ClusterError('ring_broken', 'the job never reached the last device'))
    },
    resend: (sequence, to, index) => {
      const tokens = sequence.answerIds.slice(index)
      const { cached } = sequence
      tokens.forEach((tokenId, i) => {
        const logprobs = told.get(sequence)?.get(index + i) ?? null
        const token = { ...base(sequence.id), type: 'token', index: index + i, tokenId, finish: null, hops: [], cached, logprobs } as const
        post(to, { ...token, more: i + 1 < tokens.length })
      })
      return tokens.length > 0
    },
  }
}
