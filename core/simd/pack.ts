/** Rows of a matrix as the kernels read them: from floats, or from the integers and scales of a checkpoint, value for value. */
import { deviationOf, deviationOfIntegers, NO_DEVIATION, type Deviation } from '../quant/deviation.ts'
import { bf16ToF32Array, f16BitsToF32, f16ToF32Array, f32ToF16Array } from '../quant/float16.ts'
import { quantizeInt8Rows } from '../quant/int8.ts'
import { quantizeBlocks, type IntegerRows } from '../quant/integer-blocks.ts'
import { createScratch } from '../quant/scratch.ts'
import { bytesOf } from '../quant/stored.ts'
import { BLOCK } from '../../kernels/opcodes.ts'
import { isFloatMatrix, isNibbles, isWoven, rowBytes, scalesAt, scalesPerRow, type Held, type HeldWeight, type MatrixForm } from './held-matrix.ts'
import { weaveFloats } from './weave-floats.ts'
import { eightsOfNibbles, weaveRows } from './weave.ts'

/** Upper halves of f32, rounded to nearest even. */
function toBf16(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length)
  const out = new Uint16Array(values.length)
  for (let i = 0; i < bits.length; i++) {
    const word = bits[i] ?? 0
    out[i] = (word + 0x7fff + ((word >>> 16) & 1)) >>> 16
  }
  return out
}

/** `deviation`: of what is held from the rows as stored. */
export type PackedRows = { readonly values: Uint8Array; readonly scales: Float32Array | null; readonly deviation: Deviation }

const floats = (values: Float32Array, packed: ArrayBufferView, held: Float32Array): PackedRows => ({
  values: bytesOf(packed),
  scales: null,
  deviation: deviationOf(values, held),
})

/** Rows of `columns` integers as bytes, zeros behind; the integers themselves where there are none. */
function packBytes(integers: Int8Array, columns: number, width: number): Uint8Array {
  if (width === columns) return bytesOf(integers)
  const rows = integers.length / columns
  const out = new Int8Array(rows * width)
  for (let row = 0; row < rows; row++) out.set(integers.subarray(row * columns, (row + 1) * columns), row * width)
  return bytesOf(out)
}

/** Integers of -8 to 7 in the order of Q4_0, plus 8: element i of a block is the low nibble of byte i, or the high one of byte i - 16. */
function packNibbles(integers: Int8Array, columns: number): Uint8Array {
  const rows = integers.length / columns
  const blocks = Math.ceil(columns / BLOCK)
  const out = new Uint8Array((rows * blocks * BLOCK) / 2)
  const nibble = (row: number, column: number): number => (column < columns ? (integers[row * columns + column] ?? 0) : 0) + 8
  let next = 0
  for (let row = 0; row < rows; row++) {
    for (let block = 0; block < blocks * BLOCK; block += BLOCK) {
      for (let i = block; i < block + BLOCK / 2; i++) out[next++] = nibble(row, i) | (nibble(row, i + BLOCK / 2) << 4)
    }
  }
  return out
}

const packIntegers = (held: Held, integers: Int8Array, columns: number): Uint8Array =>
  isNibbles(held) ? packNibbles(integers, columns) : packBytes(integers, columns, rowBytes(held, columns))

/** Scales and minima in turn, as kernels take them: -8 times the sum of a block's activations lies beside it anyway. */
const kernelFactors = (factors: Float32Array): Float32Array => factors.map((factor, i) => (i % 2 === 0 ? factor : factor / -8))

/** Rows as stored, without a rounding. @param held a form in blocks of the same size, with room for the integers */
export const takeRows = (held: Held, { integers, scales }: IntegerRows, columns: number): PackedRows => ({
  values: packIntegers(held, integers, columns),
  scales: held === 'int4-minima' ? kernelFactors(scales) : scales,
  deviation: NO_DEVIATION,
})

/** Bytes of a block's half scale; the integers lie behind it. */
const SCALE_BYTES = 2

/** Blocks of Q4_0 and Q8_0 as they are: their integers, and their scales apart. */
export function takeBlocks(type: 'q4_0' | 'q8_0', blocks: Uint8Array): PackedRows {
  const size = type === 'q4_0' ? BLOCK / 2 : BLOCK
  const count = blocks.length / (SCALE_BYTES + size)
  const [values, scales] = [new Uint8Array(count * size), new Float32Array(count)]
  for (let block = 0, at = 0, out = 0; block < count; block++) {
    scales[block] = f16BitsToF32((blocks[at] ?? 0) | ((blocks[at + 1] ?? 0) << 8))
    at += SCALE_BYTES
    for (const end = at + size; at < end;) values[out++] = blocks[at++] ?? 0
  }
  return { values, scales, deviation: NO_DEVIATION }
}

function quantized(held: Held, values: Float32Array, rows: IntegerRows, columns: number, size: number): PackedRows {
  const deviation = deviationOfIntegers(values, rows, columns, size)
  return { values: packIntegers(held, rows.integers, columns), scales: rows.scales, deviation }
}

/**
 * @param values row-major, whole rows of `columns`
 * @param scratch where the result may lie until the next rows are packed
 */
export function packRows(held: MatrixForm, values: Float32Array, columns: number, scratch = createScratch()): PackedRows {
  const blocks = (bits: 4 | 8, size: 16 | 32): PackedRows =>
    quantized(held, values, quantizeBlocks(values, columns, { bits, size }, Math.fround, scratch.integers(values.length)), columns, size)
  switch (held) {
    case 'f32':
      return floats(values, values, values)
    case 'f16': {
      const halves = f32ToF16Array(values)
      return floats(values, halves, f16ToF32Array(halves))
    }
    case 'bf16': {
      const upper = toBf16(values)
      return floats(values, upper, bf16ToF32Array(upper))
    }
    case 'int8-rows': {
      const { values: integers, scales } = quantizeInt8Rows(values, values.length / columns, columns, scratch.integers(values.length))
      return quantized(held, values, { integers, scales }, columns, columns)
    }
    case 'int4-blocks':
      return blocks(4, BLOCK)
    case 'int4-minima':
      throw new Error('nibbles with minima are taken as they are stored')
    case 'int8-blocks':
      return blocks(8, BLOCK)
    case 'int8-blocks16':
      return blocks(8, 16)
  }
}

/** Writes rows from `firstRow` on into the place of a weight. @param place the bytes of the whole weight */
export function placeRows(place: Uint8Array, weight: HeldWeight, firstRow: number, { values, scales }: Omit<PackedRows, 'deviation'>): void {
  const { held, columns } = weight
  if (isFloatMatrix(held)) return weaveFloats(place, { ...weight, held }, firstRow, values)
  if (isWoven(held)) return weaveRows(place, weight, firstRow, isNibbles(held) ? eightsOfNibbles(values) : values, scales)
  place.set(values, firstRow * rowBytes(held, columns))
  if (scales) place.set(bytesOf(scales), scalesAt(weight) + firstRow * scalesPerRow(held, columns) * 4)
}
