/** Round trips between all devices, and how old each is. */
import { devicesOf, type ClusterView } from '../../../core/cluster/cluster-view.ts'
import type { LinkPath } from '../../../protocol/cluster.ts'
import type { PeerId } from '../../../protocol/ids.ts'

/** Above so many devices only a table of all pairs would be complete, and nobody could read it. */
export const MOST_IN_MATRIX = 16

export type LinkCell = {
  readonly path: LinkPath
  readonly rttMs: number | null
  /** Since the value came. */
  readonly ageMs: number
}

export type LinkAges = {
  /** Takes what is new in the view. */
  readonly note: (view: ClusterView) => void
  /** As `from` reports its link to `to`; null where it has none. */
  readonly cell: (from: PeerId, to: PeerId) => LinkCell | null
}

type Known = { readonly path: LinkPath; readonly rttMs: number | null; readonly atMs: number }
const keyOf = (from: PeerId, to: PeerId): string => `${from} ${to}`

/** @param now monotonic milliseconds */
export function createLinkAges(now: () => number): LinkAges {
  let known: ReadonlyMap<string, Known> = new Map()
  return {
    note: (view) => {
      const links = devicesOf(view).flatMap(({ id, status }) => status.links.map((link) => [keyOf(id, link.peerId), link] as const))
      known = new Map(
        links.map(([key, { path, rttMs }]) => {
          const before = known.get(key)
          const isSame = before?.rttMs === rttMs && before.path === path
          return [key, isSame ? before : { path, rttMs, atMs: now() }]
        }),
      )
    },
    cell: (from, to) => {
      const found = known.get(keyOf(from, to))
      return found ? { path: found.path, rttMs: found.rttMs, ageMs: now() - found.atMs } : null
    },
  }
}
