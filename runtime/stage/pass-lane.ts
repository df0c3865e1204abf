/** Passes of one shard: what waits together runs together, and what comes out goes to the sequence it belongs to. */
import { allFinite } from '../../protocol/finite.ts'
import { ClusterError, toClusterError } from '../../protocol/errors.ts'
import type { Placement } from '../../protocol/cluster.ts'
import type { HopTiming } from '../../protocol/hops.ts'
import type { SequenceId } from '../../protocol/ids.ts'
import type { ActivationFrame } from '../../protocol/ring.ts'
import type { FrameOutbox } from './frame-outbox.ts'
import { createPassCost } from './pass-cost.ts'
import { createStepGroups } from './step-groups.ts'
import type { RingPlace } from './ring-place.ts'
import type { Lane, Scheduler } from './scheduler.ts'
import type { Sequence } from './sequence.ts'
import type { StagePrefix } from './stage-prefix.ts'
import type { ShardInput, ShardOutput, ShardRun, ShardRunner, ShardWant } from '../shard-runner.ts'

/** A token, and what is guessed behind it. All else are chunks of prompts, however short: with them the pass of steps takes longer on every shard. */
const isStep = ({ count, drafts }: Pick<Pass, 'count' | 'drafts'>): boolean => count - drafts.length === 1

/** The timings of a lap up to now, those of this shard last. */
export type HopsSoFar = () => readonly HopTiming[]

/** A pass to run: tokens at a position of a sequence. `hops` are those of the shards before. */
export type Pass = Pick<ActivationFrame, 'position' | 'count' | 'reach' | 'sample' | 'hops'> & {
  /** Ids of its last tokens that are guesses. */
  readonly drafts: readonly number[]
  readonly input: ShardInput
}

/** What becomes of the output. */
export type PassDone = (output: ShardOutput, hops: HopsSoFar) => Promise<void> | void

export type PassLaneOptions = {
  readonly placement: Placement
  readonly place: RingPlace
  readonly runner: ShardRunner
  readonly scheduler: Scheduler
  readonly outbox: FrameOutbox
  readonly now: () => number
  readonly isHere: (sequence: Sequence) => boolean
  readonly fail: (id: SequenceId, thrown: unknown) => void
  readonly onMemoryOut: () => void
  /** Does what opens a KV cache, with room made for it. */
  readonly withRoom: StagePrefix['withRoom']
}

export type PassLane = {
  readonly enqueue: (sequence: Sequence, pass: Pass, want: ShardWant, done: PassDone) => void
  /** Milliseconds one layer takes for one token by itself, smoothed; null before the first. */
  readonly layerMs: () => number | null
  /** Rows that add at most so many milliseconds to a pass of `beside` rows; null before anything ran. */
  readonly rowsIn: (ms: number, beside: number) => number | null
  /** Rows of a pass of steps; 0 where none is expected, or passes are of one sequence. */
  readonly rowsBeside: () => number
  /** Whether so many rows are much cheaper in a pass of `beside` others than by themselves. */
  readonly joins: (rows: number, beside: number) => boolean
  /** Milliseconds a row in the largest passes; null before anything ran. */
  readonly msPerRow: () => number | null
}

type Deliver = (index: number, output: ShardOutput | ClusterError) => Promise<void>

type Queued = {
  readonly sequence: Sequence
  /** The sequence's when the pass was put in line: it counts for nothing under another one. */
  readonly branch: number
  readonly pass: Pass
  readonly want: ShardWant
  readonly done: PassDone
  readonly queuedAt: number
}

export function createPassLane(options: PassLaneOptions): PassLane {
  const { placement, place, runner, scheduler, outbox, now, isHere, withRoom } = options
  const cost = createPassCost()
  const stages = placement.shards.length
  let layerMs: number | null = null

  /** The head forms the groups in which streams go around; what stands together at another shard came together, or waits because that shard is slow. */
  const groups = place.shard.first && stages > 1 ? createStepGroups(stages, now) : null
  const batch = (waiting: number): number =>
    cost.bestBatch(Math.min(waiting, runner.maxSegments, groups ? groups.size(Math.max(waiting, lane.decoding())) : waiting))
  const together = (streams: number): number => (groups ? Math.min(runner.maxSegments, groups.awaited(streams)) : 1)
  const rowsBeside = (): number => {
    const streams = lane.decoding()
    return streams === 0 || runner.maxSegments === 1 ? 0 : (groups?.size(streams) ?? streams)
  }
  const joins = (rows: number, beside: number): boolean => runner.maxSegments > 1 && cost.isShared(rows, beside)
  const lane: Lane<Queued> = scheduler.lane<Queued>({
    run: (all) => outbox.together(() => run(all)),
    batch,
    joins: (rows, beside) => joins(rows, beside ?? rowsBeside()),
    leads: place.shard.first,
    together,
  })

  const isLive = ({ sequence, branch }: Queued): boolean => isHere(sequence) && sequence.branch === branch

  const fail: PassLaneOptions['fail'] = (id, thrown) => {
    if (toClusterError(thrown).code === 'not_enough_memory') options.onMemoryOut()
    options.fail(id, thrown)
  }

  /** Whether the sequence has its cache. */
  async function open({ sequence }: Queued): Promise<boolean> {
    try {
      await withRoom(sequence, async () => runner.open(sequence.cache, placement.contextLength))
      return true
    } catch (error) {
      fail(sequence.id, error)
      return false
    }
  }

  const runOf = ({ sequence, pass, want }: Queued, onComputed: () => void): ShardRun => {
    const { position, count, reach, input } = pass
    return { sequence: sequence.cache, position, count, reach, input, want, onComputed }
  }

  async function run(all: readonly Queued[]): Promise<void> {
    const queued: Queued[] = []
    const live = all.filter(isLive)
    // What a GPU lacks for a cache shows in the pass only: one by itself makes room there.
    for (const one of live) if (live.length === 1 || (await open(one))) queued.push(one)
    if (queued.length === 0) return
    const startedAt = now()
    let computedAt: number | null = null
    const runs = queued.map((one) => runOf(one, () => void (computedAt = now())))
    const deliver: Deliver = async (index, output) => {
      const one = queued[index]
      if (one && isLive(one)) await finish(one, output, { startedAt, computedAt: computedAt ?? now() })
    }
    if (live.length > 1) await runner.runBatch(runs, deliver)
    else await runOne(queued, runs, deliver)
    measure(queued, now() - startedAt)
  }

  async function runOne([one]: readonly Queued[], [only]: readonly ShardRun[], deliver: Deliver): Promise<void> {
    if (!one || !only) return
    const { sequence } = one
    const output = await withRoom(sequence, () => {
      runner.open(sequence.cache, placement.contextLength)
      return runner.run(only)
    }).catch(toClusterError)
    await deliver(0, output)
  }

  async function finish(one: Queued, output: ShardOutput | ClusterError, at: { startedAt: number; computedAt: number }): Promise<void> {
    const { sequence, pass, done, queuedAt } = one
    try {
      if (output instanceof ClusterError) throw output
      sequence.length = pass.position + pass.count
      sequence.touchedAt = now()
      if (output.type === 'hidden' && !allFinite(output.bytes, placement.handoff))
        throw new ClusterError('internal', 'the layers of a device computed values that are not numbers; load the model anew or use another backend')
      sequence.inLine -= 1
      const { startedAt, computedAt } = at
      await done(output, () => [
        ...pass.hops,
        { queueMs: startedAt - queuedAt, computeMs: computedAt - startedAt, readBackMs: now() - computedAt, sendMs: outbox.sendMs() },
      ])
    } catch (error) {
      if (isHere(sequence)) fail(sequence.id, error)
    }
  }

  function measure(queued: readonly Queued[], ms: number): void {
    const rows = queued.reduce((sum, { pass }) => sum + pass.count, 0)
    cost.add(rows, ms)
    const steps = queued.filter(({ pass }) => isStep(pass)).length
    groups?.ran(steps, lane.decoding(), steps === queued.length)
    if (rows > 1) return
    const own = ms / (place.shard.endLayer - place.shard.startLayer)
    layerMs = layerMs === null ? own : layerMs * 0.9 + own * 0.1
  }

  return {
    enqueue: (sequence, pass, want, done) => {
      const item = { sequence, branch: sequence.branch, pass, want, done, queuedAt: now() }
      lane.enqueue(sequence.cache, isStep(pass) ? 'decode' : 'prefill', pass.count, item)
    },
    layerMs: () => layerMs,
    rowsIn: cost.rowsIn,
    rowsBeside,
    joins,
    msPerRow: cost.msPerRow,
  }
}
