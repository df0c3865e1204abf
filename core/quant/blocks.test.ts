import { expect, test } from 'vitest'
import { dequantizeInt4, quantizeInt4 } from './int4.ts'
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

for (const [rows, columns] of [
  [1, 32],
  [3, 64],
  [5, 48],
  [7, 33],
  [2, 160],
] as const) {
  test(`int4 of ${rows} x ${columns}: no weight moves by more than its block's scale, the extreme stays exact`, () => {
    const weights = unevenMatrix(rows, columns)
    const blocks = quantizeInt4(weights, rows, columns)
    const back = dequantizeInt4(blocks, rows, columns)
    const perRow = Math.ceil(columns / 32)
    expect(blocks.nibbles.length).toBe(rows * perRow * 16)
    let extremes = 0
    weights.forEach((weight, i) => {
      const scale = blocks.scales[Math.floor(i / columns) * perRow + Math.floor((i % columns) / 32)] ?? 0
      expect(Math.abs(weight - (back[i] ?? 0))).toBeLessThanOrEqual(Math.abs(scale) * 1.0001)
      if (weight === back[i]) extremes++
    })
    expect(extremes).toBeGreaterThanOrEqual(rows * perRow)
  })
}

test('int4 nibbles lie as MatMulNBits reads them: element 0 low, element 1 high, padding is zero weight', () => {
  const { nibbles, scales } = quantizeInt4(Float32Array.of(-8, 7, 3), 1, 3)
  expect(Array.from(scales)).toEqual([1])
  expect(Array.from(nibbles.subarray(0, 3))).toEqual([0xf0, 0x8b, 0x88])
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

test('transposition moves every element of 33 x 70', () => {
  const source = Float32Array.from({ length: 33 * 70 }, (_, i) => i)
  const target = new Float32Array(source.length)
  transposeInto(source, target, 33, 70)
  expect(source.every((value, i) => target[(i % 70) * 33 + Math.floor(i / 70)] === value)).toBe(true)
})
