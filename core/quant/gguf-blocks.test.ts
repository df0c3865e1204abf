import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { BLOCK_LAYOUTS, dequantizeBlocks, isBlockType } from './gguf-blocks.ts'
import { asFloat32, decodeStored } from './stored.ts'

const place = z.object({ offset: z.number(), bytes: z.number() })
const manifestSchema = z.object({
  entries: z.array(
    z.object({
      type: z.string().transform((type) => type.toLowerCase()),
      ggml_type: z.number(),
      kind: z.string(),
      elements: z.number(),
      block_elements: z.number(),
      block_bytes: z.number(),
      raw: place,
      expected_f32: place,
    }),
  ),
})
const fixture = (name: string): Buffer => readFileSync(new URL(`../../tests/fixtures/quant/${name}`, import.meta.url))
const { entries } = manifestSchema.parse(JSON.parse(fixture('manifest.json').toString()))
const blob = new Uint8Array(fixture('blocks.bin'))

/** Their elements are one product of two exact numbers. The others' reference adds in an order of its own. */
const EXACT = new Set(['f32', 'f16', 'bf16', 'q8_0', 'q4_0', 'q5_0', 'iq4_nl', 'mxfp4'])
/** Of the largest value of a block; a difference of two products may cancel, so it is not of each value. */
const RELATIVE = 3e-7

function decode(type: string, raw: Uint8Array): Float32Array {
  if (isBlockType(type)) return dequantizeBlocks(raw, type)
  if (type === 'f32' || type === 'f16' || type === 'bf16') return decodeStored(raw, type)
  throw new Error(`no decoder for ${type}`)
}

test('the reference covers all 18 types', () => expect(new Set(entries.map(({ type }) => type)).size).toBe(18))

for (const entry of entries) {
  const bytesAt = ({ offset, bytes }: { offset: number; bytes: number }): Uint8Array => blob.slice(offset, offset + bytes)
  test(`${entry.type}, ${entry.kind} blocks: ${entry.elements} elements as gguf-py gives them`, () => {
    const actual = decode(entry.type, bytesAt(entry.raw))
    const expected = asFloat32(bytesAt(entry.expected_f32))
    expect(actual.length).toBe(entry.elements)
    expect(Math.max(...expected.map(Math.abs))).toBeGreaterThan(0)
    const wrong: string[] = []
    for (let start = 0; start < actual.length; start += entry.block_elements) {
      const block = expected.subarray(start, start + entry.block_elements)
      const bound = EXACT.has(entry.type) ? 0 : RELATIVE * Math.max(...block.map(Math.abs))
      block.forEach((value, i) => {
        const got = actual[start + i] ?? NaN
        // An overflow is infinite on both sides; their difference is NaN.
        if (!(got === value || Math.abs(got - value) <= bound)) wrong.push(`${start + i}: ${got}, not ${value}`)
      })
    }
    expect(wrong.slice(0, 5)).toEqual([])
  })
  if (isBlockType(entry.type)) {
    const { ggmlType, elements, bytes } = BLOCK_LAYOUTS[entry.type]
    test(`${entry.type}, ${entry.kind} blocks: number and sizes are those of the format`, () =>
      expect([ggmlType, elements, bytes]).toEqual([entry.ggml_type, entry.block_elements, entry.block_bytes]))
  }
}
