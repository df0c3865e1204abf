/** Brings the bytes of a shard onto the device without opening it: read through a source that keeps what passes. */
import { weightRefs } from '../../core/arch/weight-refs.ts'
import { locationsOf } from '../../core/graph/weight-source.ts'
import type { LayerRange } from '../../core/cluster/sizing.ts'
import type { ModelDescription } from '../../core/model/model-description.ts'
import type { ModelSource } from '../../core/model/model-source.ts'
import { planReads } from '../../core/model/read-tensors.ts'
import type { LoadProgress } from '../shard-runner.ts'

export type FetchShardOptions = {
  readonly source: ModelSource
  readonly model: ModelDescription
  readonly range: LayerRange
  readonly onProgress: (progress: LoadProgress) => void
  readonly signal: AbortSignal
}

/** Reads exactly the shard's bytes, one run at a time, and lets go of them. @throws {ClusterError} source_unavailable, bad_checkpoint, cancelled */
export async function fetchShard({ source, model, range, onProgress, signal }: FetchShardOptions): Promise<void> {
  const runs = planReads(new Map(weightRefs(model.config, range).flatMap((ref) => locationsOf(ref, model.tensors))))
  const totalBytes = runs.reduce((sum, { start, end }) => sum + end - start, 0)
  let loadedBytes = 0
  const onBytes = (count: number): void => {
    loadedBytes += count
    onProgress({ phase: 'downloading', loadedBytes, totalBytes })
  }
  onBytes(0)
  for (const { file, start, end } of runs) await source.readRange(file, start, end, { signal, onBytes })
}
