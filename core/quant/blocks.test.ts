import { expect, test } from 'vitest'
import { deviationOf, deviationOfIntegers, deviationOfScales, relativeError } from './deviation.ts'
import { f16ToF32Array, f32ToF16Array } from './float16.ts'
import { blocksOfRow, packIntegers, quantizeBlocks, type BlockShape, type IntegerRows } from './integer-blocks.ts'
import { quantizeInt8Rows } from './int8.ts'
import { transposeInto } from './transpose.ts'

/** Uneven on purpose: row scales differ a hundredfold, and a few values stand far out. */
function unevenMatrix(rows: number, columns: number): Float32Array {
  let state = 7
  return Float32Array.from({ length: rows * columns }, (_, i) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    const value = state / 2 ** 31 - 1
    return value * 10 ** (Math.floor(i / columns) % 3) * (i % 41 === 0 ? 5 : 1)
  })
}

/** What MatMulNBits multiplies with: read from the packed bytes, by its documentation. */
function unpack(packed: Uint8Array, scales: Float32Array, columns: number, { bits, size }: BlockShape): Float32Array {
  const blocks = Math.ceil(columns / size)
  const rows = scales.length / blocks
  return Float32Array.from({ length: rows * columns }, (_, i) => {
    const [row, column] = [Math.floor(i / columns), i % columns]
    const at = (row * blocks * size + column) * bits
    const byte = packed[at >> 3] ?? 0
    const integer = bits === 8 ? byte - 128 : ((column & 1 ? byte >> 4 : byte) & 15) - 8
    return integer * (scales[row * blocks + Math.floor(column / size)] ?? 0)
  })
}

const SHAPES: readonly BlockShape[] = [
  { bits: 4, size: 32 },
  { bits: 4, size: 16 },
  { bits: 8, size: 32 },
  { bits: 8, size: 16 },
]
for (const shape of SHAPES) {
  for (const [rows, columns] of [
    [1, 32],
    [3, 64],
    [5, 48],
    [7, 33],
    [2, 160],
  ] as const) {
    test(`${shape.bits} bits in blocks of ${shape.size}, ${rows} x ${columns}: no weight moves by more than its block's scale, the extreme stays`, () => {
      const weights = unevenMatrix(rows, columns)
      const quantized = quantizeBlocks(weights, columns, shape)
      const perRow = blocksOfRow(columns, shape)
      const packed = packIntegers(quantized.integers, columns, shape)
      expect(packed.length).toBe((rows * perRow * shape.size * shape.bits) / 8)
      const back = unpack(packed, quantized.scales, columns, shape)
      let extremes = 0
      weights.forEach((weight, i) => {
        const scale = quantized.scales[Math.floor(i / columns) * perRow + Math.floor((i % columns) / shape.size)] ?? 0
        expect(Math.abs(weight - (back[i] ?? 0))).toBeLessThanOrEqual(Math.abs(scale) * 1.0001)
        if (weight === back[i]) extremes++
      })
      expect(extremes).toBeGreaterThanOrEqual(rows * perRow)
      const deviation = deviationOfIntegers(weights, quantized, columns, shape.size)
      expect(relativeError(deviation)).toBeCloseTo(relativeError(deviationOf(weights, back)), 7)
      expect(relativeError(deviation)).toBeGreaterThan(shape.bits === 4 ? 0.01 : 0.0005)
    })
  }
}

test('nibbles lie as MatMulNBits reads them: element 0 low, element 1 high, padding is zero weight', () => {
  const shape = { bits: 4, size: 32 } as const
  const { integers, scales } = quantizeBlocks(Float32Array.of(-8, 7, 3), 3, shape)
  expect(Array.from(scales)).toEqual([1])
  expect(Array.from(packIntegers(integers, 3, shape).subarray(0, 3))).toEqual([0xf0, 0x8b, 0x88])
})

test('the error of one row of known numbers: 3 and 4 held as 3 and 4.5 is 0.5 of 5', () => {
  const deviation = deviationOf(Float32Array.of(3, 4), Float32Array.of(3, 4.5))
  expect(deviation).toEqual({ differences: 0.25, squares: 25 })
  expect(relativeError(deviation)).toBeCloseTo(0.1, 12)
  expect(relativeError({ differences: 0, squares: 0 })).toBe(0)
})

test('scales rounded to f16 cost what their weights say', () => {
  const rows: IntegerRows = { integers: Int8Array.from({ length: 64 }, (_, i) => (i * 37) % 256), scales: Float32Array.of(0.1001, 0.0313, 2.003, 1) }
  const rounded = f16ToF32Array(f32ToF16Array(rows.scales))
  const dense = (scales: Float32Array) => Float32Array.from(rows.integers, (integer, i) => integer * (scales[Math.floor(i / 16)] ?? 0))
  const expected = relativeError(deviationOf(dense(rows.scales), dense(rounded)))
  expect(relativeError(deviationOfScales(rows, rounded, 32, 16))).toBeCloseTo(expected, 7)
  expect(expected).toBeGreaterThan(1e-5)
  expect(deviationOfScales(rows, rows.scales, 32, 16).differences).toBe(0)
})

test('int8 rows: error within half a scale, zeros stay zero, the extreme is 127', () => {
  const weights = unevenMatrix(4, 50)
  weights.fill(0, 50, 100)
  const { values, scales } = quantizeInt8Rows(weights, 4, 50)
  weights.forEach((weight, i) => {
    const scale = scales[Math.floor(i / 50)] ?? 0
    expect(Math.abs(weight - (values[i] ?? 0) * scale)).toBeLessThanOrEqual(scale * 0.5001)
  })
  expect(values.subarray(50, 100).every((value) => value === 0)).toBe(true)
  expect(Math.max(...values.subarray(0, 50).map(Math.abs))).toBe(127)
})

test('transposition moves every element of 33 x 70, at once and in blocks of rows', () => {
  const source = Float32Array.from({ length: 33 * 70 }, (_, i) => i)
  const isMoved = (target: Float32Array): boolean => source.every((value, i) => target[(i % 70) * 33 + Math.floor(i / 70)] === value)
  const whole = new Float32Array(source.length)
  transposeInto(source, whole, 33, 70)
  expect(isMoved(whole)).toBe(true)
  const pieces = new Float32Array(source.length)
  transposeInto(source.subarray(0, 20 * 70), pieces, 20, 70, 33)
  transposeInto(source.subarray(20 * 70), pieces, 13, 70, 33, 20)
  expect(isMoved(pieces)).toBe(true)
})
