/** Both sides of spot checks on one device: it has those before it in rings checked, and is a witness with what it holds ready as a spare. */
import type { CheckReport, Placement } from '../../protocol/cluster.ts'
import type { PeerId, SequenceId } from '../../protocol/ids.ts'
import { encodeFrame, type RingFrame } from '../../protocol/ring.ts'
import type { Network } from '../../core/cluster/network.ts'
import type { Scheduler } from '../stage/scheduler.ts'
import type { ShardRunner } from '../shard-runner.ts'
import { createSpotChecks, type SpotChecks } from '../stage/spot-check.ts'
import { createSpotWitness } from '../stage/spot-witness.ts'

export type NodeChecks = {
  readonly received: SpotChecks['received']
  readonly reports: () => readonly CheckReport[]
  /** True where the frame was of a spot check. */
  readonly handle: (from: PeerId, frame: RingFrame) => boolean
  /** A range of `placement` is held ready. */
  readonly ready: (placement: Placement, startLayer: number, runner: ShardRunner) => void
  readonly giveUp: (epoch: number) => void
  /** The runner is gone. */
  readonly forget: (runner: ShardRunner) => void
}

export type NodeChecksOptions = {
  readonly network: Network
  readonly placements: ReadonlyMap<number, Placement>
  readonly scheduler: Scheduler
  readonly newCache: () => SequenceId
  readonly random: () => number
  readonly onChange: () => void
  readonly log: (message: string, fields: Record<string, unknown>) => void
}

export function createNodeChecks({ network, placements, scheduler, newCache, random, onChange, log }: NodeChecksOptions): NodeChecks {
  const post = (to: PeerId, frame: RingFrame): void => {
    network.send(to, encodeFrame(frame)).catch((cause: unknown) => log('a frame could not be sent', { to, type: frame.type, cause: String(cause) }))
  }
  const checks = createSpotChecks({ self: network.self, view: network.view, random, post, onChange, log })
  /** By epoch. */
  let spares: readonly { readonly epoch: number; readonly startLayer: number; readonly runner: ShardRunner }[] = []
  const witness = createSpotWitness({
    placementOf: (epoch) => placements.get(epoch) ?? null,
    runnerOf: ({ epoch }, { startLayer, endLayer }) => {
      const held = spares.find((spare) => spare.epoch === epoch && spare.startLayer === startLayer)
      return held?.runner.endLayer === endLayer ? held.runner : null
    },
    scheduler,
    newCache,
    post,
    log,
  })
  return {
    received: checks.received,
    reports: checks.reports,
    handle: (from, frame) => {
      if (frame.type === 'evidence') witness.onEvidence(from, frame)
      else if (frame.type === 'verdict') checks.onVerdict(from, frame)
      else return false
      return true
    },
    ready: ({ epoch }, startLayer, runner) => {
      spares = [...spares, { epoch, startLayer, runner }]
    },
    giveUp: (epoch) => {
      spares = spares.filter((spare) => spare.epoch !== epoch)
    },
    forget: (runner) => {
      spares = spares.filter((spare) => spare.runner !== runner)
    },
  }
}
