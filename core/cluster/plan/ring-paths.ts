/** Cheapest orders of devices: exact by Held and Karp for a few, nearest neighbour with 2-opt for many. Devices are indices. */

/** Milliseconds from each device to each, row-major. */
export type EdgeCosts = { readonly count: number; readonly costs: Float64Array }

/** Cheapest paths from one device through every set of others. Sets are bit masks that hold both ends. */
export type PathsFrom = {
  /** Milliseconds of the path through all of `mask` to `last`; Infinity where there is none. */
  readonly cost: (mask: number, last: number) => number
  readonly order: (mask: number, last: number) => number[]
}

/** Held–Karp: O(2^n · n²) for one `first`. */
export function pathsFrom(first: number, { count, costs }: EdgeCosts): PathsFrom {
  const best = new Float64Array((1 << count) * count).fill(Infinity)
  const before = new Int8Array((1 << count) * count).fill(-1)
  best[(1 << first) * count + first] = 0
  for (let mask = 0; mask < 1 << count; mask++) {
    if (!(mask & (1 << first))) continue
    for (let last = 0; last < count; last++) {
      const cost = best[mask * count + last] ?? Infinity
      if (cost === Infinity) continue
      for (let next = 0; next < count; next++) {
        if (mask & (1 << next)) continue
        const to = (mask | (1 << next)) * count + next
        const through = cost + (costs[last * count + next] ?? Infinity)
        if (through >= (best[to] ?? Infinity)) continue
        best[to] = through
        before[to] = last
      }
    }
  }
  return {
    cost: (mask, last) => best[mask * count + last] ?? Infinity,
    order: (mask, last) => {
      const order: number[] = []
      for (let at = last, left = mask; at >= 0;) {
        order.unshift(at)
        const previous = before[left * count + at] ?? -1
        left &= ~(1 << at)
        at = previous
      }
      return order
    },
  }
}

const tourCost = (tour: readonly number[], { count, costs }: EdgeCosts): number =>
  tour.reduce((sum, at, i) => sum + (costs[at * count + (tour[(i + 1) % tour.length] ?? at)] ?? 0), 0)

function nearestNeighbours(start: number, members: readonly number[], { count, costs }: EdgeCosts): number[] {
  const left = new Set(members)
  const tour: number[] = []
  for (let at: number | undefined = start; at !== undefined;) {
    tour.push(at)
    left.delete(at)
    const from: number = at
    at = [...left].sort((a, b) => (costs[from * count + a] ?? 0) - (costs[from * count + b] ?? 0) || a - b)[0]
  }
  return tour
}

/** A closed tour through `members` that no exchange of two edges shortens. */
export function shortTour(members: readonly number[], edges: EdgeCosts): readonly number[] {
  const [start = 0] = members
  let tour = nearestNeighbours(start, members, edges)
  let cost = tourCost(tour, edges)
  for (let improved = true; improved;) {
    improved = false
    for (let i = 1; i < tour.length - 1; i++) {
      for (let j = i + 1; j < tour.length; j++) {
        const turned = [...tour.slice(0, i), ...tour.slice(i, j + 1).reverse(), ...tour.slice(j + 1)]
        const turnedCost = tourCost(turned, edges)
        if (turnedCost >= cost * (1 - 1e-9)) continue
        tour = turned
        cost = turnedCost
        improved = true
      }
    }
  }
  return tour
}
