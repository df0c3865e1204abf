import { expect, test } from 'vitest'
import { loadKernels } from '../../api-gateway/local-device-kernels.ts'
import type { StoredType } from '../../core/quant/stored.ts'
import { bytesOf, decodeStored } from '../../core/quant/stored.ts'
import { f32ToF16Bits } from '../../core/quant/float16.ts'
import {
  elementBytes,
  HELD_CODES,
  heldBytesOf,
  scaleBytes,
  scalesAt,
  scalesPerRow,
  type HeldWeight,
  type MatrixForm,
} from '../../core/simd/held-matrix.ts'
import { packRows, placeRows, takeBlocks, type PackedRows } from '../../core/simd/pack.ts'
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

function put(held: MatrixForm, type: StoredType, bytes: Uint8Array, rows: number, columns: number) {
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

/** Where JavaScript puts the same rows. */
function placed(weight: HeldWeight, rows: PackedRows): Uint8Array {
  const place = new Uint8Array(heldBytesOf(weight))
  placeRows(place, weight, 0, rows)
  return place
}

const SHAPES = [
  [1, 16],
  [3, 32],
  [2, 40],
  [5, 100],
  [7, 576],
  [2, 4100],
  [190, 576],
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
        const place = placed(got.weight, expected)
        const scalesIn = (bytes: Uint8Array) => [...new Float32Array(bytes.buffer, scalesAt(got.weight))].map(unsigned)
        expect(scalesIn(got.bytes), `${type} scales of ${rows} x ${columns}`).toEqual(scalesIn(place))
        // A value halfway between two integers may become either.
        const apart = [...got.bytes.subarray(0, scalesAt(got.weight))].filter((byte, i) => byte !== place[i]).length
        expect(apart, `${type} ${rows} x ${columns}`).toBeLessThanOrEqual(Math.ceil(values.length / 500))
        expect(Math.abs((got.deviation?.differences ?? NaN) - expected.deviation.differences)).toBeLessThanOrEqual(
          1e-3 * expected.deviation.differences,
        )
        const last = heldRow(got.weight, got.bytes, rows - 1)
        // The end opposite to the extreme is one step short.
        const step = (expected.scales ?? new Float32Array(0))
          .subarray((rows - 1) * scalesPerRow(held, columns))
          .reduce((most, scale) => Math.max(most, Math.abs(scale)), 0)
        last.forEach((value, i) => expect(Math.abs(value - (values[(rows - 1) * columns + i] ?? NaN))).toBeLessThanOrEqual(1.01 * step))
      }
    }
  },
)

test.each(['f32', 'f16', 'bf16', 'int8-rows', 'int8-blocks', 'int4-blocks'] as const)(
  'matrices of a stack in %s begin with places of their own',
  (held) => {
    // Two stretches of integers or floats.
    const [rows, columns] = [5, 1600]
    const memory = createSimdMemory({ expectedBytes: 2 ** 20, maxBytes: 2 ** 24, isShared: false })
    const refs = ['a', 'b', 'c'].map((tensor) => ({ tensor, shape: [rows, columns] }))
    const stored = refs.map((_, i) => bytesOf(weights(rows, columns, 9 + i)))
    const weight = { held, sources: refs, rows: refs.length * rows, columns }
    const place = { weight, address: memory.reserve(heldBytesOf(weight)) }
    const location = { file: '', type: 'f32', shape: [rows, columns], start: 0, end: 4 * rows * columns } as const
    const putter = weightPutter({ memory, hold: kernels.hold(memory.memory) }, [place], new Map(refs.map(({ tensor }) => [tensor, location])))
    refs.forEach((ref, i) => putter.rows(place, ref, i * rows, () => ({ type: 'f32', bytes: stored[i] ?? new Uint8Array(0) })))
    const got = memory.bytes().subarray(place.address, place.address + heldBytesOf(weight))
    refs.forEach((ref, i) => {
      const alone = put(held, 'f32', stored[i] ?? new Uint8Array(0), rows, columns)
      const [elements, scales] = [elementBytes(held, rows, columns), scaleBytes(held, rows, columns)]
      expect(got.slice(i * elements, (i + 1) * elements), ref.tensor).toEqual(alone.bytes.slice(0, elements))
      const [at, aloneAt] = [scalesAt(weight) + i * scales, scalesAt(alone.weight)]
      expect(got.slice(at, at + scales), ref.tensor).toEqual(alone.bytes.slice(aloneAt, aloneAt + scales))
    })
    putter.close()
  },
)

// Of 2600 columns are three stretches of floats, the last of them shorter.
test.each([
  [3, 100],
  [7, 2600],
  [1, 3],
])('a matrix of any held form gives its %i rows of %i back', (rows, columns) => {
  const values = truncated(weights(rows, columns, 5))
  // Nibbles with minima are never made of floats.
  for (const held of (Object.keys(HELD_CODES) as MatrixForm[]).filter((name) => name !== 'int4-minima')) {
    const { weight, bytes } = put(held, 'f32', bytesOf(values), rows, columns)
    for (let row = 0; row < rows; row++) {
      const [own, back] = [values.subarray(row * columns, (row + 1) * columns), heldRow(weight, bytes, row)]
      expect(back.length).toBe(columns)
      const largest = Math.max(...own.map(Math.abs))
      const bound = held.startsWith('int') ? (held === 'int4-blocks' ? 1 / 8 : 1 / 127) : held === 'f16' ? 2 ** -10 : 0
      const worst = Math.max(...back.map((value, i) => Math.abs(value - (own[i] ?? NaN))))
      expect(worst, `${held}, row ${row}`).toBeLessThanOrEqual(bound * largest)
    }
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
    expect(bytes).toEqual(placed(weight, taken))
    expect([...heldRow(weight, bytes, 0)].map(unsigned)).toEqual([...decodeStored(stored, type)].map(unsigned))
  }
})

test.each([
  ['q4_1', 20, 32],
  ['q4_k', 144, 256],
] as const)('nibbles, scales and minima of %s are held as they are stored, bit for bit, in rows woven in fours', (type, blockBytes, elements) => {
  const [rows, columns] = [6, 2 * elements]
  const stored = Uint8Array.from({ length: (rows * columns * blockBytes) / elements }, (_, i) => (i * 2654435761) >>> 24)
  const view = new DataView(stored.buffer)
  for (let at = 0, block = 1; at < stored.length; at += blockBytes, block++) {
    view.setUint16(at, f32ToF16Bits(0.013 * block), true)
    view.setUint16(at + 2, f32ToF16Bits(-0.07 / block), true)
  }
  const { weight, bytes, deviation } = put('int4-minima', type, stored, rows, columns)
  expect(deviation?.differences).toBe(0)
  const decoded = decodeStored(stored, type)
  expect(new Set(decoded).size).toBeGreaterThan(columns)
  for (let row = 0; row < rows; row++)
    expect([...heldRow(weight, bytes, row)].map(unsigned)).toEqual([...decoded.subarray(row * columns, (row + 1) * columns)].map(unsigned))
})
