/**
 * The placement with the most tokens a second for B streams: maximizes min(B / lap, 1 / slowest stage or link) over sets of devices,
 * their order and their shares, within memory. Exact for layers that are alike and up to ten devices; above, a local search.
 */
import type { PeerId } from '../../../protocol/ids.ts'
import type { LayerRange, ModelSizing } from '../sizing.ts'
import { everyRing, fieldOf, ringOf, type CandidateRing, type Field, type RingSizes } from './candidate-rings.ts'
import { estimateLap, tokensPerSecond, type HopModel, type LapEstimate, type PacedDevice } from './lap-model.ts'
import { partition } from './partition.ts'
import { memoryCaps, stageTimes } from './stage-limits.ts'

export type PlanRequest = {
  readonly devices: readonly PacedDevice[]
  readonly sizing: ModelSizing
  readonly hops: HopModel
  /** Streams to serve at once: 1 for the shortest lap, Infinity for the most tokens of all streams together. */
  readonly streams: number
  /** Devices that the ring has at least and at most. */
  readonly least: number
  readonly most: number
  /** A device that is to be in the ring. */
  readonly must?: PeerId
}

export type TimePlan = {
  /** In ring order. */
  readonly ranges: ReadonlyMap<PeerId, LayerRange>
  readonly estimate: LapEstimate
  readonly tokensPerSecond: number
}

/** All sets are tried up to so many devices; fewer where the slowest stage counts too, since that takes a search for it. */
const EXACT_DEVICES = { lap: 10, rate: 8 } as const
/** Rings whose shares are computed with layers as they are: as many where these are not alike, since the order was chosen as if they were. */
const SHORTLIST = 12
/** Outsiders that are tried for a place in a large ring. */
const TRIED_OUTSIDERS = 12

/** Finds the best rings under a limit for stages and links. */
type Search = (limitMs: number) => readonly CandidateRing[]

/** Every time that may be the slowest stage or link. */
function limitsOf({ devices, sizing, hops }: Field): readonly number[] {
  return [...new Set([...devices.flatMap((device) => stageTimes(device, sizing)), ...hops.map(({ busyMs }) => busyMs)])].sort((a, b) => a - b)
}

/** Smallest index at which `holds`, which holds from some index on; `length` when nowhere. */
function firstIndex(length: number, holds: (index: number) => boolean): number {
  let [low, high] = [0, length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (holds(middle)) high = middle
    else low = middle + 1
  }
  return low
}

/**
 * Under a growing limit the lap shrinks, B / lap grows, and 1 / limit falls: the best lies where they cross, at the limit there or the one below.
 */
function ringsAtCrossing(search: Search, limits: readonly number[], streams: number): readonly CandidateRing[] {
  const isBeyond = (index: number): boolean => {
    const [ring] = search(limits[index] ?? Infinity)
    return ring !== undefined && (streams === Infinity || ring.lapMs <= streams * (limits[index] ?? Infinity) * (1 + 1e-9))
  }
  const at = firstIndex(limits.length, isBeyond)
  return [at - 1, at].flatMap((index) => (index < 0 ? [] : [...search(limits[index] ?? Infinity)]))
}

/** Shares of one order that serve `streams` best. */
function planAlong(order: readonly PacedDevice[], { sizing, hops, streams }: PlanRequest): TimePlan | null {
  const planOf = (limitMs: number): TimePlan | null => {
    const shares = partition(order, sizing, limitMs)
    if (!shares) return null
    const ring = order.map((device, i) => ({ device, range: shares[i] ?? { startLayer: 0, endLayer: 0 } }))
    const estimate = estimateLap(ring, sizing, hops)
    return { ranges: new Map(ring.map(({ device, range }) => [device.peerId, range])), estimate, tokensPerSecond: tokensPerSecond(estimate, streams) }
  }
  let best = planOf(Infinity)
  if (!best || streams === 1) return best
  let [low, high] = [0, Math.max(...best.estimate.stagesMs)]
  for (let step = 0; step < 40 && high - low > 1e-9 * high; step++) {
    const middle = (low + high) / 2
    const plan = planOf(middle)
    if (plan && plan.tokensPerSecond > best.tokensPerSecond) best = plan
    if (plan && (streams === Infinity || plan.estimate.lapMs <= streams * middle)) high = middle
    else low = middle
  }
  return best
}

const isBetter = (plan: TimePlan, best: TimePlan | null): boolean => best === null || plan.tokensPerSecond > best.tokensPerSecond * (1 + 1e-9)

function bestAlong(rings: readonly CandidateRing[], field: Field, request: PlanRequest): TimePlan | null {
  let best: TimePlan | null = null
  for (const { order } of rings) {
    const plan = planAlong(
      order.flatMap((index) => field.devices[index] ?? []),
      request,
    )
    if (plan && isBetter(plan, best)) best = plan
  }
  return best
}

const ringsFor = (search: Search, field: Field, streams: number): readonly CandidateRing[] =>
  streams === 1 ? search(Infinity) : ringsAtCrossing(search, limitsOf(field), streams)

/** Adds, drops and exchanges members of a ring as long as that gains. Starts from the fewest of the fastest that hold the model. */
function searchLocally(field: Field, request: PlanRequest, sizes: RingSizes): TimePlan | null {
  const planOf = (members: readonly number[]): TimePlan | null => {
    if (members.length < sizes.least || members.length > sizes.most || (sizes.must !== null && !members.includes(sizes.must))) return null
    const search: Search = (limitMs) => [ringOf(field, members, limitMs)].filter((ring) => ring !== null)
    return bestAlong(ringsFor(search, field, request.streams), field, request)
  }
  const start = field.byPace.map((_, i) => field.byPace.slice(0, i + 1)).find((members) => planOf(members) !== null)
  let current = start && { members: start, plan: planOf(start) }
  for (let improved = current !== undefined; improved && current;) {
    improved = false
    const { members }: { members: readonly number[] } = current
    const outsiders = field.byPace.filter((index) => !members.includes(index)).slice(0, TRIED_OUTSIDERS)
    const without = (gone: number): number[] => members.filter((index) => index !== gone)
    const moves = [
      ...members.map(without),
      ...outsiders.map((index) => [...members, index]),
      ...members.flatMap((gone) => outsiders.map((index) => [...without(gone), index])),
    ]
    for (const next of moves) {
      const plan = planOf(next)
      if (!plan || !isBetter(plan, current.plan)) continue
      current = { members: next, plan }
      improved = true
      break
    }
  }
  return current?.plan ?? null
}

/**
 * @returns null when no ring of the sizes asked for holds the model. Pure, and the same for any order of `devices`; of plans as fast, that of
 * fewer devices.
 */
export function fastestPlan(request: PlanRequest): TimePlan | null {
  const { sizing, hops, streams } = request
  const able = request.devices
    .filter((device) => Math.max(...Object.values(memoryCaps(device, sizing))) > 0)
    .toSorted((a, b) => (a.peerId < b.peerId ? -1 : 1))
  const field = fieldOf(able, sizing, hops)
  const most = Math.min(request.most, sizing.numLayers, able.length)
  const must = request.must === undefined ? null : able.findIndex(({ peerId }) => peerId === request.must)
  if (most < 1 || must === -1) return null
  const sizes = { least: Math.min(Math.max(request.least, 1), most), most, must }
  if (able.length > (streams === 1 ? EXACT_DEVICES.lap : EXACT_DEVICES.rate)) return searchLocally(field, request, sizes)
  return bestAlong(
    ringsFor((limitMs) => everyRing(field, limitMs, sizes, SHORTLIST), field, streams),
    field,
    request,
  )
}
