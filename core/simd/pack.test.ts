import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { byteRow, minimaRow, nibbleRow } from '../../kernels/reference/product.ts'
import { BLOCK_LAYOUTS, dequantizeBlocks, splitBlocks } from '../quant/gguf-blocks.ts'
import { holdsBlocksOf } from './held-matrix.ts'
import { packRows, takeRows } from './pack.ts'

const FIXTURES = new URL('../../tests/fixtures/quant/', import.meta.url)
const placeSchema = z.looseObject({ offset: z.number(), bytes: z.number() })
const manifestSchema = z.looseObject({ entries: z.array(z.looseObject({ type: z.string(), raw: placeSchema })) })
const manifest = manifestSchema.parse(JSON.parse(readFileSync(new URL('manifest.json', FIXTURES), 'utf8')))
const blocks = new Uint8Array(readFileSync(new URL('blocks.bin', FIXTURES)))

const CASES = [
  { type: 'q4_0', held: 'int4-blocks' },
  { type: 'q8_0', held: 'int8-blocks' },
  { type: 'q6_k', held: 'int8-blocks16' },
  { type: 'q4_1', held: 'int4-minima' },
] as const

test.each(CASES)('blocks of $type taken over as $held stand for the same weights, bit for bit', ({ type, held }) => {
  const entries = manifest.entries.filter((entry) => entry.type.toLowerCase() === type)
  expect(entries.length).toBeGreaterThan(0)
  for (const { raw } of entries) {
    const stored = blocks.slice(raw.offset, raw.offset + raw.bytes)
    const expected = dequantizeBlocks(stored, type)
    const { integers, minima } = BLOCK_LAYOUTS[type]
    const group = (integers ?? minima)?.group ?? 1
    const rows = { integers: new Int8Array(expected.length), scales: new Float32Array(expected.length / group) }
    splitBlocks(stored, type, rows, 0)
    const { values, scales: held32 } = takeRows(held, rows, expected.length)
    const scales = held32 ?? []
    const signed = new Int8Array(values.buffer, values.byteOffset, values.length)
    const rowOf = {
      'int4-blocks': () => nibbleRow(values, scales, expected.length),
      'int4-minima': () => minimaRow(values, scales, expected.length),
      'int8-blocks': () => byteRow(signed, scales, 32, expected.length),
      'int8-blocks16': () => byteRow(signed, scales, 16, expected.length),
    }
    const weights = rowOf[held]()
    // -0 and 0 are one weight.
    expect(weights.map((weight) => Math.fround(weight) + 0)).toEqual(Float64Array.from(expected, (weight) => weight + 0))
  }
})

test('a form takes over the blocks of its own size that its integers have room for, and no others', () => {
  expect(holdsBlocksOf('int4-blocks', 'q4_0')).toBe(true)
  expect(holdsBlocksOf('int4-blocks', 'q8_0')).toBe(false)
  expect(holdsBlocksOf('int8-blocks', 'q8_0')).toBe(true)
  expect(holdsBlocksOf('int8-blocks16', 'q6_k')).toBe(true)
  expect(holdsBlocksOf('int8-blocks', 'q6_k')).toBe(false)
  expect(holdsBlocksOf('int8-rows', 'q8_0')).toBe(false)
  expect(holdsBlocksOf('int8-blocks', 'q4_k')).toBe(false)
  expect(holdsBlocksOf('int4-blocks', 'q4_1')).toBe(false)
  expect(holdsBlocksOf('int4-minima', 'q4_1')).toBe(true)
  expect(holdsBlocksOf('int4-minima', 'q5_1')).toBe(false)
})

test('rows that are no whole number of blocks are padded with weights of zero', () => {
  const values = Float32Array.from({ length: 2 * 40 }, (_, i) => Math.sin(i) * (1 + (i % 7)))
  const nibbles = packRows('int4-blocks', values, 40)
  const bytes = packRows('int8-rows', values, 40)
  for (const row of [0, 1]) {
    const own = values.subarray(row * 40, (row + 1) * 40)
    const four = nibbleRow(nibbles.values.subarray(row * 32, (row + 1) * 32), nibbles.scales?.subarray(row * 2, row * 2 + 2) ?? [], 64)
    const eight = byteRow(
      new Int8Array(bytes.values.slice(row * 64, (row + 1) * 64).buffer),
      bytes.scales?.subarray(row, row + 1) ?? [],
      Infinity,
      64,
    )
    expect(four.subarray(40).every((weight) => weight === 0)).toBe(true)
    expect(eight.subarray(40).every((weight) => weight === 0)).toBe(true)
    for (const [i, value] of own.entries()) {
      expect(Math.abs((four[i] ?? NaN) - value)).toBeLessThan(0.6)
      expect(Math.abs((eight[i] ?? NaN) - value)).toBeLessThan(0.03)
    }
  }
})
