/** What the ring of a model would be with or without one device, by the same function that places it. */
import type { Placement, Wish } from '../../protocol/cluster.ts'
import type { PeerId } from '../../protocol/ids.ts'
import { devicesOf, type ClusterView } from './cluster-view.ts'
import { place } from './placement.ts'
import type { ModelSizing } from './sizing.ts'
import { takenMemory } from './taken-memory.ts'

export type Preview = {
  readonly shards: readonly { readonly name: string; readonly startLayer: number; readonly endLayer: number }[]
  readonly predictedLapMs: number | null
  /** Why there would be no ring. */
  readonly problem: string | null
  readonly explanation: readonly string[]
}

const previewOf = (view: ClusterView, placement: Placement): Preview => ({
  shards: placement.shards.map(({ peerId, startLayer, endLayer }) => ({ name: view.peers.get(peerId)?.name ?? peerId, startLayer, endLayer })),
  predictedLapMs: placement.predictedLapMs ?? null,
  problem: placement.problem?.message ?? null,
  explanation: placement.explanation,
})

/** @param without a device that is taken for gone; one that is paused now counts as here when it is `including` */
export function previewPlacement(
  view: ClusterView,
  { wish, sizing, without = null, including = null }: { wish: Wish; sizing: ModelSizing; without?: PeerId | null; including?: PeerId | null },
): Preview {
  const devices = devicesOf(view).filter((device) => device.id !== without && (device.status.state !== 'paused' || device.id === including))
  const known = view.placements.get(wish.model)
  const announcer = devices[0]?.id
  if (!announcer) return { shards: [], predictedLapMs: null, problem: 'no device would be left', explanation: [] }
  const request = { wish, devices, sizing, announcer, epoch: (known?.epoch ?? 0) + 1, taken: takenMemory(view, view.placements.values(), wish.model) }
  return previewOf(view, place(known && known.shards.length > 0 ? { ...request, known } : request))
}
