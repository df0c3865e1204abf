import { ClusterError } from '../protocol/errors.ts'
import { decodeStored, storedBytes, type StoredType } from '../core/quant/stored.ts'

/** The table of the first shard, in the bytes of the checkpoint: rows are decoded as they are looked up. */
export type EmbeddingTable = {
  readonly bytes: Uint8Array
  readonly type: StoredType
  readonly rows: number
  readonly width: number
  /** Multiplies every row. */
  readonly scale: number
}

/** Row-major [ids, width] in f32. @throws {ClusterError} invalid_value for an id outside the table */
export function embed(table: EmbeddingTable, ids: readonly number[]): Float32Array {
  const rowBytes = storedBytes(table.type, table.width)
  const out = new Float32Array(ids.length * table.width)
  ids.forEach((id, i) => {
    if (!Number.isInteger(id) || id < 0 || id >= table.rows)
      throw new ClusterError('invalid_value', `token id ${id} is outside the vocabulary of ${table.rows}`)
    out.set(decodeStored(table.bytes.subarray(id * rowBytes, (id + 1) * rowBytes), table.type), i * table.width)
  })
  if (table.scale !== 1) for (let i = 0; i < out.length; i++) out[i] = (out[i] ?? 0) * table.scale
  return out
}
