/** What is measured of devices and ways, made ready to compare placements of one model by. */
import type { Strategy } from '../../protocol/cluster.ts'
import type { PeerId } from '../../protocol/ids.ts'
import { holdingOf, type Splitter } from './format-choice.ts'
import { splitMemoryWeighted, type Candidate } from './memory-weighted.ts'
import type { HeldRanges, PlacementRequest } from './placement-request.ts'
import { fastestPlan } from './plan/fastest-plan.ts'
import { estimateLap, tokensPerSecond, type HopModel, type LapEstimate, type PacedDevice } from './plan/lap-model.ts'
import { observedRing, observedStages, pacesOf, withObservedHead, type PaceOf } from './plan/paces.ts'
import { hopsBetween, observedHandling } from './plan/ways.ts'
import type { ModelSizing } from './sizing.ts'

export type TimePlanning = {
  /** Streams that the strategy serves: 1, as many as the ring can use, or those that are there. */
  readonly streams: number
  readonly paceOf: PaceOf
  /** What the lap of these ranges takes; null when a device is not there. `isGuess`: some device has measured nothing. */
  readonly lapOf: (ranges: HeldRanges) => (LapEstimate & { readonly isGuess: boolean }) | null
  /** Tokens a second of the streams served; 0 when a device is not there. */
  readonly rateOf: (ranges: HeldRanges) => number
  readonly split: Splitter
  /** As `split`, with a device in the ring. */
  readonly splitWith: (member: PeerId) => Splitter
}

const streamsFor = (strategy: Strategy, now: number): number => {
  switch (strategy) {
    case 'throughput':
      return Infinity
    case 'auto':
      return Math.max(1, now)
    case 'latency':
    case 'memory-weighted':
      return 1
  }
}

type Sources = { readonly sizing: ModelSizing; readonly hops: HopModel; readonly paceOf: PaceOf; readonly streams: number }

function splitterByTime(request: PlacementRequest, { sizing, hops, paceOf, streams }: Sources, must?: PeerId): Splitter {
  const byId = new Map(request.devices.map((device) => [device.id, device]))
  const paced = (candidate: Candidate): readonly PacedDevice[] => {
    const entry = byId.get(candidate.peerId)
    return entry ? [{ ...candidate, pace: paceOf(entry, candidate.holding.weightFormat) }] : []
  }
  return (candidates, memory, most) => {
    const devices = candidates.flatMap(paced)
    const plan = fastestPlan({ devices, sizing, hops, streams, least: request.wish.minDevices, most, ...(must ? { must } : {}) })
    if (!plan) return splitMemoryWeighted(candidates, memory, most)
    return { fits: true, ranges: plan.ranges, spares: candidates.map(({ peerId }) => peerId).filter((id) => !plan.ranges.has(id)) }
  }
}

export function timePlanning(request: PlacementRequest): TimePlanning {
  const { wish, devices, known, observed = new Map() } = request
  const ring = observedRing(devices, known)
  // What was seen of a device in several rings says more than the ring that is there.
  const inRing = [...(ring ? observedStages(ring, request.sizing) : [])].map(
    ([id, { layers, ms, readBackMs }]) => [id, { layerMs: ms / layers, stageMs: readBackMs }] as const,
  )
  const paces = new Map([...inRing, ...observed])
  const sizing = ring
    ? withObservedHead(request.sizing, ring, paces.get(ring.placement.shards.at(-1)?.peerId ?? request.announcer)?.layerMs)
    : request.sizing
  const paceOf = pacesOf(devices, { model: wish.model, observed: paces })
  const hops = hopsBetween(devices, sizing, (ring && observedHandling(devices, sizing, ring)) ?? request.handlingMs ?? null)
  const streams = streamsFor(wish.strategy, request.streams ?? 1)
  const byId = new Map(devices.map((device) => [device.id, device]))

  const lapOf: TimePlanning['lapOf'] = (ranges) => {
    let isGuess = false
    const members = [...ranges]
      .toSorted(([, a], [, b]) => a.startLayer - b.startLayer)
      .flatMap(([id, range]) => {
        const entry = byId.get(id)
        if (!entry?.capabilities) return []
        const pace = paceOf(entry, range.weightFormat)
        isGuess ||= pace.isGuess
        const { memoryBytes } = entry.capabilities
        return [{ device: { peerId: id, memoryBytes, holding: holdingOf(entry.capabilities, range.weightFormat), pace }, range }]
      })
    return members.length === ranges.size ? { ...estimateLap(members, sizing, hops), isGuess } : null
  }
  const sources = { sizing, hops, paceOf, streams }
  const isByMemory = wish.strategy === 'memory-weighted'
  return {
    streams,
    paceOf,
    lapOf,
    rateOf: (ranges) => {
      const lap = lapOf(ranges)
      return lap ? tokensPerSecond(lap, streams) : 0
    },
    split: isByMemory ? splitMemoryWeighted : splitterByTime(request, sources),
    splitWith: (member) => splitterByTime(request, sources, member),
  }
}
