import type { LapReport, Placement } from '../../protocol/cluster.ts'
import type { ClusterView } from './cluster-view.ts'

/** What a lap was said to take and takes, in milliseconds; null where nobody knows. */
export type LapFigures = {
  /** Of one lone stream. */
  readonly predictedMs: number | null
  readonly observedMs: number | null
  readonly observedP95Ms: number | null
  /** Of the observed lap, behind passes of other streams. */
  readonly queueMs: number | null
}

/** What the head of the ring measured of its laps; null before the first. */
export function lapReportOf(view: ClusterView, { epoch, shards }: Placement): LapReport | null {
  const head = shards[0] && view.peers.get(shards[0].peerId)
  return head?.status.laps.find((report) => report.epoch === epoch) ?? null
}

/** Where nothing was predicted, since nothing was measured when the ring was placed: what its layers take by themselves. */
function layersMs(view: ClusterView, { shards }: Placement): number | null {
  const times = shards.map((shard) => {
    const layerMs = view.peers.get(shard.peerId)?.status.layerMs
    return layerMs === null || layerMs === undefined ? null : layerMs * (shard.endLayer - shard.startLayer)
  })
  return shards.length === 0 || times.includes(null) ? null : times.reduce<number>((total, time) => total + (time ?? 0), 0)
}

export function lapFigures(view: ClusterView, placement: Placement): LapFigures {
  const report = lapReportOf(view, placement)
  return {
    predictedMs: placement.predictedLapMs ?? layersMs(view, placement),
    observedMs: report?.lapMs ?? null,
    observedP95Ms: report?.p95Ms ?? null,
    queueMs: report ? report.stages.reduce((sum, { queueMs }) => sum + queueMs, 0) : null,
  }
}
