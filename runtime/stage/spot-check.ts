/**
 * Whether the device before this one in a ring computes what it should: now and then, drawn in secret, what it sent goes to a witness that
 * holds the same layers, and so does all that went into it (ring-algorithms 3.11).
 */
import { shardReport, isPresent, type ClusterView } from '../../core/cluster/cluster-view.ts'
import { distrusted, toleranceOf } from '../../core/cluster/spot-check.ts'
import type { CheckReport, Placement, Shard } from '../../protocol/cluster.ts'
import type { PeerId, SequenceId } from '../../protocol/ids.ts'
import type { EvidenceFrame, RingFrame, VerdictFrame } from '../../protocol/ring.ts'

/** One frame is drawn of so many. */
const WINDOW = 100
/** A witness runs the sequence anew up to the frame: not of longer ones. */
const MOST_POSITIONS = 2_048
/** Devices and witnesses that are remembered, the newest. */
const MOST_REPORTS = 64
const MOST_OPEN = 16

/** What a shard sent: rows behind `position - count`, or the token that it sampled behind them. */
export type CheckedOutput = Pick<EvidenceFrame, 'position' | 'count' | 'width' | 'numberType' | 'payload'>

export type SpotChecks = {
  /** The device before this one in the ring has sent so much of a sequence. */
  readonly received: (placement: Placement, sequence: SequenceId, output: CheckedOutput) => void
  readonly onVerdict: (from: PeerId, frame: VerdictFrame) => void
  readonly reports: () => readonly CheckReport[]
}

export type SpotCheckOptions = {
  readonly self: PeerId
  readonly view: () => ClusterView
  /** Uniform in [0, 1), and not to be foreseen by others. */
  readonly random: () => number
  readonly post: (to: PeerId, frame: RingFrame) => void
  readonly onChange: () => void
  readonly log: (message: string, fields: Record<string, unknown>) => void
}

/** The shard so many places on in the lap, backwards where negative. */
export function shardFrom({ shards }: Placement, peer: PeerId, steps: number): Shard | null {
  const index = shards.findIndex(({ peerId }) => peerId === peer)
  return index < 0 ? null : (shards[(index + steps + 2 * shards.length) % shards.length] ?? null)
}

export function createSpotChecks({ self, view, random, post, onChange, log }: SpotCheckOptions): SpotChecks {
  /** Frames until the next one is drawn, by the device that sends them. */
  const left = new Map<PeerId, number>()
  const open = new Map<number, { readonly checked: PeerId; readonly witness: PeerId; readonly tolerance: number }>()
  const reports = new Map<string, CheckReport>()
  const draw = (): number => 1 + Math.floor(random() * WINDOW)

  function witnessFor(placement: Placement, checked: Shard): PeerId | null {
    const now = view()
    const able = (now.placements.get(placement.model)?.spares ?? []).filter(
      (spare) =>
        spare.startLayer === checked.startLayer &&
        spare.endLayer === checked.endLayer &&
        spare.weightFormat === checked.weightFormat &&
        isPresent(now, spare.peerId) &&
        now.placements.get(placement.model)?.epoch === placement.epoch &&
        shardReport(now, placement, spare)?.state === 'ready',
    )
    return able[Math.floor(random() * able.length)]?.peerId ?? null
  }

  function isDrawn(checked: PeerId): boolean {
    const frames = (left.get(checked) ?? draw()) - 1
    left.set(checked, frames)
    return frames <= 0
  }

  function tolerance({ peerId, weightFormat }: Shard, witness: PeerId): number {
    const { peers } = view()
    return toleranceOf(peers.get(peerId)?.capabilities?.backend, peers.get(witness)?.capabilities?.backend, weightFormat)
  }

  function tally(checked: PeerId, witness: PeerId, error: number, wrong: boolean): void {
    const key = `${checked} ${witness}`
    const before = reports.get(key) ?? { peerId: checked, witness, checked: 0, wrong: 0, worstError: 0 }
    reports.delete(key)
    reports.set(key, {
      ...before,
      checked: before.checked + 1,
      wrong: before.wrong + Number(wrong),
      worstError: Math.max(before.worstError, Math.min(error, 1e6)),
    })
    for (const oldest of [...reports.keys()].slice(0, -MOST_REPORTS)) reports.delete(oldest)
  }

  return {
    received: (placement, sequence, output) => {
      const until = output.numberType === 'ids' ? output.position : output.position + output.count
      const checked = shardFrom(placement, self, -1)
      if (!checked || checked.peerId === self || until > MOST_POSITIONS || !isDrawn(checked.peerId)) return
      const witness = witnessFor(placement, checked)
      const before = shardFrom(placement, self, -2)
      if (!witness || !before || open.size >= MOST_OPEN || distrusted(view().peers).some(({ peer }) => peer === checked.peerId)) return
      left.set(checked.peerId, draw())
      const ticket = Math.floor(random() * 2 ** 32)
      open.set(ticket, { checked: checked.peerId, witness, tolerance: tolerance(checked, witness) })
      const base = { sequence, epoch: placement.epoch, ticket }
      post(before.peerId, { ...base, type: 'check', until, witness })
      post(witness, { ...base, type: 'evidence', side: 'output', ...output })
    },
    onVerdict: (from, { ticket, error }) => {
      const asked = open.get(ticket)
      if (asked?.witness !== from) return
      open.delete(ticket)
      const wrong = error > asked.tolerance
      tally(asked.checked, from, error, wrong)
      // What was wrong once is looked at again with the next frame: by chance it is not so twice.
      if (wrong) left.set(asked.checked, 0)
      log(wrong ? 'a spot check failed' : 'a spot check held', { checked: asked.checked, witness: from, error })
      onChange()
    },
    reports: () => [...reports.values()],
  }
}
