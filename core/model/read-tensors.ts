import type { ModelSource } from './model-source.ts'
import type { TensorLocation } from './safetensors.ts'

/** One request for several tensors that lie without a gap in one file. */
export type ReadRun = { readonly file: string; readonly start: number; readonly end: number; readonly names: readonly string[] }

/** A run is cut here, so that one request's buffer stays small beside the weights. */
const MAX_RUN_BYTES = 64 * 1024 * 1024

/** The fewest range requests that read exactly the tensors' bytes: contiguous ones join, gaps are never read. */
export function planReads(tensors: ReadonlyMap<string, TensorLocation>, maxRunBytes = MAX_RUN_BYTES): readonly ReadRun[] {
  const sorted = [...tensors].sort(([, a], [, b]) => (a.file === b.file ? a.start - b.start : a.file < b.file ? -1 : 1))
  const runs: { file: string; start: number; end: number; names: string[] }[] = []
  for (const [name, location] of sorted) {
    const last = runs.at(-1)
    if (last && last.file === location.file && last.end === location.start && location.end - last.start <= maxRunBytes) {
      last.end = location.end
      last.names.push(name)
    } else {
      runs.push({ file: location.file, start: location.start, end: location.end, names: [name] })
    }
  }
  return runs
}

/** The tensors' bytes as stored. Views may share one buffer. @throws {ClusterError} source_unavailable, bad_checkpoint, cancelled */
export async function readTensors(
  source: ModelSource,
  tensors: ReadonlyMap<string, TensorLocation>,
  options: { readonly signal?: AbortSignal; readonly onBytes?: (count: number) => void } = {},
): Promise<ReadonlyMap<string, Uint8Array>> {
  const bytes = new Map<string, Uint8Array>()
  for (const run of planReads(tensors)) {
    const chunk = await source.readRange(run.file, run.start, run.end, options)
    for (const name of run.names) {
      const location = tensors.get(name)
      if (location) bytes.set(name, chunk.subarray(location.start - run.start, location.end - run.start))
    }
  }
  return bytes
}
