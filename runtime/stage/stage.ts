/**
 * One shard of one placement at work: frames in, frames out. KV is indexed by position; every shard keeps what it sent on, so that
 * whoever misses a frame asks the one before for it: after a lost frame, and when a shard has a new owner.
 */
import { ClusterError } from '../../protocol/errors.ts'
import type { LapReport, Placement } from '../../protocol/cluster.ts'
import type { PeerId, SequenceId } from '../../protocol/ids.ts'
import type { ActivationFrame, AskFrame, PrefixFrame, ResumeFrame, RingFrame } from '../../protocol/ring.ts'
import { tailOf, type LoggedPass } from './output-log.ts'
import type { RingPlace } from './ring-place.ts'
import type { Sequence } from './sequence.ts'
import type { ShardOutput, ShardRunner, ShardWant } from '../shard-runner.ts'
import type { HopsSoFar } from './pass-lane.ts'
import { MOST_CHUNK_TOKENS } from './prefill-chunks.ts'
import { createStageChecks } from './stage-checks.ts'
import { createStageCore, type StageOptions } from './stage-core.ts'
import { createHeadPart } from './stage-head.ts'
import { createTailPart } from './stage-tail.ts'

/** The same asked for this often, though it was sent each time: sending it again does not help. */
const MAX_REFUSALS = 20
/** Nothing happened to a sequence for so long: whoever wanted it has gone on elsewhere. */
const ABANDONED_MS = 150_000

export type Stage = {
  readonly placement: Placement
  readonly place: RingPlace
  readonly runner: ShardRunner
  readonly handle: (from: PeerId, frame: RingFrame) => void
  /** A frame of `from` could not be read: what it may have carried is asked for again. */
  readonly missed: (from: PeerId) => void
  /** Asks again for what is overdue. True when something is: neighbours may be dead. */
  readonly watch: () => boolean
  /** Forgets the sequences whose client is gone. */
  readonly retain: (isHere: (client: PeerId) => boolean) => void
  /** Hands a sequence to a newer placement; null when there is none of that id. */
  readonly surrender: (id: SequenceId) => Sequence | null
  /** A sequence that was kept has gone from here: the other shards need not keep it either. */
  readonly dropKept: (id: SequenceId) => void
  readonly openSequences: () => number
  /** Milliseconds one layer takes for one decoded token, smoothed; null before the first. */
  readonly layerMs: () => number | null
  /** Of the laps of one token that came back to this device as the head; null before the first. */
  readonly laps: () => LapReport | null
  /** Tells the clients that this ring is given up. Sequences stay, for a newer placement to take over. */
  readonly retire: (reason: ClusterError) => void
  /** Frees every KV cache without a word: a newer placement goes on with what ran. */
  readonly abandon: () => void
  /** Fails what still runs and frees every KV cache. */
  readonly close: (reason: ClusterError) => void
}

export function createStage(options: StageOptions): Stage {
  const core = createStageCore(options)
  const { place, placement, runner, sequences, base, post, now } = core
  const head = createHeadPart(core, finishPass)
  const tail = createTailPart(core, (token) => head.onToken(token))
  const checkPasses = createStageChecks(core)

  async function finishPass(sequence: Sequence, output: ShardOutput, pass: Omit<LoggedPass, 'payload'>, hops: HopsSoFar): Promise<void> {
    if (output.type === 'hidden') core.pass(sequence, { ...pass, payload: output.bytes }, hops())
    else if (output.type === 'none' || (output.type === 'normed' && !tail.pool(sequence, output.values, pass)))
      tellProgress(sequence, pass.position + pass.count, pass.reach)
    else if (output.type !== 'normed') await tail.sample(sequence, output, pass, hops)
  }

  /** At the tail: so much is computed on every shard, and so much more may come. */
  function tellProgress(sequence: Sequence, processed: number, total: number): void {
    if (place.shard.first) head.onProgress(sequence, processed)
    else post(place.head.peerId, { ...base(sequence.id), type: 'progress', processed, total })
  }

  /**
   * Whether a tail may sample. With a sequence that it took over it may not before the job has come: that says from which token on, and
   * what was sampled sooner would be taken back while the head has gone on with it.
   */
  const hasJob = (sequence: Sequence): boolean => sequence.job !== null && sequence.inherited === null

  /** Asks whoever is before this shard in the lap for what it may have and this shard has not. */
  function pull(sequence: Sequence): void {
    if (sequence.inLine > 0) return
    if (place.previous) core.ask(sequence, place.previous.peerId, 'activations', sequence.expected)
    else if (!place.shard.last) core.ask(sequence, place.tail.peerId, 'tokens', sequence.answerIds.length)
    // Without the job a tail cannot sample, and no shard knows how much of what it took over is valid: the word of it may have been lost.
    if (!place.shard.first && (place.shard.last ? !hasJob(sequence) : sequence.inherited !== null)) core.ask(sequence, place.head.peerId, 'job', 0)
  }

  function onActivation(from: PeerId, frame: ActivationFrame): void {
    if (frame.width !== runner.hiddenSize || frame.numberType !== placement.handoff || from !== place.previous?.peerId) {
      options.log('refused an activation of the wrong shape or from the wrong device', { from, width: frame.width })
      return
    }
    const sequence = core.sequenceOf(frame.sequence)
    if (!sequence || frame.guess.branch < sequence.draftBranch) return
    if (frame.guess.branch > sequence.draftBranch) core.giveUpDrafts(sequence, frame.guess)
    if (frame.position + frame.count <= sequence.expected) return
    if (frame.position > sequence.expected) return pull(sequence)
    if (place.shard.last && frame.sample && !hasJob(sequence)) {
      tail.waitForJob(sequence, () => onActivation(from, frame))
      return
    }
    checkPasses.received(frame)
    const { position, count, reach, sample, drafts, payload } = tailOf({ ...frame, drafts: frame.guess.drafts }, sequence.expected)
    const pass = { position, count, reach, sample, drafts }
    const input = { type: 'hidden', numberType: frame.numberType, bytes: payload } as const
    const want: ShardWant = place.shard.last ? tail.wantOf(sequence, pass) : { type: 'hidden', numberType: placement.handoff }
    core.enqueue(sequence, { ...pass, input, hops: frame.hops }, want, (output, hops) => finishPass(sequence, output, pass, hops))
  }

  function onResume(frame: ResumeFrame): void {
    const sequence = core.sequenceOf(frame.sequence)
    if (!sequence) return
    sequence.client = frame.client
    // From the start: the head runs the whole sequence anew. The tail has heard the rest of what a resumed job says with the job.
    if (frame.position === 0) core.rewind(sequence, 0)
    if (place.shard.last) return pull(sequence)
    if ((sequence.inherited ?? 0) > frame.position) core.rewind(sequence, frame.position)
    sequence.inherited = null
    const { waitingAsk } = sequence
    sequence.waitingAsk = null
    if (waitingAsk === null) pull(sequence)
    else sendAgain(sequence, waitingAsk)
  }

  function sendAgain(sequence: Sequence, from: number): void {
    const passes = sequence.log.from(from, MOST_CHUNK_TOKENS)
    if (passes === null) return runAgain(sequence, from)
    if (passes.length === 0) return pull(sequence)
    const again = sequence.refused?.from === from ? sequence.refused.times + 1 : 0
    sequence.refused = { from, times: again }
    if (again > MAX_REFUSALS) return core.fail(sequence.id, new ClusterError('ring_broken', 'the next device keeps refusing what it is sent'))
    for (const pass of passes) core.sendOn(sequence, pass)
  }

  /** What the next shard asks for is not kept: it is computed once more, from what the shard before this one sends. */
  function runAgain(sequence: Sequence, from: number): void {
    if (place.shard.first) return head.runAgain(sequence, from)
    core.rewind(sequence, from)
    pull(sequence)
  }

  /** The new sequence has of an earlier one what all shards up to here have of it; the rest is asked for. */
  function onPrefix(from: PeerId, frame: PrefixFrame): void {
    if (from !== place.previous?.peerId) return
    const sequence = core.sequenceOf(frame.sequence)
    if (!sequence || sequence.expected > 0 || sequence.inherited !== null) return
    sequence.cached = core.adopt(sequence, frame.source, frame.position)
    if (place.next) post(place.next.peerId, { ...frame, position: sequence.cached })
    if (sequence.cached < frame.position) pull(sequence)
  }

  function onAsk(from: PeerId, frame: AskFrame): void {
    if (head.admission.isWaiting(frame.sequence)) return
    const sequence = sequences.get(frame.sequence) ?? (place.shard.first ? null : core.sequenceOf(frame.sequence))
    if (!sequence) return unknown(from, frame.sequence)
    if (frame.want === 'job') return head.onAskForJob(from, sequence)
    if (frame.want === 'tokens') {
      // A tail that came back empty: whoever asks must hear of it, should nobody know the answer any more.
      if (!sequence.job && from !== place.head.peerId) sequence.client ??= from
      const mayAsk = place.shard.last && (from === place.head.peerId || from === sequence.client)
      if (mayAsk && !tail.resend(sequence, from, frame.from)) pull(sequence)
      return
    }
    if (from !== place.next?.peerId) return
    const position = frame.branch < sequence.draftBranch ? Math.min(frame.from, sequence.draftsSince) : frame.from
    sequence.sentTo = Math.max(sequence.sentTo, position)
    if (place.shard.first) head.onPassed(sequence, position)
    // What was inherited may be more than the client has accepted, and then of another future than the one that is computed now.
    if (sequence.inherited !== null) sequence.waitingAsk = position
    else sendAgain(sequence, position)
  }

  /** Somebody asks for a sequence that nobody here knows: only its client can begin it anew. */
  function unknown(from: PeerId, id: SequenceId): void {
    post(from, { ...base(id), type: 'failure', code: 'ring_broken', message: 'this device does not know the answer that is asked for' })
  }

  function onFailure(from: PeerId, id: SequenceId, error: ClusterError): void {
    // A ring member cannot go on; or the client's own frames went to nobody.
    if (place.others.some((other) => other.peerId === from)) core.fail(id, error)
  }

  function handle(from: PeerId, frame: RingFrame): void {
    switch (frame.type) {
      case 'job':
        if (place.shard.first && frame.job.client === from) head.onJob(frame.sequence, frame.job)
        else if (place.shard.last && from === place.head.peerId) {
          const sequence = core.sequenceOf(frame.sequence)
          if (sequence) tail.onJob(sequence, frame.job)
        }
        return
      case 'activation':
        return onActivation(from, frame)
      case 'token':
        if (!place.shard.first || from !== place.tail.peerId) return
        checkPasses.sampled(frame)
        return head.onToken(frame)
      case 'resume':
        if (from === place.head.peerId) onResume(frame)
        return
      case 'ask':
        return onAsk(from, frame)
      case 'prefix':
        return onPrefix(from, frame)
      case 'release':
        head.admission.drop(frame.sequence)
        if (!frame.keeps) options.prefixes.drop(frame.sequence)
        return core.forget(frame.sequence, frame.keeps)
      case 'failure':
        return onFailure(from, frame.sequence, new ClusterError(frame.code, frame.message))
      case 'progress': {
        const sequence = sequences.get(frame.sequence)
        if (sequence && place.shard.first && from === place.tail.peerId) head.onProgress(sequence, frame.processed)
        return
      }
      case 'check':
        return checkPasses.onCheck(from, frame)
      case 'waiting':
      case 'embedding':
      case 'gossip':
      case 'evidence':
      case 'verdict':
        return
    }
  }

  function watch(): boolean {
    head.admission.look()
    let isOverdue = false
    for (const sequence of [...sequences.values()]) {
      const silentMs = now() - sequence.touchedAt
      if (sequence.inLine > 0 || silentMs < core.laps.deadlineMs()) continue
      if (silentMs > ABANDONED_MS) core.fail(sequence.id, new ClusterError('deadline_exceeded', 'nothing came for this answer any more'))
      else pull(sequence)
      isOverdue = true
    }
    return isOverdue
  }

  return {
    placement,
    place,
    runner,
    handle,
    missed: (from) => {
      if (from !== place.leader && from !== place.previous?.peerId) return
      for (const sequence of sequences.values()) pull(sequence)
    },
    watch,
    retain: (isHere) => {
      head.admission.retain(isHere)
      for (const { id, client } of [...sequences.values()]) {
        if (client === null || isHere(client)) continue
        core.forget(id)
        for (const other of place.others) post(other.peerId, { ...base(id), type: 'release', keeps: false })
      }
    },
    surrender: core.surrender,
    dropKept: (id) => {
      for (const other of place.others) post(other.peerId, { ...base(id), type: 'release', keeps: false })
    },
    openSequences: () => sequences.size,
    layerMs: core.layerMs,
    laps: head.laps,
    retire: (reason) => {
      head.admission.refuseAll(reason)
      for (const { id, client } of sequences.values())
        if (client) post(client, { ...base(id), type: 'failure', code: reason.code, message: reason.message })
    },
    abandon: () => {
      for (const id of [...sequences.keys()]) core.forget(id)
    },
    close: (reason) => {
      head.admission.refuseAll(reason)
      for (const id of [...sequences.keys()]) core.fail(id, reason)
    },
  }
}
