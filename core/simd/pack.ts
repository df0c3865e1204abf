/** Rows of a matrix as the kernels read them. */
import { deviationOf, deviationOfIntegers, type Deviation } from '../quant/deviation.ts'
import { bf16ToF32Array, f16ToF32Array, f32ToF16Array } from '../quant/float16.ts'
import { quantizeInt8Rows } from '../quant/int8.ts'
import { bytesOf } from '../quant/stored.ts'
import { rowBytes, scalesAt, scalesPerRow, type HeldWeight } from './held-matrix.ts'

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

/** @param values row-major, whole rows of `columns` */
export function packRows(held: HeldWeight['held'], values: Float32Array, columns: number): PackedRows {
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
      const rows = values.length / columns
      const quantized = quantizeInt8Rows(values, rows, columns)
      const deviation = deviationOfIntegers(values, { integers: quantized.values, scales: quantized.scales }, columns, columns)
      return { values: padded(bytesOf(quantized.values), columns, rowBytes(held, columns)), scales: quantized.scales, deviation }
    }
    case 'int8-blocks':
    case 'int8-blocks16':
    case 'int4-blocks':
      throw new Error(`${held} is not packed from floats`)
  }
}

/** Rows of `from` bytes in rows of `to`, zeros behind. */
function padded(bytes: Uint8Array, from: number, to: number): Uint8Array {
  if (from === to) return bytes
  const rows = bytes.length / from
  const out = new Uint8Array(rows * to)
  for (let row = 0; row < rows; row++) out.set(bytes.subarray(row * from, (row + 1) * from), row * to)
  return out
}

/** Writes rows from `firstRow` on into the place of a weight. @param place the bytes of the whole weight */
export function placeRows(place: Uint8Array, weight: HeldWeight, firstRow: number, packed: PackedRows): void {
  place.set(packed.values, firstRow * rowBytes(weight.held, weight.columns))
  if (packed.scales) place.set(bytesOf(packed.scales), scalesAt(weight) + firstRow * scalesPerRow(weight.held, weight.columns) * 4)
}
