/** When ranges stay where they are: a ring is changed for a reason, and no more of it than the reason asks for. */
import type { Shard } from '../../protocol/cluster.ts'
import { holdingOf, type Lender } from './format-choice.ts'
import { lendersOf, type HeldRanges, type PlacementRequest } from './placement-request.ts'
import { repairRanges } from './repair.ts'
import type { TimePlanning } from './time-plan.ts'

/** A faster ring must be so many times as fast as the one that serves. */
const WORTH_A_CHANGE = 1.15
/** Of two changes the one that leaves more ranges in place may be this much slower. */
const NEARLY_AS_FAST = 0.9
/** Behind a loss answers wait: they go on with what is left unless it is this much slower than what could be. */
const FIT_TO_GO_ON = 0.5

type Kept = { readonly known: readonly Shard[]; readonly members: readonly Lender[]; readonly repair: (gone: readonly Shard[]) => HeldRanges | null }

/** The ring that is known, where it is one of this wish. */
function knownRing({ known, wish, sizing, devices }: PlacementRequest, fresh: HeldRanges): Kept | null {
  if (!known || known.source !== wish.source || known.quality !== wish.quality || known.strategy !== wish.strategy) return null
  if (known.numLayers !== sizing.numLayers || known.contextLength !== sizing.contextLength) return null
  const usesLocal = devices.some((device) => device.role === 'local-device' && fresh.has(device.id))
  const members = lendersOf(devices.filter((device) => usesLocal || device.role === 'device'))
  const wasThere = (id: string): boolean => [...known.shards, ...known.spares].some(({ peerId }) => peerId === id)
  return {
    known: known.shards,
    members,
    repair: (gone) => {
      const able = members.filter(({ peerId }) => (wasThere(peerId) || fresh.has(peerId)) && !gone.some((shard) => shard.peerId === peerId))
      const repaired = repairRanges({ known, devices: able, sizing, quality: wish.quality, maxDevices: wish.maxDevices })
      return repaired && repaired.size >= Math.min(wish.minDevices, fresh.size) ? repaired : null
    },
  }
}

/** Whether exchanging devices of the ring brings nothing: as many, and none of the new ones has more memory than one it would replace. */
function isAsGood(members: readonly Lender[], ring: readonly Shard[], fresh: HeldRanges): boolean {
  const memory = (id: string): number => members.find(({ peerId }) => peerId === id)?.capabilities.memoryBytes ?? 0
  const replaced = ring.filter(({ peerId }) => !fresh.has(peerId)).map(({ peerId }) => memory(peerId))
  const added = [...fresh.keys()].filter((id) => !ring.some(({ peerId }) => peerId === id))
  return ring.length === fresh.size && added.every((id) => memory(id) <= Math.min(...replaced))
}

const rangesOf = (shards: readonly Shard[]): HeldRanges => new Map(shards.map((shard) => [shard.peerId, shard]))

/** Whether every shard still has the memory it needs. */
const stillFits = ({ sizing }: PlacementRequest, members: readonly Lender[], shards: readonly Shard[]): boolean =>
  shards.every((shard) => {
    const capabilities = members.find(({ peerId }) => peerId === shard.peerId)?.capabilities
    return capabilities !== undefined && sizing.shardBytes(shard, holdingOf(capabilities, shard.weightFormat)) <= capabilities.memoryBytes
  })

/** A ring that is whole: kept, or what replaces it. Of what is much faster, that which leaves the most in place. */
function whole(request: PlacementRequest, fresh: HeldRanges, { known, members, repair }: Kept, { rateOf }: TimePlanning): HeldRanges | null {
  const { minDevices, maxDevices } = request.wish
  // Another number of devices may be wished by now.
  if (known.length < Math.min(minDevices, fresh.size) || known.length > maxDevices) return null
  if (!stillFits(request, members, known)) return null
  const now = rangesOf(known)
  const goal = rateOf(fresh)
  if (request.mayRearrange === false || goal <= WORTH_A_CHANGE * rateOf(now)) return now
  const repaired = known.flatMap((shard) => repair([shard]) ?? []).filter((ranges) => rateOf(ranges) >= NEARLY_AS_FAST * goal)
  return repaired.toSorted((a, b) => rateOf(b) - rateOf(a))[0] ?? null
}

/** The ranges of the known placement, repaired where it lost devices; null when a new split serves better. */
export function keptRanges(request: PlacementRequest, fresh: HeldRanges, planning: TimePlanning): HeldRanges | null {
  const ring = knownRing(request, fresh)
  if (!ring) return null
  const { known, members, repair } = ring
  const isByTime = request.wish.strategy !== 'memory-weighted'
  const left = known.filter((shard) => members.some(({ peerId }) => peerId === shard.peerId))
  if (left.length === known.length) {
    if (isByTime) return whole(request, fresh, ring, planning)
    return stillFits(request, members, known) && isAsGood(members, left, fresh) ? rangesOf(known) : null
  }
  const repaired = repair([])
  return repaired && isByTime && planning.rateOf(repaired) < FIT_TO_GO_ON * planning.rateOf(fresh) ? null : repaired
}
