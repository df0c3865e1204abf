/** Where one model stands on the cluster, for its card: in words, with what each device does, and what a person can do next. */
import { placementState, shardState, type ClusterView } from '../../../core/cluster/cluster-view.ts'
import type { Placement, Shard, ShardReport, Wish } from '../../../protocol/cluster.ts'
import type { ModelId } from '../../../protocol/ids.ts'
import { sentenceOf } from '../parts/error-phrase.ts'
import { PHASE_NAMES } from '../cluster/device-rows.ts'
import { countOf, formatBytes, formatLayers, formatSeconds, percentOf } from '../parts/quantities.ts'
import type { TransferSpeed, TransferSpeeds } from '../parts/transfer-speed.ts'

/** One device's part. */
export type ShardRow = {
  readonly device: string
  readonly layers: string
  /** `12 MB of 40 MB · 3.1 MB/s · 9 s left`, or the phase. */
  readonly detail: string
  /** Null where there is nothing to measure. */
  readonly percent: number | null
  readonly isFailed: boolean
}
export type ModelAction = 'use' | 'download' | 'stop' | 'resume' | 'retry' | 'ask'
export type ModelState = {
  readonly kind: 'absent' | 'waiting' | 'loading' | 'ready' | 'stored' | 'stopped' | 'failed'
  readonly text: string
  /** More about it, in sentences; empty where there is no more. */
  readonly note: string
  readonly rows: readonly ShardRow[]
  /** The first one is what people mostly want. Deleting is always beside them where there is something to delete. */
  readonly actions: readonly ModelAction[]
}

export const transferKey = (model: ModelId, shard: Shard): string => `${model} ${shard.peerId} ${shard.startLayer} ${shard.endLayer}`

/** The owner's report of a shard of a placement. */
export function reportOf(view: ClusterView, placement: Placement, shard: Shard): ShardReport | undefined {
  const reports = view.peers.get(shard.peerId)?.status.shards
  return reports?.find((candidate) => candidate.model === placement.model && candidate.epoch === placement.epoch)
}

function progressText(report: ShardReport, speed: TransferSpeed): string {
  const parts = [`${formatBytes(report.loadedBytes)} of ${formatBytes(report.totalBytes)}`]
  if (speed.bytesPerSecond !== null) parts.push(`${formatBytes(speed.bytesPerSecond)}/s`)
  if (speed.etaSeconds !== null) parts.push(`${formatSeconds(speed.etaSeconds)} left`)
  return parts.join(' · ')
}

function rowOf(view: ClusterView, placement: Placement, shard: Shard, speeds: TransferSpeeds): ShardRow {
  const report = reportOf(view, placement, shard)
  const base = { device: view.peers.get(shard.peerId)?.name ?? 'a device that left', layers: formatLayers(shard.startLayer, shard.endLayer) }
  const isFailed = shardState(view, placement, shard) === 'failed'
  if (!report) return { ...base, detail: view.peers.has(shard.peerId) ? 'waiting' : 'left', percent: null, isFailed }
  const percent = percentOf(report.loadedBytes, report.totalBytes)
  switch (report.phase) {
    case 'downloading':
      return { ...base, detail: progressText(report, speeds.of(transferKey(placement.model, shard), report.totalBytes)), percent, isFailed }
    case 'paused':
      return { ...base, detail: report.totalBytes > 0 ? `stopped at ${progressText(report, NO_SPEED)}` : 'stopped', percent, isFailed }
    case 'failed':
      return { ...base, detail: report.error?.message ?? 'failed', percent: null, isFailed }
    case 'ready':
      return { ...base, detail: `ready, ${formatBytes(report.heldBytes)} in memory`, percent: null, isFailed }
    case 'stored':
      return { ...base, detail: `${formatBytes(report.totalBytes)} downloaded`, percent: null, isFailed }
    case 'waiting':
    case 'compiling':
    case 'warming-up':
      return { ...base, detail: PHASE_NAMES[report.phase], percent: report.phase === 'waiting' ? null : 100, isFailed }
  }
}
const NO_SPEED: TransferSpeed = { bytesPerSecond: null, etaSeconds: null }

/** Of the bytes of all devices together. */
function wholePercent(view: ClusterView, placement: Placement): number {
  const reports = placement.shards.flatMap((shard) => reportOf(view, placement, shard) ?? [])
  const sum = (pick: (report: ShardReport) => number): number => reports.reduce((total, report) => total + pick(report), 0)
  return percentOf(
    sum((report) => report.loadedBytes),
    sum((report) => report.totalBytes),
  )
}

function failureText(view: ClusterView, placement: Placement): string {
  for (const shard of placement.shards) {
    const name = view.peers.get(shard.peerId)?.name ?? 'a device'
    const state = shardState(view, placement, shard)
    if (state === 'failed') return `${name} could not load ${formatLayers(shard.startLayer, shard.endLayer)}`
    if (state === 'missing') return `The device that held ${formatLayers(shard.startLayer, shard.endLayer)} left; the ring is forming again`
  }
  return 'It could not be loaded'
}

function placedState(view: ClusterView, wish: Wish, placement: Placement, rows: readonly ShardRow[]): ModelState {
  const over = `${placement.shards.length === 1 ? 'on' : 'over'} ${countOf(placement.shards.length, 'device')}`
  const isStored = placement.shards.every((shard) => reportOf(view, placement, shard)?.phase === 'stored')
  if (wish.state === 'prefetch' && isStored) return { kind: 'stored', text: `Downloaded ${over}, not loaded`, note: '', rows, actions: ['use'] }
  switch (placementState(view, placement)) {
    case 'ready':
      return { kind: 'ready', text: `Ready ${over}`, note: '', rows, actions: ['ask', 'stop'] }
    case 'broken':
      return { kind: 'failed', text: failureText(view, placement), note: '', rows, actions: ['retry', 'stop'] }
    case 'loading': {
      const isReading = placement.shards.some((shard) => (reportOf(view, placement, shard)?.phase ?? 'waiting') === 'downloading')
      const doing = isReading || wish.state === 'prefetch' ? `Downloading ${wholePercent(view, placement)} % ${over}` : `Loading ${over}`
      return { kind: 'loading', text: doing, note: '', rows, actions: ['stop'] }
    }
  }
}

/** @param isOnServer this server has its files */
export function modelState(view: ClusterView, model: ModelId, speeds: TransferSpeeds, isOnServer: boolean): ModelState {
  const wish = view.wishes.get(model)
  const placement = view.placements.get(model)
  const rows = placement?.shards.map((shard) => rowOf(view, placement, shard, speeds)) ?? []
  const base = { note: '', rows }
  if (!wish)
    return { ...base, kind: 'absent', text: isOnServer ? 'On this server, not loaded' : 'Not here yet', rows: [], actions: ['use', 'download'] }
  if (wish.state === 'forget') return { ...base, kind: 'waiting', text: 'Being deleted', rows: [], actions: [] }
  if (wish.state === 'paused') {
    const done = placement ? wholePercent(view, placement) : 0
    return { ...base, kind: 'stopped', text: done > 0 && done < 100 ? `Stopped at ${done} %` : 'Stopped', actions: ['resume'] }
  }
  if (!placement) return { ...base, kind: 'waiting', text: 'Waiting for a device', actions: ['stop'] }
  return placement.problem ? refusedState(placement.problem) : placedState(view, wish, placement, rows)
}

function refusedState({ code, message, missingBytes }: NonNullable<Placement['problem']>): ModelState {
  const base = { note: sentenceOf(message), rows: [] }
  if (code === 'no_ring') return { ...base, kind: 'waiting', text: 'Waiting for devices', actions: ['stop'] }
  // By how much it is short, and what each device has room for, is what the message says.
  const text = missingBytes === undefined ? 'It cannot be loaded here' : 'Not enough memory'
  return { ...base, kind: 'failed', text, actions: ['retry'] }
}
