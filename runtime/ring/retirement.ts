/** When a device gives up what it holds for older placements: at the end of what runs there, after a while, or at once. */
import { ClusterError } from '../../protocol/errors.ts'
import type { Placement } from '../../protocol/cluster.ts'
import type { PeerId } from '../../protocol/ids.ts'
import { isPresent, placementState, type ClusterView } from '../../core/cluster/cluster-view.ts'
import { distrusted } from '../../core/cluster/spot-check.ts'
import { shardOf } from './shard-store.ts'
import type { Stage } from '../stage/stage.ts'

/** Sequences of an older epoch get this long to finish once the newer one serves. */
const RETIRE_MS = 60_000
/** Their clients then have this long to go on with the newer one. */
const CUT_OVER_MS = 15_000
/** How long the sequences of a ring that lost a device wait for one that can take them over. */
const HOLD_MS = 100_000
const REFORMED = new ClusterError('ring_reforming', 'the ring changed and the old one was given up')
/** What a device that computes wrongly had a part in is in the KV caches of others: answers begin anew. */
const WRONG = new ClusterError('ring_broken', 'a device of the ring computed wrongly and is left out; what it had a part in is computed anew')

export type RetirementOptions = {
  readonly self: PeerId
  readonly placements: ReadonlyMap<number, Placement>
  readonly stages: ReadonlyMap<number, Stage>
  readonly view: () => ClusterView
  readonly timer: (delayMs: number, callback: () => void) => () => void
  /** @param reason for the clients of what still runs; null where they go on with a newer placement */
  readonly giveUp: (epoch: number, reason: ClusterError | null) => void
  /** What is kept of answers of this stage is not to be believed. */
  readonly onWrong: (stage: Stage) => void
}

export type Retirement = {
  /** Drops epochs that nothing needs any more. */
  readonly look: (view: ClusterView) => void
  /** The epoch is given up: nothing waits for it. */
  readonly forget: (epoch: number) => void
}

export function createRetirement({ self, placements, stages, view, timer, giveUp, onWrong }: RetirementOptions): Retirement {
  const timers = new Map<number, () => void>()
  const open = (epoch: number): number => stages.get(epoch)?.openSequences() ?? 0

  function later(epoch: number, delayMs: number, work: () => void): void {
    if (timers.has(epoch)) return
    const due = (): void => {
      timers.delete(epoch)
      work()
    }
    timers.set(epoch, timer(delayMs, due))
  }

  /** An older ring that lost a device. Its sequences wait to be taken over; a shard that nobody can take over makes room at once. */
  function retireBroken(epoch: number, newest: Placement): void {
    const [before, after] = [placements.get(epoch), shardOf(newest, self)]
    const same = before && shardOf(before, self)
    const isKept = newest.shards.length === 0 || (after && same?.startLayer === after.startLayer && same.endLayer === after.endLayer)
    if (!isKept || open(epoch) === 0) giveUp(epoch, null)
    else later(epoch, HOLD_MS, () => giveUp(epoch, null))
  }

  function isTrusted({ shards }: Placement): boolean {
    const out = new Set(distrusted(view().peers).map(({ peer }) => peer))
    return !shards.some(({ peerId }) => out.has(peerId))
  }

  function retireWhenDone(old: Placement, newest: Placement): void {
    const { epoch } = old
    if (placementState(view(), newest) !== 'ready') return
    const trusted = isTrusted(old)
    const stage = stages.get(epoch)
    if (!trusted && stage) onWrong(stage)
    if (open(epoch) === 0) return giveUp(epoch, null)
    later(epoch, newest.cutOver === 'soon' || !trusted ? 0 : RETIRE_MS, () => {
      stages.get(epoch)?.retire(trusted && isTrusted(old) ? REFORMED : WRONG)
      later(epoch, CUT_OVER_MS, () => giveUp(epoch, null))
    })
  }

  return {
    look: (now) => {
      for (const [epoch, placement] of [...placements]) {
        const newest = now.placements.get(placement.model)
        if (now.dropped.has(placement.model)) giveUp(epoch, new ClusterError('ring_broken', `the placement of ${placement.model} was taken back`))
        else if (!newest || newest.epoch <= epoch) continue
        else if (placement.shards.every((shard) => isPresent(now, shard.peerId))) retireWhenDone(placement, newest)
        else retireBroken(epoch, newest)
      }
    },
    forget: (epoch) => {
      timers.get(epoch)?.()
      timers.delete(epoch)
    },
  }
}
