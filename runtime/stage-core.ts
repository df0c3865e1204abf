/** What every shard of a ring does, wherever it stands: sequences and their KV caches, passes in line, frames out, endings. */
import { allFinite } from '../protocol/finite.ts'
import { ClusterError, toClusterError } from '../protocol/errors.ts'
import type { Placement } from '../protocol/cluster.ts'
import type { PeerId, SequenceId } from '../protocol/ids.ts'
import type { ConstraintSource } from '../core/constrain/constraint-source.ts'
import { createLapClock, type LapClock } from '../core/cluster/lap-clock.ts'
import type { HopTiming } from '../protocol/hops.ts'
import { encodeFrame, type ActivationFrame, type AskWant, type RingFrame } from '../protocol/ring.ts'
import type { LogStore, LoggedPass } from './output-log.ts'
import type { PrefixCache } from './prefix-cache.ts'
import { createStagePrefix } from './stage-prefix.ts'
import { ringPlaceOf, type RingPlace } from './ring-place.ts'
import type { Scheduler } from './scheduler.ts'
import { createSequence, truncate, type Sequence } from './sequence.ts'
import type { ShardInput, ShardOutput, ShardRunner, ShardWant } from './shard-runner.ts'

/** Tokens of a prompt that run in one go: long enough to use the matrix kernels, short enough not to stall other streams. */
export const PREFILL_CHUNK_TOKENS = 128
/** Released sequences remembered, so that their late frames are dropped. */
const TOMBSTONES = 4096
/** The same is not asked for again sooner. */
const ASK_AGAIN_MS = 500

export type StageOptions = {
  readonly self: PeerId
  readonly placement: Placement
  readonly runner: ShardRunner
  readonly scheduler: Scheduler
  readonly logs: LogStore
  readonly prefixes: PrefixCache
  /** Null on a device that cannot sample by a grammar. */
  readonly constraints: ConstraintSource | null
  /** Another name each time. */
  readonly newCache: () => SequenceId
  readonly send: (to: PeerId, frame: Uint8Array) => Promise<void>
  /** Takes a sequence over from an older placement in which this device holds the same range, KV cache and all; null when there is none. */
  readonly inherit: (id: SequenceId) => Sequence | null
  /** Monotonic milliseconds. */
  readonly now: () => number
  readonly onChange: () => void
  readonly log: (message: string, fields: Record<string, unknown>) => void
}

/** The timings of a lap up to now, those of this shard last. */
export type HopsSoFar = () => readonly HopTiming[]

/** A pass to run: tokens at a position of a sequence. `hops` are those of the shards before. */
export type Pass = Pick<ActivationFrame, 'position' | 'count' | 'reach' | 'sample' | 'hops'> & { readonly input: ShardInput }

export type StageCore = StageOptions & {
  readonly place: RingPlace
  readonly sequences: ReadonlyMap<SequenceId, Sequence>
  readonly isForgotten: (id: SequenceId) => boolean
  readonly base: (id: SequenceId) => { readonly sequence: SequenceId; readonly epoch: number }
  readonly post: (to: PeerId, frame: RingFrame) => void
  /** The sequence, inherited or new; null once it was released. */
  readonly sequenceOf: (id: SequenceId) => Sequence | null
  /** Runs `pass` when its turn comes, then hands its output to `done`. */
  readonly enqueue: (sequence: Sequence, pass: Pass, want: ShardWant, done: (output: ShardOutput, hops: HopsSoFar) => Promise<void> | void) => void
  /** Keeps a pass for the next shard, and sends it unless the next shard has it. */
  readonly pass: (sequence: Sequence, pass: LoggedPass, hops: readonly HopTiming[]) => void
  readonly sendOn: (sequence: Sequence, pass: LoggedPass, hops?: readonly HopTiming[]) => void
  readonly ask: (sequence: Sequence, to: PeerId, want: AskWant, from: number) => void
  /** What lies from `position` on is computed anew. */
  readonly rewind: (sequence: Sequence, position: number) => void
  /** @param keeps its KV cache stays for sequences that begin alike */
  readonly forget: (id: SequenceId, keeps?: boolean) => void
  /** A new sequence begins with up to `position` tokens of one that was kept. Returns how many it has of them. */
  readonly adopt: (sequence: Sequence, source: SequenceId, position: number) => number
  /** Ends a sequence that cannot go on: its client is told, every shard forgets. */
  readonly fail: (id: SequenceId, thrown: unknown) => void
  /** Hands a sequence over to a newer placement: gone from here, its cache stays. */
  readonly surrender: (id: SequenceId) => Sequence | null
  readonly layerMs: () => number | null
  /** From the end of a pass of one token to the beginning of the next of its sequence. */
  readonly laps: LapClock
}

/** The oldest entries of an insertion-ordered set go first. */
function remember(set: Set<SequenceId>, id: SequenceId): void {
  set.add(id)
  for (const oldest of set) {
    if (set.size <= TOMBSTONES) return
    set.delete(oldest)
  }
}

export function createStageCore(options: StageOptions): StageCore {
  const { self, placement, runner, scheduler, now, onChange } = options
  const place = ringPlaceOf(placement, self)
  const prefix = createStagePrefix(options, place)
  const sequences = new Map<SequenceId, Sequence>()
  const tombstones = new Set<SequenceId>()
  const laps = createLapClock()
  let layerMs: number | null = null
  let sendMs = 0

  const base = (id: SequenceId): { sequence: SequenceId; epoch: number } => ({ sequence: id, epoch: placement.epoch })
  const isHere = (sequence: Sequence): boolean => sequences.get(sequence.id) === sequence

  const post = (to: PeerId, frame: RingFrame): void => {
    const started = now()
    options.send(to, encodeFrame(frame)).then(
      () => {
        if (frame.type === 'activation' || frame.type === 'token') sendMs = now() - started
      },
      (cause: unknown) => {
        // Nothing fails for it: whoever misses the frame asks for it, on this ring or on the one that replaces it.
        options.log('a frame could not be sent', { to, type: frame.type, cause: String(cause) })
      },
    )
  }

  const forget = (id: SequenceId, keeps = false): void => {
    remember(tombstones, id)
    const sequence = sequences.get(id)
    if (!sequence) return
    sequences.delete(id)
    sequence.constraint?.then((constraint) => constraint.close()).catch(() => undefined)
    scheduler.drop(sequence.cache)
    if (keeps && sequence.length > 0 && sequence.inherited === null) {
      prefix.keep(sequence)
      return onChange()
    }
    sequence.log.close()
    // Behind whatever runs now: a cache is not freed under a running pass.
    scheduler.enqueue(sequence.cache, 'decode', async () => {
      runner.release(sequence.cache)
      onChange()
    })
  }

  const fail = (id: SequenceId, thrown: unknown): void => {
    const sequence = sequences.get(id)
    if (!sequence) return
    const error = toClusterError(thrown)
    options.log('a sequence failed', { sequence: id, code: error.code, cause: String(error.cause ?? error.message) })
    const to = sequence.client ?? (place.shard.first ? null : place.head.peerId)
    forget(id)
    if (to) post(to, { ...base(id), type: 'failure', code: error.code, message: error.message })
    for (const other of place.others) post(other.peerId, { ...base(id), type: 'release', keeps: false })
  }

  const sequenceOf = (id: SequenceId): Sequence | null => {
    const known = sequences.get(id)
    if (known) return known
    if (tombstones.has(id)) return null
    const sequence = options.inherit(id) ?? createSequence(id, options.newCache(), options.logs.open(), now())
    sequences.set(id, sequence)
    onChange()
    return sequence
  }

  async function run(
    sequence: Sequence,
    { position, count, reach, input }: Pass,
    want: ShardWant,
    onComputed: () => void,
  ): Promise<ShardOutput | null> {
    const { branch } = sequence
    const started = now()
    const output = await prefix.withRoom(sequence, () => {
      runner.open(sequence.cache, placement.contextLength)
      return runner.run({ sequence: sequence.cache, position, count, reach, input, want, onComputed })
    })
    if (count === 1) {
      const ms = (now() - started) / (place.shard.endLayer - place.shard.startLayer)
      layerMs = layerMs === null ? ms : layerMs * 0.9 + ms * 0.1
    }
    if (!isHere(sequence) || sequence.branch !== branch) return null
    sequence.length = position + count
    sequence.touchedAt = now()
    if (output.type === 'hidden' && !allFinite(output.bytes, placement.handoff))
      throw new ClusterError('internal', 'the layers of a device computed values that are not numbers; load the model anew or use another backend')
    return output
  }

  const enqueue: StageCore['enqueue'] = (sequence, pass, want, done) => {
    const { branch } = sequence
    if (pass.count === 1 && sequence.inLine === 0 && sequence.length > 0) laps.add(now() - sequence.touchedAt)
    sequence.expected = pass.position + pass.count
    sequence.inLine += 1
    const queuedAt = now()
    sequence.touchedAt = queuedAt
    scheduler.enqueue(sequence.cache, pass.count > 1 ? 'prefill' : 'decode', async () => {
      if (!isHere(sequence) || sequence.branch !== branch) return
      try {
        const startedAt = now()
        let computedAt: number | null = null
        const output = await run(sequence, pass, want, () => void (computedAt = now()))
        if (output === null) return
        const doneAt = computedAt ?? now()
        sequence.inLine -= 1
        await done(output, () => [...pass.hops, { queueMs: startedAt - queuedAt, computeMs: doneAt - startedAt, readBackMs: now() - doneAt, sendMs }])
      } catch (error) {
        if (isHere(sequence)) fail(sequence.id, error)
      }
    })
  }

  const rewind = (sequence: Sequence, wanted: number): void => {
    if (wanted >= sequence.expected && wanted >= sequence.length) return
    const position = runner.canRewind || wanted >= sequence.length ? wanted : 0
    scheduler.drop(sequence.cache)
    sequence.branch += 1
    sequence.inLine = 0
    truncate(sequence, position)
    sequence.expected = sequence.length
  }

  const sendOn: StageCore['sendOn'] = (sequence, pass, hops = []) => {
    if (!place.next) return
    sequence.sentTo = Math.max(sequence.sentTo, pass.position + pass.count)
    sequence.touchedAt = now()
    post(place.next.peerId, { ...base(sequence.id), type: 'activation', width: runner.hiddenSize, numberType: placement.handoff, hops, ...pass })
  }

  return {
    ...options,
    place,
    sequences,
    isForgotten: (id) => tombstones.has(id),
    base,
    post,
    sequenceOf,
    enqueue,
    pass: (sequence, pass, hops) => {
      sequence.log.push(pass)
      if (pass.position + pass.count > sequence.sentTo) sendOn(sequence, pass, hops)
    },
    sendOn,
    ask: (sequence, to, want, from) => {
      const before = sequence.asked.get(want)
      if (before?.from === from && now() - before.at < ASK_AGAIN_MS) return
      sequence.asked.set(want, { from, at: now() })
      post(to, { ...base(sequence.id), type: 'ask', want, from })
    },
    rewind,
    forget,
    adopt: prefix.adopt,
    fail,
    surrender: (id) => {
      const sequence = sequences.get(id)
      if (!sequence) return null
      sequences.delete(id)
      remember(tombstones, id)
      scheduler.drop(sequence.cache)
      sequence.branch += 1
      sequence.inLine = 0
      sequence.expected = sequence.length
      sequence.sentTo = 0
      sequence.asked.clear()
      sequence.early.length = 0
      sequence.inherited = sequence.length
      sequence.waitingAsk = null
      return sequence
    },
    layerMs: () => layerMs,
    laps,
  }
}
