/** The final norm outside of the head's graph, for embeddings. A row takes microseconds, so it needs no engine. */
import { finalNorm } from '../../core/arch/final-norm.ts'
import type { WeightRef } from '../../core/arch/layer-builder.ts'
import { checkStored, locationsOf, rowReader, rowsOf } from '../../core/graph/weight-source.ts'
import type { ModelDescription } from '../../core/model/model-description.ts'
import type { ModelSource } from '../../core/model/model-source.ts'
import { readParts } from './external-data.ts'

/** Rows [count, width] of what left the last layer, normed in place. */
export type FinalNorm = (rows: Float32Array) => void

async function readVector(ref: WeightRef, { tensors }: ModelDescription, source: ModelSource): Promise<Float32Array> {
  checkStored(tensors, ref)
  const lookup = await readParts(new Map(locationsOf(ref, tensors)), { source, tensors, onBytes: () => undefined })
  const { offset = 0 } = ref
  return rowReader(ref, lookup)(0, rowsOf(ref)).map((value) => value + offset)
}

/** Reads its weights. @throws {ClusterError} source_unavailable, bad_checkpoint, unsupported_model */
export async function readFinalNorm(model: ModelDescription, source: ModelSource): Promise<FinalNorm> {
  const { kind, weight, bias, epsilon } = finalNorm(model.config)
  const [scales, shifts] = await Promise.all([weight, bias].map(async (ref) => (ref ? readVector(ref, model, source) : null)))
  const width = model.config.hiddenSize
  return (rows) => {
    for (let start = 0; start < rows.length; start += width) {
      const row = rows.subarray(start, start + width)
      const mean = kind === 'rms' ? 0 : row.reduce((sum, value) => sum + value, 0) / width
      const variance = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / width
      const factor = 1 / Math.sqrt(variance + epsilon)
      row.forEach((value, i) => (row[i] = (value - mean) * factor * (scales?.[i] ?? 1) + (shifts?.[i] ?? 0)))
    }
  }
}
