/** How far each file of a shard is, as its bytes are read. */
import { weightRefs } from '../../core/arch/weight-refs.ts'
import type { LayerRange } from '../../core/cluster/sizing.ts'
import { locationsOf } from '../../core/graph/weight-source.ts'
import type { ModelDescription } from '../../core/model/model-description.ts'
import type { ModelSource } from '../../core/model/model-source.ts'
import { planReads } from '../../core/model/read-tensors.ts'

/** Bytes of one file: those that the shard needs, and those that have come. */
export type FileProgress = { readonly file: string; readonly loadedBytes: number; readonly totalBytes: number }

/** The bytes that a range of layers needs of each file, in the order of the files' names. */
export function filesOf(model: ModelDescription, range: LayerRange): readonly FileProgress[] {
  const totals = new Map<string, number>()
  for (const { file, start, end } of planReads(new Map(weightRefs(model.config, range).flatMap((ref) => locationsOf(ref, model.tensors)))))
    totals.set(file, (totals.get(file) ?? 0) + end - start)
  return [...totals].map(([file, totalBytes]) => ({ file, loadedBytes: 0, totalBytes }))
}

/**
 * The same source, which tells after each piece how far every file of `files` is. Bytes that come twice, as after a damaged piece,
 * count once at most: a file is never further than its end.
 */
export function watchFiles(source: ModelSource, files: readonly FileProgress[], onFiles: (files: readonly FileProgress[]) => void): ModelSource {
  let state = files
  onFiles(state)
  const add = (file: string, count: number): void => {
    state = state.map((one) => (one.file === file ? { ...one, loadedBytes: Math.min(one.totalBytes, one.loadedBytes + count) } : one))
    onFiles(state)
  }
  return {
    ...source,
    readRange: (file, start, end, options = {}) =>
      source.readRange(file, start, end, {
        ...options,
        onBytes: (count) => {
          options.onBytes?.(count)
          add(file, count)
        },
      }),
  }
}
