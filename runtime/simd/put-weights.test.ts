import { expect, test } from 'vitest'
import { loadKernels } from '../../api-gateway/local-device-kernels.ts'
import type { StoredType } from '../../core/quant/stored.ts'
import { bytesOf } from '../../core/quant/stored.ts'
import { f32ToF16Bits } from '../../core/quant/float16.ts'
import { HELD_CODES, heldBytesOf, rowBytes, scalesAt, scalesPerRow, type Held } from '../../core/simd/held-matrix.ts'
import { packRows, takeBlocks } from '../../core/simd/pack.ts'
import { heldRow } from '../../core/simd/tied-table.ts'
import { createSimdMemory } from './simd-memory.ts'
import { weightPutter } from './put-weights.ts'

const kernels = await loadKernels()

/** Uneven scales, a few large outliers, blocks of zeros, and two elements of a size with different signs. */
function weights(rows: number, columns: number, seed: number): Float32Array<ArrayBuffer> {
  let state = seed
  const next = (): number => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 31 - 1
  const values = Float32Array.from({ length: rows * columns }, (_, i) => next() * 10 ** Math.floor(3 * next()) * (i % 61 === 7 ? 40 : 1))
  values.fill(0, 0, Math.min(columns, 32))
  if (rows > 1) values.set([3000, -3000], columns + 2)
  return values
}

/** Upper halves: what bf16 has of them. */
const truncated = (values: Float32Array<ArrayBuffer>): Float32Array<ArrayBuffer> =>
  new Float32Array(Uint32Array.from(new Uint32Array(values.buffer), (bits) => bits & 0xffff0000).buffer)

function put(held: Held, type: StoredType, bytes: Uint8Array, rows: number, columns: number) {
  const memory = createSimdMemory({ expectedBytes: 2 ** 20, maxBytes: 2 ** 24, isShared: false })
  const ref = { tensor: 'w', shape: [rows, columns] }
  const weight = { held, sources: [ref], rows, columns }
  const place = { weight, address: memory.reserve(heldBytesOf(weight)) }
  const tensors = new Map([['w', { file: '', type, shape: [rows, columns], start: 0, end: bytes.length }]])
  const putter = weightPutter({ memory, hold: kernels.hold(memory.memory) }, [place], tensors)
  const deviation = putter.rows(place, ref, 0, () => ({ type, bytes }))
  putter.close()
  return { weight, deviation, bytes: memory.bytes().slice(place.address, place.address + heldBytesOf(weight)) }
}

/** Zero has no sign here. */
const unsigned = (value: number): number => value + 0

const SHAPES = [
  [1, 16],
  [3, 32],
  [2, 40],
  [5, 100],
  [7, 576],
  [2, 4100],
] as const

test.each(['int8-rows', 'int8-blocks', 'int8-blocks16', 'int4-blocks'] as const)(
  'rows in %s are those of the reference, from f32 and from bf16',
  (held) => {
    // The reference leaves no scale for a half of a block that has no elements.
    for (const [rows, columns] of SHAPES.filter(([, width]) => held !== 'int8-blocks16' || width % 32 === 0)) {
      const values = truncated(weights(rows, columns, rows * columns))
      const expected = packRows(held, values, columns)
      const upper = Uint16Array.from(new Uint32Array(values.buffer), (bits) => bits >>> 16)
      for (const [type, stored] of [
        ['f32', bytesOf(values)],
        ['bf16', bytesOf(upper)],
      ] as const) {
        const got = put(held, type, stored, rows, columns)
        const scales = new Float32Array(got.bytes.buffer, scalesAt(got.weight), rows * scalesPerRow(held, columns))
        expect([...scales].map(unsigned), `${type} scales of ${rows} x ${columns}`).toEqual([...(expected.scales ?? [])].map(unsigned))
        // A value halfway between two integers may become either.
        const apart = [...got.bytes.subarray(0, rows * rowBytes(held, columns))].filter((byte, i) => byte !== expected.values[i]).length
        expect(apart, `${type} ${rows} x ${columns}`).toBeLessThanOrEqual(Math.ceil(values.length / 500))
        expect(Math.abs((got.deviation?.differences ?? NaN) - expected.deviation.differences)).toBeLessThanOrEqual(
          1e-3 * expected.deviation.differences,
        )
        const [first = NaN] = heldRow(got.weight, got.bytes, rows - 1).subarray(columns - 1)
        // The end opposite to the extreme is one step short.
        const step = Math.max(...scales.subarray((rows - 1) * scalesPerRow(held, columns)).map(Math.abs))
        expect(Math.abs(first - (values.at(-1) ?? NaN))).toBeLessThanOrEqual(1.01 * step)
      }
    }
  },
)

test('a matrix of any held form gives its rows back', () => {
  const [rows, columns] = [3, 100]
  const values = truncated(weights(rows, columns, 5))
  for (const held of Object.keys(HELD_CODES) as Held[]) {
    const { weight, bytes } = put(held, 'f32', bytesOf(values), rows, columns)
    const back = heldRow(weight, bytes, 2)
    expect(back.length).toBe(columns)
    const largest = Math.max(...values.subarray(200).map(Math.abs))
    const bound = held.startsWith('int') ? (held === 'int4-blocks' ? 1 / 8 : 1 / 127) : held === 'f16' ? 2 ** -10 : 0
    back.forEach((value, i) => expect(Math.abs(value - (values[200 + i] ?? NaN)), `${held} ${i}`).toBeLessThanOrEqual(bound * largest))
  }
})

test('blocks of Q4_0 and Q8_0 are taken as they lie, their scales apart', () => {
  const block = (size: number, scale: number) => [
    f32ToF16Bits(scale) & 255,
    f32ToF16Bits(scale) >> 8,
    ...Array.from({ length: size }, (_, i) => (i * 37) & 255),
  ]
  for (const [type, held, size] of [
    ['q4_0', 'int4-blocks', 16],
    ['q8_0', 'int8-blocks', 32],
  ] as const) {
    const stored = Uint8Array.from([...block(size, 0.5), ...block(size, -2)])
    const taken = takeBlocks(type, stored)
    expect([...(taken.scales ?? [])]).toEqual([0.5, -2])
    const { weight, bytes, deviation } = put(held, type, stored, 1, 64)
    expect(deviation?.differences).toBe(0)
    expect(bytes.subarray(0, 2 * size)).toEqual(taken.values)
    expect(heldRow(weight, bytes, 0)[33]).toBe(type === 'q4_0' ? ((37 & 15) - 8) * -2 : 37 * -2)
  }
})
