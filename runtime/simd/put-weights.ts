/** Rows of a checkpoint into the place of a weight, batch by batch: copied where they lie as they are held, else quantized there. */
import type { WeightRef } from '../../core/arch/layer-builder.ts'
import { integerRowReader } from '../../core/graph/integer-rows.ts'
import { columnsOf, rowReader, rowsOf, storedRows, type PartLookup } from '../../core/graph/weight-source.ts'
import type { TensorIndex } from '../../core/model/safetensors.ts'
import { addDeviations, NO_DEVIATION, type Deviation } from '../../core/quant/deviation.ts'
import { createScratch } from '../../core/quant/scratch.ts'
import { bytesOf } from '../../core/quant/stored.ts'
import {
  elementBytes,
  HELD_CODES,
  heldBytesOf,
  holdsBlocksOf,
  isInteger,
  scaleBytes,
  scalesAt,
  type Held,
  type HeldWeight,
  type MatrixForm,
} from '../../core/simd/held-matrix.ts'
import { packRows, placeRows, takeBlocks, takeRows, type PackedRows } from '../../core/simd/pack.ts'
import { HOLD_SPACE_BYTES, STORED_BF16, STORED_F32 } from '../../kernels/opcodes.ts'
import type { SimdMemory } from './simd-memory.ts'
import type { HoldKernel } from './thread-loop.ts'

/** Where weights go, and what brings them into their form there. */
export type ShardRoom = { readonly memory: SimdMemory; readonly hold: HoldKernel }
export type PlacedWeight<Form extends Held = Held> = { readonly weight: HeldWeight<Form>; readonly address: number }

/** Elements of a batch: small beside any matrix worth loading, large enough that calls do not count. */
const BATCH_ELEMENTS = 64 * 1024

type Rows = { readonly first: number; readonly count: number }

/** Rows in batches. */
function* batchesOf(rows: number, columns: number): Generator<Rows> {
  const step = Math.max(1, Math.floor(BATCH_ELEMENTS / columns))
  for (let first = 0; first < rows; first += step) yield { first, count: Math.min(step, rows - first) }
}

export type WeightPutter = {
  /** Puts all rows of `ref` from row `firstRow` of the place on. @returns what holding them so does to a matrix; null for a vector */
  readonly rows: (place: PlacedWeight, ref: WeightRef, firstRow: number, lookup: PartLookup) => Deviation | null
  /** Gives back the room that quantizing took. */
  readonly close: () => void
}

/** @throws {ClusterError} not_enough_memory */
export function weightPutter({ memory, hold }: ShardRoom, places: readonly PlacedWeight[], tensors: TensorIndex): WeightPutter {
  const scratch = createScratch()
  const widest = Math.max(0, ...places.filter(({ weight }) => isInteger(weight.held)).map(({ weight }) => weight.columns))
  // Sums first, then the rows of a batch.
  const stage = widest === 0 ? null : memory.allocate(HOLD_SPACE_BYTES + 16 + 4 * Math.max(BATCH_ELEMENTS, widest))

  /** Rows from the stage into the place. */
  function quantize({ weight, address }: PlacedWeight<MatrixForm>, firstRow: number, stored: Uint8Array, kind: number, count: number): Deviation {
    if (stage === null) throw new Error('a matrix of integers without a stage')
    const { held, columns, sources } = weight
    const matrixRows = weight.rows / sources.length
    // A batch lies within one matrix of a stack.
    const matrix = Math.floor(firstRow / matrixRows)
    const out = address + matrix * elementBytes(held, matrixRows, columns)
    const scales = address + scalesAt(weight) + matrix * scaleBytes(held, matrixRows, columns)
    const x = stage + HOLD_SPACE_BYTES + 16
    memory.bytes().set(stored, x)
    hold(HELD_CODES[held], kind, x, count, columns, out, scales, matrixRows, firstRow - matrix * matrixRows, stage)
    const [differences = NaN, squares = NaN] = new Float64Array(memory.memory.buffer, stage, 2)
    return { differences, squares }
  }

  const placeOf = ({ weight, address }: PlacedWeight): Uint8Array => memory.bytes().subarray(address, address + heldBytesOf(weight))

  function putVector(place: PlacedWeight, values: Float32Array, firstRow: number): null {
    memory.floats().set(values, place.address / 4 + firstRow)
    return null
  }

  /** The way to bring a batch of rows into the place. */
  function batchPutter(place: PlacedWeight<MatrixForm>, ref: WeightRef, lookup: PartLookup): (batch: Rows, firstRow: number) => Deviation {
    const { weight } = place
    const { held, columns } = weight
    const put = (packed: PackedRows, firstRow: number): Deviation => {
      placeRows(placeOf(place), weight, firstRow, packed)
      return packed.deviation
    }
    const type = ref.mxfp4Scales === undefined ? tensors.get(ref.tensor)?.type : 'mxfp4'
    const asStored = ref.offset ? null : storedRows(ref, lookup)
    if (asStored && type === held)
      return ({ first, count }, row) => put({ values: asStored(first, first + count), scales: null, deviation: NO_DEVIATION }, row)
    if (!ref.transposed && !ref.offset && type && holdsBlocksOf(held, type)) {
      if (asStored && (type === 'q4_0' || type === 'q8_0'))
        return ({ first, count }, row) => put(takeBlocks(type, asStored(first, first + count)), row)
      const integers = integerRowReader(ref, lookup)
      return ({ first, count }, row) => put(takeRows(held, integers(first, first + count), columns), row)
    }
    if (isInteger(held) && asStored && (type === 'bf16' || type === 'f32')) {
      const kind = type === 'bf16' ? STORED_BF16 : STORED_F32
      return ({ first, count }, row) => quantize(place, row, asStored(first, first + count), kind, count)
    }
    const read = floatReader(ref, lookup)
    if (isInteger(held)) return ({ first, count }, row) => quantize(place, row, bytesOf(read(first, first + count)), STORED_F32, count)
    return ({ first, count }, row) => put(packRows(held, read(first, first + count), columns, scratch), row)
  }

  function floatReader(ref: WeightRef, lookup: PartLookup): (start: number, end: number) => Float32Array {
    const read = rowReader(ref, lookup, scratch)
    const { offset } = ref
    return offset ? (start, end) => read(start, end).map((value) => value + offset) : read
  }

  return {
    rows: (place, ref, firstRow, lookup) => {
      const count = rowsOf(ref)
      const { weight, address } = place
      const { held } = weight
      if (held === 'vector') return putVector(place, floatReader(ref, lookup)(0, count), firstRow)
      const put = batchPutter({ weight: { ...weight, held }, address }, ref, lookup)
      let deviation = NO_DEVIATION
      for (const batch of batchesOf(count, columnsOf(ref))) deviation = addDeviations(deviation, put(batch, firstRow + batch.first))
      return deviation
    },
    close: () => {
      if (stage !== null) memory.free(stage)
    },
  }
}
