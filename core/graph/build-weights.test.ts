import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import type { WeightRef } from '../arch/layer-builder.ts'
import type { TensorIndex, TensorLocation } from '../model/safetensors.ts'
import { relativeError } from '../quant/deviation.ts'
import { decodeMxfp4 } from '../quant/mxfp4.ts'
import { asFloat32, asUint16, bytesOf, decodeStored, type StoredType } from '../quant/stored.ts'
import { f16ToF32Array, f32ToF16Array, f32ToF16Bits } from '../quant/float16.ts'
import { unpairRows } from '../quant/paired-rows.ts'
import { blockFormOf, type BlockForm } from './block-form.ts'
import { buildWeights } from './build-weights.ts'
import { fidelityOf, quantizationOf } from './fidelity.ts'
import type { WeightPlan } from './weight-plan.ts'
import { columnsOf, rowsOf, type PartLookup, type StoredPart } from './weight-source.ts'

const place = z.object({ offset: z.number(), bytes: z.number() })
const manifestSchema = z.object({
  entries: z.array(z.object({ type: z.string().toLowerCase(), kind: z.string(), elements: z.number(), raw: place })),
})
const fixture = (name: string): Buffer => readFileSync(new URL(`../../tests/fixtures/quant/${name}`, import.meta.url))
const { entries } = manifestSchema.parse(JSON.parse(fixture('manifest.json').toString()))
const blob = new Uint8Array(fixture('blocks.bin'))

const COLUMNS = 256
type Stored = { readonly type: StoredType; readonly bytes: Uint8Array; readonly rows: number }
const isStoredType = (type: string): type is StoredType => type !== 'u8'
/** Bell-shaped, as weights are; a few stand out. */
const floats = Float32Array.from(
  { length: 8 * COLUMNS },
  (_, i) => 0.02 * (Math.sin(i * 1.3) + Math.sin(i * 2.9) + Math.sin(i * 7.7)) * (i % 97 === 0 ? 3 : 1),
)

/** Weights as a matrix of 256 columns: blocks that a quantizer made, or floats. */
function storedAs(type: string): Stored {
  if (type === 'f32') return { type, bytes: bytesOf(floats), rows: 8 }
  if (type === 'f16') return { type, bytes: bytesOf(f32ToF16Array(floats)), rows: 8 }
  if (type === 'bf16') return { type, bytes: bytesOf(Uint16Array.from(new Uint32Array(floats.buffer), (bits) => bits >>> 16)), rows: 8 }
  const entry = entries.find((candidate) => candidate.type === type && candidate.kind === 'quantized') ?? entries.find((one) => one.type === type)
  if (!entry || !isStoredType(type)) throw new Error(`no fixture of ${type}`)
  const { offset, bytes } = entry.raw
  return { type, bytes: blob.slice(offset, offset + bytes), rows: entry.elements / COLUMNS }
}

const refOf = ({ rows }: Stored, change: Partial<WeightRef> = {}): WeightRef => ({ tensor: 'w', shape: [rows, COLUMNS], ...change })
/** @param others types of further matrices in the file, named by their index */
function indexOf({ type, bytes, rows }: Stored, others: readonly StoredType[] = []): TensorIndex {
  const tensors: readonly (readonly [string, TensorLocation])[] = [
    ['w', { file: 'f', type, shape: [rows, COLUMNS], start: 0, end: bytes.length }],
    ...others.map((other, i) => [String(i), { file: 'f', type: other, shape: [1, COLUMNS], start: 0, end: 0 }] as const),
  ]
  return new Map(tensors)
}

type Options = { readonly form: BlockForm; readonly floatType?: 'f32' | 'f16'; readonly part?: Partial<StoredPart> }
/** Holds a reference in blocks and reads back what the blocks stand for, straight from the bytes. */
function hold(ref: WeightRef, parts: readonly StoredPart[], { form, floatType = 'f32', part = {} }: Options) {
  const [rows, columns] = [rowsOf(ref), columnsOf(ref)]
  const blocks = Math.ceil(columns / form.size)
  const integers = new Uint8Array((rows * blocks * form.size * form.bits) / 8)
  const scaleBytes = new Uint8Array(rows * blocks * (floatType === 'f16' ? 2 : 4))
  const plan: WeightPlan = { recipe: 'blocks', form, sources: [ref], floatType, tensors: [] }
  const queue = [...parts]
  const lookup: PartLookup = (key) => {
    const found = key.startsWith('scales') ? parts[1] : queue[0]
    if (!found) throw new Error(`no part ${key}`)
    return { ...found, ...part }
  }
  const deviation = buildWeights(plan, lookup, [integers, scaleBytes])
  const scales = floatType === 'f16' ? f16ToF32Array(asUint16(scaleBytes)) : asFloat32(scaleBytes)
  const held = Float32Array.from({ length: rows * columns }, (_, i) => {
    const [row, column] = [Math.floor(i / columns), i % columns]
    const at = row * blocks * form.size + column
    const byte = integers[(at * form.bits) >> 3] ?? 0
    const integer = form.bits === 8 ? byte - 128 : ((at & 1 ? byte >> 4 : byte) & 15) - 8
    return integer * (scales[row * blocks + Math.floor(column / form.size)] ?? 0)
  })
  return { held, error: relativeError(deviation ?? { differences: NaN, squares: 1 }), plan, deviation }
}
const rms = (values: Iterable<number>): number => Math.sqrt([...values].reduce((sum, value) => sum + value ** 2, 0))
const errorOf = (weights: Float32Array, held: Float32Array): number => rms(weights.map((weight, i) => weight - (held[i] ?? 0))) / rms(weights)

describe('stored blocks that are integers and scales are held as they are', () => {
  const FORMS: Readonly<Record<string, { readonly bits: 4 | 8; readonly size: 16 | 32 }>> = {
    q4_0: { bits: 4, size: 32 },
    q3_k: { bits: 4, size: 16 },
    tq1_0: { bits: 4, size: 32 },
    tq2_0: { bits: 4, size: 32 },
    q5_0: { bits: 8, size: 32 },
    q8_0: { bits: 8, size: 32 },
    iq4_nl: { bits: 8, size: 32 },
    iq4_xs: { bits: 8, size: 32 },
    mxfp4: { bits: 8, size: 32 },
    q6_k: { bits: 8, size: 16 },
  }
  for (const [type, shape] of Object.entries(FORMS)) {
    test(`${type} as int${shape.bits} in blocks of ${shape.size}: every weight bit for bit, error 0`, () => {
      const stored = storedAs(type)
      const form = blockFormOf(refOf(stored), indexOf(stored), 'int8')
      expect(form).toEqual({ ...shape, isRepacked: true })
      const { held, error } = hold(refOf(stored), [stored], { form })
      const weights = decodeStored(stored.bytes, stored.type)
      expect(rms(weights)).toBeGreaterThan(0)
      // Zero has no sign in integers.
      expect(held.map((value) => value + 0)).toEqual(weights.map((value) => value + 0))
      expect(error).toBe(0)
    })
  }

  test('rows in another order, heads stored in pairs and rows of zeros stay exact', () => {
    const stored = storedAs('q8_0')
    expect(stored.rows).toBeGreaterThanOrEqual(4)
    const rows = stored.rows - (stored.rows % 4)
    const cut: Stored = { ...stored, rows, bytes: stored.bytes.slice(0, (rows * COLUMNS * 34) / 32) }
    const order = [3, -1, 0, 2, 1]
    const form = { bits: 8, size: 32, isRepacked: true } as const
    const { held, error } = hold(refOf(cut, { order }), [cut], { form, part: { pairedRows: 4 } })
    const weights = unpairRows(decodeStored(cut.bytes, cut.type), 4, COLUMNS)
    const expected = order.flatMap((row) => (row < 0 ? Array<number>(COLUMNS).fill(0) : [...weights.subarray(row * COLUMNS, (row + 1) * COLUMNS)]))
    expect(held.map((value) => value + 0)).toEqual(Float32Array.from(expected, (value) => value + 0))
    expect(error).toBe(0)
  })

  test('a part of packed rows, and MXFP4 of safetensors with its scales apart', () => {
    const stored = storedAs('q4_0')
    const form = { bits: 4, size: 32, isRepacked: true } as const
    const ref = refOf(stored, { rows: { start: 1, end: 2 } })
    const rowBytes = (COLUMNS * 18) / 32
    const { held } = hold(ref, [{ ...stored, bytes: stored.bytes.slice(rowBytes, 2 * rowBytes) }], { form })
    expect(held.map((value) => value + 0)).toEqual(
      decodeStored(stored.bytes, 'q4_0')
        .slice(COLUMNS, 2 * COLUMNS)
        .map((value) => value + 0),
    )

    const nibbles = Uint8Array.from({ length: (2 * 64) / 2 }, (_, i) => (i * 73) % 256)
    const exponents = Uint8Array.of(120, 127, 131, 125)
    const packed: WeightRef = { tensor: 'blocks', shape: [1, 2, 64], item: 0, mxfp4Scales: 'scales' }
    const parts: readonly StoredPart[] = [
      { type: 'u8', bytes: nibbles },
      { type: 'u8', bytes: exponents },
    ]
    const mxfp4 = hold(packed, parts, { form: blockFormOf(packed, new Map(), 'int8') })
    expect(mxfp4.held.map((value) => value + 0)).toEqual(decodeMxfp4(nibbles, exponents).map((value) => value + 0))
    expect(mxfp4.error).toBe(0)
  })

  test('in an f16 graph scales that are halves stay exact, products of them cost what they cost', () => {
    for (const [type, bound] of [
      ['q4_0', 0],
      ['q8_0', 0],
      ['q6_k', 5e-4],
    ] as const) {
      const stored = storedAs(type)
      // The fixture's are larger than any weight; the last two bytes of a block of Q6_K are its scale.
      if (type === 'q6_k')
        for (let at = 208; at < stored.bytes.length; at += 210)
          new DataView(stored.bytes.buffer).setUint16(at, f32ToF16Bits(1e-4 * (1 + at / 999)), true)
      const { held, error } = hold(refOf(stored), [stored], { form: blockFormOf(refOf(stored), indexOf(stored), 'int8'), floatType: 'f16' })
      expect(error).toBeCloseTo(errorOf(decodeStored(stored.bytes, stored.type), held), 7)
      expect(error).toBeLessThanOrEqual(bound)
      if (bound > 0) expect(error).toBeGreaterThan(0)
    }
  })
})

describe('everything else is quantized once, and its error measured', () => {
  for (const type of ['f32', 'f16', 'bf16', 'q4_1', 'q5_1', 'q2_k', 'q4_k', 'q5_k'] as const) {
    for (const [format, bits, least, most] of [
      ['int8', 8, 0.001, 0.012],
      ['int4', 4, 0.02, 0.14],
    ] as const) {
      test(`${type} in ${format}: the error told is the one computed from the bytes`, () => {
        const stored = storedAs(type)
        const form = blockFormOf(refOf(stored), indexOf(stored), format)
        expect(form).toEqual({ bits, size: 32, isRepacked: false })
        const { held, error } = hold(refOf(stored), [stored], { form })
        const weights = decodeStored(stored.bytes, stored.type)
        expect(error).toBeCloseTo(errorOf(weights, held), 6)
        expect(error).toBeGreaterThan(least)
        expect(error).toBeLessThan(most)
      })
    }
  }
})

test('within int4 a tensor keeps 8 bits only where its file gives it over a bit more than most', () => {
  const stored = storedAs('q6_k')
  const mixed = indexOf(stored, ['q4_k', 'q4_k', 'f32', 'f32', 'f32'])
  expect(blockFormOf(refOf(stored), mixed, 'int4')).toEqual({ bits: 8, size: 16, isRepacked: true })
  expect(blockFormOf(refOf(stored), indexOf(stored, ['q6_k', 'q4_k']), 'int4')).toEqual({ bits: 4, size: 32, isRepacked: false })
  expect(blockFormOf({ tensor: '0', shape: [1, COLUMNS] }, mixed, 'int4')).toEqual({ bits: 4, size: 32, isRepacked: false })
})

test('a report counts matrices and tells the worst and the mean error of all their weights, class by class', () => {
  const location = { file: 'f', type: 'f32', shape: [1, 1], start: 0, end: 4 } as const
  const names = ['q', 'k', 'head', 'up']
  const tensors: TensorIndex = new Map(names.map((name) => [name, location]))
  const plan = (floatType: 'f32' | 'f16', ...sources: readonly string[]): WeightPlan => ({
    recipe: 'transposed',
    sources: sources.map((tensor) => ({ tensor, shape: [1, 1] })),
    floatType,
    tensors: [],
  })
  const report = quantizationOf([
    fidelityOf(plan('f16', 'q', 'k'), tensors, { differences: 1, squares: 100 }),
    fidelityOf(plan('f16', 'up'), tensors, { differences: 0, squares: 200 }),
    // Two pieces of one matrix.
    fidelityOf(plan('f16', 'head'), tensors, { differences: 0, squares: 50 }),
    fidelityOf(plan('f16', 'head'), tensors, { differences: 0, squares: 50 }),
    fidelityOf(plan('f32', 'up'), tensors, { differences: 0, squares: 84 }),
  ])
  expect(report).toMatchObject({ losslessTensors: 3, requantizedTensors: 2, worstError: 0.1, meanError: Math.sqrt(1 / 484) })
  expect(report.classes).toEqual([
    { stored: 'f32', held: 'f16', lossless: 2, requantized: 2, worstError: 0.1, meanError: 0.05 },
    { stored: 'f32', held: 'f32', lossless: 1, requantized: 0, worstError: 0, meanError: 0 },
  ])
})
