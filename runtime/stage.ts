/**
 * One shard of one placement at work: frames in, frames out. The head turns jobs and sampled tokens into activations, every
 * stage runs its layers, the tail samples. KV is indexed by position; a sequence that was released is forgotten for good.
 */
import { ClusterError, toClusterError } from '../protocol/errors.ts'
import type { Placement, Shard } from '../protocol/cluster.ts'
import type { PeerId, SequenceId } from '../protocol/ids.ts'
import { encodeFrame, type ActivationFrame, type FinishReason, type Job, type RingFrame, type TokenFrame } from '../protocol/ring.ts'
import { sampleToken } from '../core/text/sampler.ts'
import type { Scheduler } from './scheduler.ts'
import type { ShardInput, ShardRunner, ShardWant } from './shard-runner.ts'

/** Tokens of a prompt that run in one go: long enough to use the matrix kernels, short enough not to stall other streams. */
export const PREFILL_CHUNK_TOKENS = 128
/** Released sequences remembered, so that their late frames are dropped. */
const TOMBSTONES = 4096
/** Activations that wait at the tail for their job; a job follows within one hop, so more means a broken peer. */
const MAX_EARLY_SAMPLES = 16

type Sequence = {
  readonly id: SequenceId
  job: Job | null
  /** At the tail: ids sampled so far. */
  readonly generatedIds: number[]
  /** At the head: index of the token that comes next. */
  nextIndex: number
  /** At the tail: samples that wait for the job. */
  readonly early: (() => void)[]
}

export type Stage = {
  readonly placement: Placement
  readonly handle: (from: PeerId, frame: RingFrame) => void
  /** Forgets every sequence for which `keep` is false. */
  readonly retain: (keep: (client: PeerId | null) => boolean) => void
  readonly openSequences: () => number
  /** Milliseconds one layer takes for one decoded token, smoothed; null before the first. */
  readonly layerMs: () => number | null
  /** Fails what still runs and frees every KV cache. */
  readonly close: (reason: ClusterError) => void
}

export type StageOptions = {
  readonly self: PeerId
  readonly placement: Placement
  readonly runner: ShardRunner
  readonly scheduler: Scheduler
  readonly send: (to: PeerId, frame: Uint8Array) => Promise<void>
  /** Monotonic milliseconds. */
  readonly now: () => number
  readonly onChange: () => void
  readonly log: (message: string, fields: Record<string, unknown>) => void
}

/** Which tokens a step runs (`ShardRun`), and whether the tail samples behind them. */
type StepSpan = Pick<ActivationFrame, 'position' | 'count' | 'reach' | 'sample'>

type Neighbours = {
  readonly shard: Shard
  readonly next: Shard | null
  readonly head: Shard
  readonly tail: Shard
  readonly others: readonly Shard[]
  /** The device that the next frame of a lap goes to: the next shard, or the head from the tail; null in a ring of one. */
  readonly follower: PeerId | null
}

/** Where the device stands in the ring. @throws {Error} when it has no shard in `placement` */
export function neighboursOf(placement: Placement, self: PeerId): Neighbours {
  const index = placement.shards.findIndex((shard) => shard.peerId === self)
  const [shard, head, tail] = [placement.shards[index], placement.shards[0], placement.shards.at(-1)]
  if (!shard || !head || !tail) throw new Error(`placement ${placement.epoch} has no shard for ${self}`)
  const others = placement.shards.filter((other) => other.peerId !== self)
  const next = placement.shards[index + 1] ?? null
  return { shard, head, tail, next, others, follower: others.length === 0 ? null : (next ?? head).peerId }
}

export function createStage(options: StageOptions): Stage {
  const { self, placement, runner, scheduler, now } = options
  const { shard, next, head, tail, others } = neighboursOf(placement, self)
  const sequences = new Map<SequenceId, Sequence>()
  const tombstones = new Set<SequenceId>()
  let layerMs: number | null = null

  const base = (id: SequenceId): { sequence: SequenceId; epoch: number } => ({ sequence: id, epoch: placement.epoch })

  const enqueue = (id: SequenceId, kind: 'decode' | 'prefill', work: () => Promise<void>): void =>
    scheduler.enqueue(id, kind, () => work().catch((error: unknown) => fail(id, error)))

  const post = (to: PeerId, frame: RingFrame): void => {
    options.send(to, encodeFrame(frame)).catch((cause: unknown) => {
      options.log('a frame could not be sent', { to, type: frame.type, cause: String(cause) })
      if (frame.type === 'activation' || frame.type === 'token' || frame.type === 'job') {
        fail(frame.sequence, new ClusterError('ring_broken', `the path to device ${to} broke`, { cause }))
      }
    })
  }

  const forget = (id: SequenceId): void => {
    tombstones.add(id)
    if (tombstones.size > TOMBSTONES)
      for (const oldest of tombstones.keys()) {
        tombstones.delete(oldest)
        break
      }
    if (!sequences.delete(id)) return
    scheduler.drop(id)
    // Behind whatever runs now: a cache is not freed under a running step.
    enqueue(id, 'decode', async () => {
      runner.release(id)
      options.onChange()
    })
  }

  /** Ends a sequence that cannot go on: the head tells the client, every shard forgets. */
  function fail(id: SequenceId, thrown: unknown): void {
    const sequence = sequences.get(id)
    if (!sequence) return
    const error = toClusterError(thrown)
    options.log('a sequence failed', { sequence: id, code: error.code, cause: String(error.cause ?? error.message) })
    const to = sequence.job?.client ?? (shard.first ? null : head.peerId)
    forget(id)
    if (to) post(to, { ...base(id), type: 'failure', code: error.code, message: error.message })
    for (const other of others) post(other.peerId, { ...base(id), type: 'release' })
  }

  /** The sequence, with its KV cache opened on first sight; null once it was released. */
  function sequenceOf(id: SequenceId): Sequence | null {
    const known = sequences.get(id)
    if (known) return known
    if (tombstones.has(id)) return null
    const sequence: Sequence = { id, job: null, generatedIds: [], nextIndex: 0, early: [] }
    sequences.set(id, sequence)
    try {
      runner.open(id, placement.contextLength)
    } catch (error) {
      fail(id, error)
      return null
    }
    options.onChange()
    return sequence
  }

  async function step(sequence: Sequence, input: ShardInput, { position, count, reach, sample }: StepSpan): Promise<void> {
    if (!sequences.has(sequence.id)) return
    const want: ShardWant = !shard.last ? { type: 'hidden', numberType: placement.handoff } : sample ? { type: 'head' } : { type: 'none' }
    const started = now()
    const output = await runner.run({ sequence: sequence.id, position, count, reach, input, want })
    if (count === 1) {
      const ms = (now() - started) / (shard.endLayer - shard.startLayer)
      layerMs = layerMs === null ? ms : layerMs * 0.9 + ms * 0.1
    }
    if (!sequences.has(sequence.id)) return
    if (output.type === 'hidden' && next) {
      post(next.peerId, {
        ...base(sequence.id),
        type: 'activation',
        position,
        count,
        reach,
        width: runner.hiddenSize,
        numberType: placement.handoff,
        sample,
        payload: output.bytes,
      })
    }
    if (output.type === 'head' && sequence.job) {
      const context = { promptIds: sequence.job.promptIds, generatedIds: sequence.generatedIds, index: sequence.generatedIds.length }
      emit(sequence, sequence.job, await sampleToken(output.head, sequence.job.sampling, context), position + count)
    }
  }

  /** Tail: one sampled id goes to the client and, as the next lap, to the head. `length` is what every KV cache holds now. */
  function emit(sequence: Sequence, job: Job, tokenId: number, length: number): void {
    if (!sequences.has(sequence.id)) return
    const index = sequence.generatedIds.push(tokenId) - 1
    const finish = finishOf(job, tokenId, index, length)
    const token: TokenFrame = { ...base(sequence.id), type: 'token', index, tokenId, finish }
    // The next lap waits for nothing; the client's token may cross the relay meanwhile.
    if (!finish && !shard.first) post(head.peerId, token)
    post(job.client, token)
    if (!finish && shard.first) decode(sequence, job, token)
    if (!finish) return
    for (const other of others) post(other.peerId, { ...base(sequence.id), type: 'release' })
    forget(sequence.id)
  }

  function finishOf(job: Job, tokenId: number, index: number, length: number): FinishReason | null {
    if (job.stopIds.includes(tokenId)) return 'stop'
    return index + 1 >= job.maxTokens || length >= placement.contextLength ? 'length' : null
  }

  /** Head: the next lap of a running sequence. */
  function decode(sequence: Sequence, job: Job, token: TokenFrame): void {
    if (token.index !== sequence.nextIndex) return
    sequence.nextIndex += 1
    const input: ShardInput = { type: 'tokens', ids: [token.tokenId] }
    const position = job.promptIds.length + token.index
    enqueue(sequence.id, 'decode', () => step(sequence, input, { position, count: 1, reach: position + 1, sample: true }))
  }

  /** Head: the prompt in chunks, each sent on while the next computes; only the last one is sampled from. */
  function prefill(sequence: Sequence, job: Job): void {
    const total = job.promptIds.length
    for (let position = 0; position < total; position += PREFILL_CHUNK_TOKENS) {
      const ids = job.promptIds.slice(position, position + PREFILL_CHUNK_TOKENS)
      const done = position + ids.length
      enqueue(sequence.id, 'prefill', async () => {
        await step(sequence, { type: 'tokens', ids }, { position, count: ids.length, reach: total, sample: done === total })
        if (done < total) post(job.client, { ...base(sequence.id), type: 'progress', processed: done, total })
      })
    }
  }

  function onJob(id: SequenceId, job: Job): void {
    const sequence = sequenceOf(id)
    if (!sequence || sequence.job) return
    sequence.job = job
    if (job.promptIds.length >= placement.contextLength) {
      fail(
        id,
        new ClusterError('context_length_exceeded', `the prompt has ${job.promptIds.length} tokens; the ring holds ${placement.contextLength}`),
      )
      return
    }
    for (const sample of sequence.early.splice(0)) sample()
    if (!shard.first) return
    if (!shard.last) post(tail.peerId, { ...base(id), type: 'job', job })
    prefill(sequence, job)
  }

  function onActivation(from: PeerId, frame: ActivationFrame): void {
    if (frame.width !== runner.hiddenSize || frame.numberType !== placement.handoff || shard.first) {
      options.log('refused an activation of the wrong shape', { from, width: frame.width })
      return
    }
    const sequence = sequenceOf(frame.sequence)
    if (!sequence) return
    const input: ShardInput = { type: 'hidden', numberType: frame.numberType, bytes: frame.payload }
    const kind = frame.count > 1 ? 'prefill' : 'decode'
    const run = (): void => enqueue(frame.sequence, kind, () => step(sequence, input, frame))
    // The job travels from head to tail directly and may arrive after the first activation: only sampling needs it.
    if (shard.last && !sequence.job && (frame.sample || sequence.early.length > 0)) {
      if (sequence.early.push(run) > MAX_EARLY_SAMPLES) fail(frame.sequence, new ClusterError('ring_broken', 'the job never reached the last device'))
    } else run()
  }

  function handle(from: PeerId, frame: RingFrame): void {
    switch (frame.type) {
      case 'job':
        if ((shard.first && frame.job.client === from) || (shard.last && from === head.peerId)) onJob(frame.sequence, frame.job)
        return
      case 'activation':
        onActivation(from, frame)
        return
      case 'token': {
        const sequence = sequences.get(frame.sequence)
        if (shard.first && sequence?.job && from === tail.peerId) decode(sequence, sequence.job, frame)
        return
      }
      case 'release':
        forget(frame.sequence)
        return
      case 'failure':
        fail(frame.sequence, new ClusterError(frame.code, frame.message))
        return
      case 'progress':
        return
    }
  }

  return {
    placement,
    handle,
    retain: (keep) => {
      for (const sequence of [...sequences.values()]) if (!keep(sequence.job?.client ?? null)) forget(sequence.id)
    },
    openSequences: () => sequences.size,
    layerMs: () => layerMs,
    close: (reason) => {
      for (const id of [...sequences.keys()]) fail(id, reason)
    },
  }
}
