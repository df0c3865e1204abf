/** The vocabulary's matrix on the GPU, in buffers that a kernel can bind, built piece by piece in memory that is used again. */
import { UNIT_BYTES, type HeadPlan, type RowRange } from '../../core/graph/head-plan.ts'
import type { MatrixFidelity } from '../../core/graph/fidelity.ts'
import { ClusterError } from '../../protocol/errors.ts'
import type { HeadForm } from '../../shaders/head.ts'
import type { BuildPart, BuildSpace } from './external-data.ts'
import type { GpuMemory } from './gpu-memory.ts'

/** Rows [first, first + rows) of the vocabulary; without scales the weights themselves are bound in their place. */
export type HeadTable = {
  readonly first: number
  readonly rows: number
  readonly weights: GPUBuffer
  readonly scales: GPUBuffer
  readonly weightWords: number
  readonly scaleWords: number
  /** Of 16 bytes in a row of weights. */
  readonly units: number
}

export type HeadTables = {
  readonly scale: GPUBuffer
  readonly shift: GPUBuffer
  readonly tables: readonly HeadTable[]
  readonly fidelity: readonly MatrixFidelity[]
  readonly destroy: () => void
}

/** How all pieces are held. */
export function formOf({ pieces: [first] }: HeadPlan): HeadForm {
  if (!first) throw new Error('a head without pieces')
  const { matrix } = first
  const isHalf = matrix.floatType === 'f16'
  if (matrix.recipe === 'rows') return { bits: isHalf ? 16 : 32, block: 32, hasHalfScales: false }
  return { bits: matrix.form.bits, block: matrix.form.size, hasHalfScales: isHalf }
}

/** Words of so many bytes, begun ones included. */
const wordsOf = (bytes: number): number => Math.ceil(bytes / 4)

/** Buffers that are given back together. */
function createBuffers(memory: GpuMemory) {
  const made: GPUBuffer[] = []
  return {
    /** @param bytes in memory that goes on to a whole word */
    upload: async (label: string, bytes: Uint8Array): Promise<GPUBuffer> => {
      const { buffers, allocated } = memory.allocate([{ label, bytes: bytes.length }])
      made.push(...buffers)
      if (await allocated) throw new ClusterError('not_enough_memory', 'the GPU has no memory left for the head of the model')
      const [buffer] = buffers
      if (!buffer) throw new Error('no buffer')
      memory.write(buffer, new Uint8Array(bytes.buffer, bytes.byteOffset, 4 * wordsOf(bytes.length)))
      return buffer
    },
    destroy: () => {
      for (const buffer of made) buffer.destroy()
    },
  }
}

/** Rows of a piece that one binding holds. */
function rowsOfTable(rowBytes: number, rows: number, most: number): number {
  const held = Math.floor(most / rowBytes)
  if (held >= rows) return rows
  // Rows of scales begin at whole words then, whatever their number.
  const whole = 4 * Math.floor(held / 4)
  if (whole > 0) return whole
  throw new ClusterError('not_enough_memory', `the GPU binds ${most} bytes at most, and a row of the head takes ${rowBytes}`)
}

type Upload = (label: string, bytes: Uint8Array) => Promise<GPUBuffer>
type BuiltPiece = RowRange & { readonly values: Uint8Array; readonly scales: Uint8Array | undefined }

/** One table, or several where a binding does not hold all rows. */
async function uploadPiece({ start, end, values, scales }: BuiltPiece, upload: Upload, most: number): Promise<HeadTable[]> {
  const rows = end - start
  const rowBytes = values.length / rows
  const scaleBytes = (scales?.length ?? 0) / rows
  const step = rowsOfTable(rowBytes, rows, most)
  const tables: HeadTable[] = []
  for (let row = 0; row < rows; row += step) {
    const to = Math.min(step + row, rows)
    const own = values.subarray(row * rowBytes, to * rowBytes)
    const ownScales = scales?.subarray(row * scaleBytes, to * scaleBytes)
    const weights = await upload('head.weights', own)
    tables.push({
      first: start + row,
      rows: to - row,
      weights,
      scales: ownScales ? await upload('head.scales', ownScales) : weights,
      weightWords: wordsOf(own.length),
      scaleWords: ownScales ? wordsOf(ownScales.length) : UNIT_BYTES / 4,
      units: rowBytes / UNIT_BYTES,
    })
  }
  return tables
}

/**
 * @param most bytes that a binding may have
 * @throws {ClusterError} not_enough_memory; what `build` throws
 */
export async function openHeadTables(plan: HeadPlan, build: BuildPart, space: BuildSpace, memory: GpuMemory, most: number): Promise<HeadTables> {
  const { upload, destroy } = createBuffers(memory)
  const tables: HeadTable[] = []
  const fidelity: MatrixFidelity[] = []
  try {
    const norm = await build(plan.norm, space)
    const [scale, shift = { data: new Uint8Array(4 * plan.columns) }] = norm.externalData
    if (!scale) throw new Error('a norm without its scale')
    const vectors = { scale: await upload('head.scale', scale.data), shift: await upload('head.shift', shift.data) }
    for (const { start, end, matrix } of plan.pieces) {
      const built = await build({ weights: [matrix] }, space)
      const [values, scales] = built.externalData
      if (!values) throw new Error('a piece without weights')
      tables.push(...(await uploadPiece({ start, end, values: values.data, scales: scales?.data }, upload, most)))
      // What was written waits in memory of its own until then.
      await memory.flushed()
      fidelity.push(...built.fidelity)
    }
    return { ...vectors, tables, fidelity, destroy }
  } catch (error) {
    destroy()
    throw error
  }
}
