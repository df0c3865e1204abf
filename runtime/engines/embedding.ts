import { ClusterError } from '../../protocol/errors.ts'
import { decodeStored, storedBytes, type StoredType } from '../../core/quant/stored.ts'

/** The table of the first shard: rows are decoded as they are looked up. */
export type EmbeddingTable = {
  readonly rows: number
  readonly width: number
  /** Multiplies every row. */
  readonly scale: number
  /** Bytes that it takes by itself; 0 where it is the head's matrix. */
  readonly heldBytes: number
  /** [width], before the scale. */
  readonly row: (id: number) => Float32Array
}

export type TableShape = Pick<EmbeddingTable, 'rows' | 'width' | 'scale'>

/** In the bytes of the checkpoint. */
export function storedTable(shape: TableShape, bytes: Uint8Array, type: StoredType): EmbeddingTable {
  const rowBytes = storedBytes(type, shape.width)
  return { ...shape, heldBytes: bytes.length, row: (id) => decodeStored(bytes.subarray(id * rowBytes, (id + 1) * rowBytes), type) }
}

/** Row-major [ids, width] in f32. @throws {ClusterError} invalid_value for an id outside the table */
export function embed({ rows, width, scale, row }: EmbeddingTable, ids: readonly number[]): Float32Array {
  const out = new Float32Array(ids.length * width)
  ids.forEach((id, i) => {
    if (!Number.isInteger(id) || id < 0 || id >= rows) throw new ClusterError('invalid_value', `token id ${id} is outside the vocabulary of ${rows}`)
    out.set(row(id), i * width)
  })
  if (scale !== 1) for (let i = 0; i < out.length; i++) out[i] = (out[i] ?? 0) * scale
  return out
}
