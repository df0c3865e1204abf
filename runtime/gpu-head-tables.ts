/** The vocabulary's matrix on the GPU, in buffers that a kernel can bind, built piece by piece in memory that is used again. */
import { headParts, UNIT_BYTES, type HeadPlan } from '../core/graph/head-plan.ts'
import type { MatrixFidelity } from '../core/graph/fidelity.ts'
import { ClusterError } from '../protocol/errors.ts'
import type { HeadForm } from '../shaders/head.ts'
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
}

export type HeadTables = {
  readonly scale: GPUBuffer
  readonly shift: GPUBuffer
  readonly tables: readonly HeadTable[]
  /** Units of 16 bytes in a row of weights. */
  readonly units: number
  readonly form: HeadForm
  readonly fidelity: readonly MatrixFidelity[]
  readonly destroy: () => void
}

type Matrix = HeadPlan['pieces'][number]['matrix']

function formOf(matrix: Matrix): HeadForm {
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

/**
 * @param most bytes that a binding may have
 * @throws {ClusterError} not_enough_memory; what `build` throws
 */
export async function openHeadTables(plan: HeadPlan, build: BuildPart, space: BuildSpace, memory: GpuMemory, most: number): Promise<HeadTables> {
  const { upload, destroy } = createBuffers(memory)
  const [, ...parts] = headParts(plan)
  const [first] = plan.pieces
  if (!first) throw new Error('a head without pieces')
  const tables: HeadTable[] = []
  const fidelity: MatrixFidelity[] = []
  let rowBytes = 0

  async function addPiece(start: number, rows: number, values: Uint8Array, scales: Uint8Array | undefined): Promise<void> {
    rowBytes = values.length / rows
    const step = rowsOfTable(rowBytes, rows, most)
    for (let row = 0; row < rows; row += step) {
      const count = Math.min(step, rows - row)
      const part = values.subarray(row * rowBytes, (row + count) * rowBytes)
      const scaleBytes = (scales?.length ?? 0) / rows
      const weights = await upload('head.weights', part)
      const ownScales = scales?.subarray(row * scaleBytes, (row + count) * scaleBytes)
      tables.push({
        first: start + row,
        rows: count,
        weights,
        scales: ownScales ? await upload('head.scales', ownScales) : weights,
        weightWords: wordsOf(part.length),
        scaleWords: ownScales ? wordsOf(ownScales.length) : UNIT_BYTES / 4,
      })
    }
  }

  try {
    const norm = await build(plan.norm, space)
    const [scale, shift = { data: new Uint8Array(4 * plan.columns) }] = norm.externalData
    if (!scale) throw new Error('a norm without its scale')
    const vectors = { scale: await upload('head.scale', scale.data), shift: await upload('head.shift', shift.data) }
    for (const [i, { start, end }] of plan.pieces.entries()) {
      const built = await build(parts[i] ?? { weights: [] }, space)
      const [values, scales] = built.externalData
      if (!values) throw new Error('a piece without weights')
      await addPiece(start, end - start, values.data, scales?.data)
      // What was written waits in memory of its own until then.
      await memory.flushed()
      fidelity.push(...built.fidelity)
    }
    return { ...vectors, tables, units: rowBytes / UNIT_BYTES, form: formOf(first.matrix), fidelity, destroy }
  } catch (error) {
    destroy()
    throw error
  }
}
