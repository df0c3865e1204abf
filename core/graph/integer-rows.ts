/** Rows of a reference as the integers and scales that the checkpoint stores. */
import type { WeightRef } from '../arch/layer-builder.ts'
import { isBlockType, splitBlocks } from '../quant/gguf-blocks.ts'
import type { IntegerRows } from '../quant/integer-blocks.ts'
import { splitMxfp4 } from '../quant/mxfp4.ts'
import { pairedRow } from '../quant/paired-rows.ts'
import { storedBytes } from '../quant/stored.ts'
import { integerFormOf, minimaFormOf } from './block-form.ts'
import { columnsOf, partsOf, type PartLookup, type StoredPart } from './weight-source.ts'

/** Which row of the part is row `row` of the reference; -1 is a row of zeros. @param first row of the item that the part begins with */
function rowOfPart(ref: WeightRef, part: StoredPart, first: number, row: number): number {
  const chosen = ref.order ? (ref.order[row] ?? -1) : row
  if (chosen < 0) return -1
  const { start = 0, step = 1 } = ref.rows ?? {}
  const inPart = start + chosen * step - first
  return part.pairedRows === undefined ? inPart : pairedRow(inPart, part.pairedRows)
}

/** Splits one row of the part into `rows`, from element `to` on. */
type RowSplitter = (row: number, rows: IntegerRows, to: number) => void

function splitterOf(parts: readonly StoredPart[], columns: number, group: number): RowSplitter {
  const [values, exponents] = parts
  if (!values) throw new Error('a reference without a part')
  if (exponents) {
    return (row, rows, to) => {
      const scales = exponents.bytes.subarray((row * columns) / group, ((row + 1) * columns) / group)
      const split = splitMxfp4(values.bytes.subarray((row * columns) / 2, ((row + 1) * columns) / 2), scales)
      rows.integers.set(split.integers, to)
      rows.scales.set(split.scales, to / group)
    }
  }
  const { type, bytes } = values
  if (!isBlockType(type)) throw new Error(`${type} is not stored in blocks`)
  const rowBytes = storedBytes(type, columns)
  return (row, rows, to) => splitBlocks(bytes.subarray(row * rowBytes, (row + 1) * rowBytes), type, rows, to)
}

/** Rows [start, end) of a reference that `blockFormOf` says can be repacked, or whose type has minima: two factors for each 32 are its scales then. */
export function integerRowReader(ref: WeightRef, lookup: PartLookup): (start: number, end: number) => IntegerRows {
  const columns = columnsOf(ref)
  const parts = partsOf(ref).map(({ key }) => lookup(key))
  const [part] = parts
  const isPacked = ref.mxfp4Scales !== undefined
  const type = isPacked ? 'mxfp4' : (part?.type ?? 'u8')
  const form = integerFormOf(type) ?? minimaFormOf(type)
  if (!part || !form) throw new Error(`${ref.tensor} is not integers times scales`)
  const split = splitterOf(parts, columns, form.group)
  const first = isPacked ? 0 : (ref.rows?.start ?? 0)
  return (start, end) => {
    const rows = { integers: new Int8Array((end - start) * columns), scales: new Float32Array(((end - start) * columns) / form.group) }
    for (let row = start; row < end; row++) {
      const from = rowOfPart(ref, part, first, row)
      if (from >= 0) split(from, rows, (row - start) * columns)
    }
    return rows
  }
}
