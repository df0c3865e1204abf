/** What every shard of a ring does, wherever it stands: sequences and their KV caches, passes in line, frames out, endings. */
import { toClusterError } from '../../protocol/errors.ts'
import type { Placement } from '../../protocol/cluster.ts'
import type { PeerId, SequenceId } from '../../protocol/ids.ts'
import type { ConstraintSource } from '../../core/constrain/constraint-source.ts'
import { createLapClock, type LapClock } from '../../core/cluster/lap-clock.ts'
import type { Drafter } from '../../core/speculation/drafter.ts'
import type { Drafts } from '../../protocol/drafts.ts'
import type { HopTiming } from '../../protocol/hops.ts'
import type { AskWant, RingFrame } from '../../protocol/ring.ts'
import { createFrameOutbox } from './frame-outbox.ts'
import type { LogStore, LoggedPass } from './output-log.ts'
import type { PrefixCache } from './prefix-cache.ts'
import { createStagePrefix } from './stage-prefix.ts'
import { ringPlaceOf, type RingPlace } from './ring-place.ts'
import type { Scheduler } from './scheduler.ts'
import { createSequence, truncate, type Sequence } from './sequence.ts'
import { createPassLane, type Pass, type PassDone, type PassLane } from './pass-lane.ts'
import type { ShardRunner, ShardWant } from '../shard-runner.ts'
import type { SpotChecks } from './spot-check.ts'

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
  readonly checks: Pick<SpotChecks, 'received'>
  /** A KV cache could not grow. */
  readonly onMemoryOut: () => void
  /** Null on a device that cannot sample by a grammar. */
  readonly constraints: ConstraintSource | null
  readonly newDrafter: () => Drafter
  /** Another name each time. */
  readonly newCache: () => SequenceId
  readonly send: (to: PeerId, frame: Uint8Array) => Promise<void>
  /** Takes a sequence over from an older placement in which this device holds the same range, KV cache and all; null when there is none. */
  readonly inherit: (id: SequenceId) => Sequence | null
  /** Sequences whose KV caches fit on every shard of the ring beside each other. */
  readonly room: () => number
  /** Jobs that may wait at the head. */
  readonly mostWaiting: number
  /** Monotonic milliseconds. */
  readonly now: () => number
  readonly onChange: () => void
  readonly log: (message: string, fields: Record<string, unknown>) => void
}

export type StageCore = StageOptions & {
  readonly place: RingPlace
  readonly sequences: ReadonlyMap<SequenceId, Sequence>
  readonly isForgotten: (id: SequenceId) => boolean
  readonly base: (id: SequenceId) => { readonly sequence: SequenceId; readonly epoch: number }
  readonly post: (to: PeerId, frame: RingFrame) => void
  /** The sequence, inherited or new; null once it was released. */
  readonly sequenceOf: (id: SequenceId) => Sequence | null
  /** Runs `pass` when its turn comes, then hands its output to `done`. */
  readonly enqueue: (sequence: Sequence, pass: Pass, want: ShardWant, done: PassDone) => void
  /** Keeps a pass for the next shard, and sends it unless the next shard has it. */
  readonly pass: (sequence: Sequence, pass: LoggedPass, hops: readonly HopTiming[]) => void
  readonly sendOn: (sequence: Sequence, pass: LoggedPass, hops?: readonly HopTiming[]) => void
  readonly ask: (sequence: Sequence, to: PeerId, want: AskWant, from: number) => void
  /** What lies from `position` on is computed anew. */
  readonly rewind: (sequence: Sequence, position: number) => void
  /** Drafts from `since` on did not hold: what comes next is of another branch. */
  readonly giveUpDrafts: (sequence: Sequence, drafts: Pick<Drafts, 'branch' | 'since'>) => void
  /** Called when a sequence has gone from here. */
  readonly onFreed: (listener: () => void) => void
  /** @param keeps its KV cache stays for sequences that begin alike */
  readonly forget: (id: SequenceId, keeps?: boolean) => void
  /** A new sequence begins with up to `position` tokens of one that was kept. Returns how many it has of them. */
  readonly adopt: (sequence: Sequence, source: SequenceId, position: number) => number
  /** Ends a sequence that cannot go on: its client is told, every shard forgets. */
  readonly fail: (id: SequenceId, thrown: unknown) => void
  /** Hands a sequence over to a newer placement: gone from here, its cache stays. */
  readonly surrender: (id: SequenceId) => Sequence | null
  readonly layerMs: () => number | null
  /** What is known of passes here, for chunks of prompts. */
  readonly passes: Pick<PassLane, 'rowsIn' | 'rowsBeside' | 'joins' | 'msPerRow'>
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
  let onFreed = (): void => undefined

  const base = (id: SequenceId): { sequence: SequenceId; epoch: number } => ({ sequence: id, epoch: placement.epoch })
  const isHere = (sequence: Sequence): boolean => sequences.get(sequence.id) === sequence

  const outbox = createFrameOutbox({
    send: options.send,
    now,
    // Nothing fails for it: whoever misses the frame asks for it, on this ring or on the one that replaces it.
    onLost: (to, type, cause) => options.log('a frame could not be sent', { to, type, cause: String(cause) }),
  })
  const { post } = outbox

  const forget = (id: SequenceId, keeps = false): void => {
    remember(tombstones, id)
    const sequence = sequences.get(id)
    if (!sequence) return
    sequences.delete(id)
    queueMicrotask(onFreed)
    sequence.constraint?.then((constraint) => constraint.close()).catch(() => undefined)
    scheduler.drop(sequence.cache)
    if (keeps && sequence.length > 0 && sequence.inherited === null) {
      prefix.keep(sequence)
      return onChange()
    }
    sequence.log.close()
    // Behind whatever runs now: a cache is not freed under a running pass.
    scheduler.enqueue(sequence.cache, async () => {
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

  const passes = createPassLane({ ...options, place, isHere, fail, outbox, withRoom: prefix.withRoom })

  const enqueue: StageCore['enqueue'] = (sequence, pass, want, done) => {
    if (pass.count === 1 && sequence.inLine === 0 && sequence.length > 0) laps.add(now() - sequence.touchedAt)
    sequence.expected = pass.position + pass.count
    sequence.sure = sequence.expected - pass.drafts.length
    sequence.inLine += 1
    sequence.touchedAt = now()
    passes.enqueue(sequence, pass, want, done)
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
    const { drafts, ...rest } = pass
    const guess = { branch: sequence.draftBranch, since: sequence.draftsSince, drafts }
    const hidden = { type: 'activation', width: runner.hiddenSize, numberType: placement.handoff } as const
    post(place.next.peerId, { ...base(sequence.id), ...hidden, hops, guess, ...rest })
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
      post(to, { ...base(sequence.id), type: 'ask', want, from, branch: sequence.draftBranch })
    },
    rewind,
    giveUpDrafts: (sequence, { branch, since }) => {
      // Whoever missed a branch knows of the one before only what was sure in its own.
      rewind(sequence, branch === sequence.draftBranch + 1 ? since : Math.min(since, sequence.sure))
      sequence.draftBranch = branch
      sequence.draftsSince = since
    },
    onFreed: (listener) => {
      onFreed = listener
    },
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
      truncate(sequence, Math.min(sequence.length, sequence.sure))
      sequence.draftBranch = sequence.draftsSince = 0
      sequence.expected = sequence.length
      sequence.sentTo = 0
      sequence.asked.clear()
      sequence.early.length = 0
      sequence.inherited = sequence.length
      sequence.waitingAsk = null
      sequence.resumedAt = null
      return sequence
    },
    layerMs: passes.layerMs,
    passes,
    laps,
  }
}
