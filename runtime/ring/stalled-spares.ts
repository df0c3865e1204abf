/** Spares that load for ever: nobody waits for them, but what they hold ready is not there when it is needed. */
import { shardReport, type ClusterView } from '../../core/cluster/cluster-view.ts'
import type { PeerId } from '../../protocol/ids.ts'

/** Without a byte or a phase more for so long a spare is given up. */
export const STALLED_MS = 180_000

export type StalledSpares = {
  /** Those that have stalled by now. */
  readonly look: (view: ClusterView) => readonly PeerId[]
}

export type StalledSparesOptions = {
  /** Monotonic milliseconds. */
  readonly now: () => number
  readonly timer: (delayMs: number, callback: () => void) => () => void
  /** It is time to look again. */
  readonly onDue: () => void
}

export function createStalledSpares({ now, timer, onDue }: StalledSparesOptions): StalledSpares {
  /** By device and range: how far it was, and since when. */
  const seen = new Map<string, { readonly progress: string; readonly since: number }>()
  let stop: (() => void) | null = null

  const lookAgain = (delayMs: number): void => {
    stop ??= timer(delayMs, () => {
      stop = null
      onDue()
    })
  }
  return {
    look: (view) => {
      const loading = new Set<string>()
      const stalled = new Set<PeerId>()
      for (const placement of view.placements.values())
        for (const spare of placement.spares) {
          const report = shardReport(view, placement, spare)
          if (report?.state !== 'loading') continue
          const key = [spare.peerId, placement.model, spare.startLayer, spare.endLayer].join(' ')
          const progress = `${report.phase} ${report.loadedBytes}`
          const before = seen.get(key)
          const since = before?.progress === progress ? before.since : now()
          loading.add(key)
          seen.set(key, { progress, since })
          if (now() - since >= STALLED_MS) stalled.add(spare.peerId)
          else lookAgain(since + STALLED_MS - now())
        }
      for (const key of seen.keys()) if (!loading.has(key)) seen.delete(key)
      return [...stalled]
    },
  }
}
