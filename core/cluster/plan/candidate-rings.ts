/**
 * The best rings by lap under a limit for every stage and link, of all sets and orders. Layers count as alike here, so that the costs of
 * the order and of the shares are separate: the order by Held and Karp, the shares by giving each device one layer and the rest to
 * the fastest up to their caps.
 */
import type { ModelSizing } from '../sizing.ts'
import type { HopModel, HopTimes, PacedDevice } from './lap-model.ts'
import { pathsFrom, shortTour, type EdgeCosts } from './ring-paths.ts'
import { headWork, memoryCaps, timeCaps, type Caps, type Role } from './stage-limits.ts'

/** Devices in ring order, as indices, and what their lap takes. */
export type CandidateRing = { readonly order: readonly number[]; readonly lapMs: number }
/** How many devices a ring may have, and which one it must; null: any. */
export type RingSizes = { readonly least: number; readonly most: number; readonly must: number | null }

export type Field = {
  readonly devices: readonly PacedDevice[]
  readonly sizing: ModelSizing
  readonly caps: readonly Caps[]
  /** Row-major, from each device to each. */
  readonly hops: readonly HopTimes[]
  /** Indices from the fastest on: who is given layers first. */
  readonly byPace: readonly number[]
}

/** @param devices in a fixed order: ties go to the earlier ones */
export function fieldOf(devices: readonly PacedDevice[], sizing: ModelSizing, hops: HopModel): Field {
  const none: HopTimes = { activationMs: 0, idMs: 0, busyMs: 0 }
  return {
    devices,
    sizing,
    caps: devices.map((device) => memoryCaps(device, sizing)),
    hops: devices.flatMap((from) => devices.map((to) => (from === to ? none : hops(from.peerId, to.peerId)))),
    byPace: devices.map((_, i) => i).sort((a, b) => (devices[a]?.pace.layerMs ?? 0) - (devices[b]?.pace.layerMs ?? 0) || a - b),
  }
}

/** What is left of a field when no stage and no link may take longer than a limit. */
type Limited = Field & { readonly edges: EdgeCosts; readonly limitedCaps: readonly Caps[] }

function limited(field: Field, limitMs: number): Limited {
  const { devices, sizing, caps, hops } = field
  const costs = Float64Array.from(hops, ({ activationMs, busyMs }) => (busyMs > limitMs * (1 + 1e-9) ? Infinity : activationMs))
  return {
    ...field,
    edges: { count: devices.length, costs },
    limitedCaps: devices.map((device, i) => timeCaps(device, caps[i] ?? { only: 0, first: 0, middle: 0, last: 0 }, sizing, limitMs)),
  }
}

const roleOf = (index: number, first: number, last: number): Role =>
  first === last ? 'only' : index === first ? 'first' : index === last ? 'last' : 'middle'

/** Milliseconds of the best shares of `members`, without hops; Infinity where memory or time do not suffice. */
function stagesMs({ devices, sizing, limitedCaps, byPace }: Limited, has: (index: number) => boolean, first: number, last: number): number {
  let left = sizing.numLayers
  let room = 0
  let ms = (devices[last]?.pace.layerMs ?? 0) * headWork(sizing)
  for (const index of byPace) {
    if (!has(index)) continue
    const cap = limitedCaps[index]?.[roleOf(index, first, last)] ?? 0
    if (cap < 1) return Infinity
    const pace = devices[index]?.pace
    ms += (pace?.stageMs ?? 0) + (pace?.layerMs ?? 0)
    left -= 1
    room += cap - 1
  }
  if (left < 0 || room < left) return Infinity
  for (const index of byPace) {
    if (left === 0 || !has(index)) continue
    const more = Math.min(left, (limitedCaps[index]?.[roleOf(index, first, last)] ?? 0) - 1)
    ms += more * (devices[index]?.pace.layerMs ?? 0)
    left -= more
  }
  return ms
}

/** The few best of many, by lap; of equal ones the first. */
function shortlist(length: number): { offer: (lapMs: number, order: () => readonly number[]) => void; rings: CandidateRing[] } {
  const rings: CandidateRing[] = []
  return {
    rings,
    offer: (lapMs, order) => {
      const worst = rings.at(-1)
      if (lapMs === Infinity || (rings.length === length && worst && lapMs >= worst.lapMs * (1 - 1e-9))) return
      const place = rings.findIndex((ring) => lapMs < ring.lapMs * (1 - 1e-9))
      rings.splice(place < 0 ? rings.length : place, 0, { order: order(), lapMs })
      if (rings.length > length) rings.pop()
    },
  }
}

const sizeOf = (mask: number): number => mask.toString(2).replaceAll('0', '').length

/** Sets from the smallest on: of two rings as fast the one of fewer devices wins. */
function masksOf(count: number, { least, most, must }: RingSizes): readonly number[] {
  return Array.from({ length: (1 << count) - 1 }, (_, i) => i + 1)
    .map((mask) => ({ mask, size: sizeOf(mask) }))
    .filter(({ mask, size }) => size >= least && size <= most && (must === null || (mask & (1 << must)) !== 0))
    .sort((a, b) => a.size - b.size || a.mask - b.mask)
    .map(({ mask }) => mask)
}

/** The `length` best rings of all. O(2^n · n³) for n devices. */
export function everyRing(field: Field, limitMs: number, sizes: RingSizes, length: number): readonly CandidateRing[] {
  const state = limited(field, limitMs)
  const count = field.devices.length
  const paths = field.devices.map((_, first) => pathsFrom(first, state.edges))
  const best = shortlist(length)
  for (const mask of masksOf(count, sizes)) {
    const has = (index: number): boolean => (mask & (1 << index)) !== 0
    for (let first = 0; first < count; first++) {
      for (let last = 0; last < count; last++) {
        if (!has(first) || !has(last) || (first === last) !== (mask === 1 << first)) continue
        const way = (paths[first]?.cost(mask, last) ?? Infinity) + (field.hops[last * count + first]?.idMs ?? 0)
        if (way === Infinity) continue
        best.offer(way + stagesMs(state, has, first, last), () => paths[first]?.order(mask, last) ?? [])
      }
    }
  }
  return best.rings
}

/** The best ring of exactly these members, along a short tour: where the tour is cut decides who is head and who is tail. */
export function ringOf(field: Field, members: readonly number[], limitMs: number): CandidateRing | null {
  const state = limited(field, limitMs)
  const { count } = state.edges
  const set = new Set(members)
  const tour = shortTour(members, state.edges)
  const best = shortlist(1)
  for (const way of members.length > 2 ? [tour, tour.toReversed()] : [tour]) {
    for (let cut = 0; cut < way.length; cut++) {
      const order = [...way.slice(cut), ...way.slice(0, cut)]
      const [first = 0, last = 0] = [order[0], order.at(-1)]
      const hopsMs = order.slice(1).reduce((sum, to, i) => sum + (state.edges.costs[(order[i] ?? 0) * count + to] ?? Infinity), 0)
      const closing = field.hops[last * count + first]?.idMs ?? 0
      best.offer(hopsMs + closing + stagesMs(state, (index) => set.has(index), first, last), () => order)
    }
  }
  return best.rings[0] ?? null
}
