/** Predicted against observed, stage by stage and hop by hop. */
import type { ClusterView } from '../../../core/cluster/cluster-view.ts'
import { lapReportOf } from '../../../core/cluster/lap-figures.ts'
import type { Placement } from '../../../protocol/cluster.ts'
import { linkBetween } from '../parts/ring-summary.ts'

export type StageRow = {
  readonly name: string
  readonly layers: readonly [number, number]
  /** Milliseconds of a layer, as measured before it was in a ring; null where it was not. */
  readonly layerMs: number | null
  readonly predictedMs: number | null
  /** Of laps of one token, computing and reading back; null before the first. */
  readonly observedMs: number | null
  /** Half a round trip to the next device. */
  readonly hopMs: number | null
}

export function stageRows(view: ClusterView, placement: Placement): readonly StageRow[] {
  const stages = lapReportOf(view, placement)?.stages
  return placement.shards.map((shard, i) => {
    const peer = view.peers.get(shard.peerId)
    const speed = peer?.capabilities?.layerSpeeds?.find((one) => one.model === placement.model && one.weightFormat === shard.weightFormat)
    const layerMs = speed?.layerMs ?? null
    const next = placement.shards[(i + 1) % placement.shards.length]
    const rttMs = next && next.peerId !== shard.peerId ? (linkBetween(view, shard.peerId, next.peerId)?.rttMs ?? null) : 0
    return {
      name: peer?.name ?? 'a device that left',
      layers: [shard.startLayer, shard.endLayer],
      layerMs,
      predictedMs: layerMs === null ? null : layerMs * (shard.endLayer - shard.startLayer),
      observedMs: stages?.[i]?.p50Ms ?? null,
      hopMs: rttMs === null ? null : rttMs / 2,
    }
  })
}
