/** What happens in the cluster, in sentences, from when the page was opened. */
import { placementState, type ClusterView } from '../../../core/cluster/cluster-view.ts'
import type { PeerEntry, ShardReport } from '../../../protocol/cluster.ts'
import { formatLayers } from '../parts/quantities.ts'
import { modelName } from '../parts/ring-summary.ts'
import { troubleWords } from '../parts/trouble-words.ts'

export type LogEntry = { readonly at: Date; readonly text: string; readonly isBad: boolean }
type Happening = Omit<LogEntry, 'at'>

/** Older ones go. */
const MOST_ENTRIES = 200

const good = (text: string): Happening => ({ text, isBad: false })
const bad = (text: string): Happening => ({ text, isBad: true })
const shardKey = ({ model, epoch, startLayer }: ShardReport): string => `${model} ${epoch} ${startLayer}`

function ofPeer(before: PeerEntry, now: PeerEntry): readonly Happening[] {
  const known = new Map(before.status.shards.map((report) => [shardKey(report), report]))
  const shards = now.status.shards.flatMap((report) => {
    const was = known.get(shardKey(report))?.state
    const layers = `${formatLayers(report.startLayer, report.endLayer)} of ${modelName(report.model)}`
    if (report.state === was) return []
    if (report.state === 'ready') return [good(`${now.name} holds ${layers}.`)]
    if (report.state === 'failed') return [bad(`${now.name} could not load ${layers}. ${report.error ? troubleWords(report.error) : ''}`.trim())]
    return []
  })
  const isPaused = now.status.state === 'paused'
  const paused = isPaused === (before.status.state === 'paused') ? [] : [good(isPaused ? `${now.name} is paused.` : `${now.name} goes on.`)]
  const lends =
    (before.capabilities === null) === (now.capabilities === null) ? [] : [good(`${now.name} ${now.capabilities ? 'lends' : 'lends no more'}.`)]
  return [...lends, ...paused, ...shards]
}

function ofPlacements(before: ClusterView, now: ClusterView): readonly Happening[] {
  return [...now.placements.values()].flatMap((placement) => {
    const known = before.placements.get(placement.model)
    const name = modelName(placement.model)
    const isNew = known?.epoch !== placement.epoch
    if (isNew && placement.problem) return [bad(`${name} has no ring: ${placement.problem.message}.`)]
    if (isNew) return [good(`${name} was placed anew, as ring ${placement.epoch}, over ${placement.shards.length} of the devices.`)]
    const [was, is] = [placementState(before, known), placementState(now, placement)]
    if (was === is || placement.shards.length === 0) return []
    return is === 'ready' ? [good(`${name} answers.`)] : is === 'broken' ? [bad(`The ring of ${name} is broken; it forms again.`)] : []
  })
}

/** What differs between two views, in words. */
export function happenings(before: ClusterView, now: ClusterView): readonly Happening[] {
  const joined = [...now.peers.values()].filter(({ id }) => !before.peers.has(id)).map(({ name }) => good(`${name} joined.`))
  const left = [...before.peers.values()].filter(({ id }) => !now.peers.has(id)).map(({ name }) => good(`${name} left.`))
  const changed = [...now.peers.values()].flatMap((peer) => {
    const known = before.peers.get(peer.id)
    return known && known !== peer ? ofPeer(known, peer) : []
  })
  const dropped = [...before.placements.keys()].filter((model) => !now.placements.has(model)).map((model) => good(`${modelName(model)} was dropped.`))
  return [...joined, ...left, ...changed, ...dropped, ...ofPlacements(before, now)]
}

export type ClusterLog = { readonly note: (view: ClusterView) => void; readonly entries: () => readonly LogEntry[] }

/** Newest first. What was there when it began is no news. */
export function createClusterLog(clock: () => Date): ClusterLog {
  let before: ClusterView | null = null
  let entries: readonly LogEntry[] = []
  return {
    note: (view) => {
      const news = before && before !== view && before.peers.size > 0 ? happenings(before, view) : []
      before = view
      if (news.length === 0) return
      const at = clock()
      entries = [...news.map((one) => ({ ...one, at })).toReversed(), ...entries].slice(0, MOST_ENTRIES)
    },
    entries: () => entries,
  }
}
