/** Who serves which layers of a model, and how: rows of devices over columns of layers. */
import { shardState, type ClusterView } from '../../../core/cluster/cluster-view.ts'
import type { Placement } from '../../../protocol/cluster.ts'
import type { PeerId } from '../../../protocol/ids.ts'

export type BlockState = 'ready' | 'loading' | 'failed' | 'idle' | 'missing'
export type Block = { readonly startLayer: number; readonly endLayer: number; readonly state: BlockState; readonly isSpare: boolean }
export type BlockRow = { readonly peerId: PeerId; readonly name: string; readonly order: number | null; readonly blocks: readonly Block[] }

/** Ring members in shard order, then spares that hold something ready. */
export function blockRows(view: ClusterView, placement: Placement): readonly BlockRow[] {
  const nameOf = (id: PeerId): string => view.peers.get(id)?.name ?? 'a device that left'
  const blockOf = (range: Placement['spares'][number] | Placement['shards'][number], isSpare: boolean): Block => ({
    startLayer: range.startLayer,
    endLayer: range.endLayer,
    state: shardState(view, placement, range),
    isSpare,
  })
  const ring = placement.shards.map((shard, order) => ({ peerId: shard.peerId, name: nameOf(shard.peerId), order, blocks: [blockOf(shard, false)] }))
  const spares = [...new Set(placement.spares.map(({ peerId }) => peerId))].map((peerId) => ({
    peerId,
    name: nameOf(peerId),
    order: null,
    blocks: placement.spares.filter((spare) => spare.peerId === peerId && spare.endLayer > spare.startLayer).map((spare) => blockOf(spare, true)),
  }))
  return [...ring, ...spares]
}

/** Layers that nobody has ready, of those that there are: what keeps a model from answering. */
export function missingLayers(rows: readonly BlockRow[], numLayers: number): readonly number[] {
  const held = new Set(
    rows.flatMap(({ blocks }) =>
      blocks
        .filter(({ state, isSpare }) => state === 'ready' && !isSpare)
        .flatMap(({ startLayer, endLayer }) => Array.from({ length: endLayer - startLayer }, (_, i) => startLayer + i)),
    ),
  )
  return Array.from({ length: numLayers }, (_, layer) => layer).filter((layer) => !held.has(layer))
}
