/** Ollama's pull: a model of the hub is fetched by the devices that will hold it; one of the server's folders is here already. */
import { setTimeout as sleep } from 'node:timers/promises'
import { shardReport, type ClusterView } from '../../core/cluster/cluster-view.ts'
import type { Placement } from '../../protocol/cluster.ts'
import { ClusterError, fromWireError } from '../../protocol/errors.ts'
import type { ModelEntry } from '../model-catalog.ts'
import type { PlacementRequest, PlacementWishes } from './cluster.ts'

/** How often progress is looked at, in milliseconds. */
const LOOK_MS = 250

export type PullOptions = {
  readonly view: () => ClusterView
  readonly wishes: PlacementWishes
  readonly terms: Omit<PlacementRequest, 'model' | 'state'>
  readonly signal: AbortSignal
}

type Progress = { readonly completed: number; readonly total: number; readonly isDone: boolean }

/** Bytes over all shards. @throws {ClusterError} what keeps a device from it */
function progressOf(view: ClusterView, placement: Placement): Progress {
  const reports = placement.shards.map((shard) => shardReport(view, placement, shard))
  const failed = reports.find((report) => report?.error)?.error
  if (failed) throw fromWireError(failed)
  return {
    completed: reports.reduce((sum, report) => sum + (report?.loadedBytes ?? 0), 0),
    total: reports.reduce((sum, report) => sum + (report?.totalBytes ?? 0), 0),
    isDone: reports.every((report) => report?.phase === 'stored' || report?.phase === 'ready'),
  }
}

/** Lines of the answer. Goes on fetching when the client leaves: it asked for the model, not for the lines. @throws {ClusterError} */
export async function* pullModel(entry: ModelEntry, { view, wishes, terms, signal }: PullOptions): AsyncGenerator<object, void, undefined> {
  yield { status: 'pulling manifest' }
  if (entry.files === null) {
    if (!view().wishes.has(entry.id)) await wishes.ask({ model: entry.id, ...terms, state: 'prefetch' })
    for (let isDone = false; !isDone && !signal.aborted;) {
      const placement = view().placements.get(entry.id)
      const problem = placement?.problem
      if (problem) throw new ClusterError(problem.code, problem.message)
      if (placement) {
        const progress = progressOf(view(), placement)
        isDone = progress.isDone
        yield { status: `pulling ${entry.id}`, digest: entry.id, total: progress.total, completed: progress.completed }
      }
      if (!isDone) await sleep(LOOK_MS, undefined, { signal }).catch(() => undefined)
    }
  }
  yield { status: 'success' }
}
