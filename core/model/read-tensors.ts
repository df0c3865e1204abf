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

type ReadOptions = {
  readonly signal?: AbortSignal
  readonly onBytes?: (count: number) => void
  /** Memory that the result may lie in, of `readSpace` bytes. */
  readonly into?: Uint8Array<ArrayBuffer>
}

/** Elements are read where they lie only if they lie at a multiple of their size. */
const ALIGNMENT = 16
const aligned = (bytes: number): number => ALIGNMENT * Math.ceil(bytes / ALIGNMENT)

/** Bytes that hold the tensors together, however they join. */
export const readSpace = (tensors: ReadonlyMap<string, TensorLocation>): number =>
  [...tensors.values()].reduce((sum, { start, end }) => sum + aligned(end - start), 0)

/** The tensors' bytes as stored. Views may share one buffer. @throws {ClusterError} source_unavailable, bad_checkpoint, cancelled */
export async function readTensors(
  source: ModelSource,
  tensors: ReadonlyMap<string, TensorLocation>,
  { into, ...options }: ReadOptions = {},
): Promise<ReadonlyMap<string, Uint8Array>> {
  const bytes = new Map<string, Uint8Array>()
  let filled = 0
  for (const run of planReads(tensors)) {
    const length = run.end - run.start
    const place = into && filled + length <= into.length ? { into: into.subarray(filled, filled + length) } : {}
    const chunk = await source.readRange(run.file, run.start, run.end, { ...options, ...place })
    filled += aligned(length)
    for (const name of run.names) {
      const location = tensors.get(name)
      if (location) bytes.set(name, chunk.subarray(location.start - run.start, location.end - run.start))
    }
  }
  return bytes
}
