/** The blocks of `quant/` against what gguf-py dequantizes them to. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { BLOCK_LAYOUTS, dequantizeBlocks, isBlockType } from '../../core/quant/gguf-blocks.ts'
import { asFloat32, decodeStored } from '../../core/quant/stored.ts'
import { startOutcome, type Outcome } from './outcome.ts'

const place = z.object({ offset: z.number(), bytes: z.number() })
const entrySchema = z.object({
  type: z.string().transform((type) => type.toLowerCase()),
  ggml_type: z.number(),
  kind: z.string(),
  elements: z.number(),
  block_elements: z.number(),
  block_bytes: z.number(),
  raw: place,
  expected_f32: place,
})
const manifestSchema = z.object({ file: z.string().default('blocks.bin'), entries: z.array(entrySchema) })
type Entry = z.infer<typeof entrySchema>

/** Their elements are one product of two exact numbers. The others' reference adds in an order of its own. */
const EXACT = new Set(['f32', 'f16', 'bf16', 'q8_0', 'q4_0', 'q5_0', 'iq4_nl', 'mxfp4'])
/** Of the largest value of a block; a difference of two products may cancel, so it is not of each value. */
const RELATIVE = 3e-7

/** Null for a type that is not read. */
function decode(type: string, raw: Uint8Array): Float32Array | null {
  if (isBlockType(type)) return dequantizeBlocks(raw, type)
  return type === 'f32' || type === 'f16' || type === 'bf16' ? decodeStored(raw, type) : null
}

/** Elements that are wrong, in words. */
function faults(actual: Float32Array, expected: Float32Array, { type, block_elements }: Entry): string[] {
  const wrong: string[] = []
  for (let start = 0; start < expected.length; start += block_elements) {
    const block = expected.subarray(start, start + block_elements)
    const bound = EXACT.has(type) ? 0 : RELATIVE * Math.max(...block.map(Math.abs))
    block.forEach((value, i) => {
      const got = actual[start + i] ?? NaN
      // An overflow is infinite on both sides; their difference is NaN.
      if (!(got === value || Math.abs(got - value) <= bound)) wrong.push(`${start + i}: ${got}, not ${value}`)
    })
  }
  return wrong
}

/** One outcome a type. @param folder has manifest.json and blocks.bin */
export function quantOutcomes(folder: string): Outcome[] {
  const { file, entries } = manifestSchema.parse(JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')))
  const blob = new Uint8Array(readFileSync(join(folder, file)))
  const bytesAt = ({ offset, bytes }: { offset: number; bytes: number }): Uint8Array => blob.slice(offset, offset + bytes)
  return [...new Set(entries.map(({ type }) => type))].map((type) => {
    const { check, end } = startOutcome(type)
    for (const entry of entries.filter((one) => one.type === type)) {
      const [actual, expected] = [decode(type, bytesAt(entry.raw)), asFloat32(bytesAt(entry.expected_f32))]
      check(`${entry.kind}: the type is read`, actual !== null)
      check(
        `${entry.kind}: ${actual?.length ?? 0} of ${entry.elements} elements`,
        actual?.length === entry.elements && expected.length === entry.elements,
      )
      const wrong = actual ? faults(actual, expected, entry) : ['all']
      check(`${entry.kind}: ${wrong.length} of ${entry.elements} elements are wrong, at ${wrong.slice(0, 3).join('; ')}`, wrong.length === 0)
      if (!isBlockType(type)) continue
      const { ggmlType, elements, bytes } = BLOCK_LAYOUTS[type]
      const isLayout = ggmlType === entry.ggml_type && elements === entry.block_elements && bytes === entry.block_bytes
      check(`${entry.kind}: number and sizes are those of the format`, isLayout)
    }
    return end()
  })
}
