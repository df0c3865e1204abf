/** Random attention: sequences that grow in passes of any sizes, several in one call, over caches of any capacity. */
import * as code from '../../kernels/opcodes.ts'
import { attend } from '../../kernels/reference/attention.ts'
import type { KernelCaller, Random, Row } from './simd-call.ts'
import { extreme, pick, uneven, whole } from './simd-inputs.ts'
import { ALONE, differences, type Worst } from './simd-worst.ts'

type Sequence = { readonly cache: number; readonly capacity: number; readonly keys: Float32Array[]; readonly values: Float32Array[] }
type Shape = {
  readonly heads: number
  readonly kvHeads: number
  readonly keyDim: number
  readonly valueDim: number
  readonly fixed: number
  readonly keyOffset: number
  readonly valueOffset: number
  /** Of the caches. */
  readonly held: number
}

function randomShape(random: Random): Shape {
  const [kvHeads, group] = [whole(random, 1, 3), whole(random, 1, 5)]
  const [keyDim, valueDim] = [pick(random, [4, 5, 6, 16, 20, 64, 100]), pick(random, [3, 8, 16, 36, 64])]
  const held = pick(random, [code.HELD_F32, code.HELD_INT16])
  const valueOffset = kvHeads * keyBytes(keyDim, held)
  return { heads: kvHeads * group, kvHeads, keyDim, valueDim, fixed: 4 * whole(random, 0, 9), keyOffset: 0, valueOffset, held }
}

const upTo = (multiple: number, count: number): number => multiple * Math.ceil(count / multiple)
const keyBytes = (dim: number, held: number): number => (held === code.HELD_INT16 ? 2 * upTo(2, dim) + 4 : 4 * dim)
const valueBytes = (dim: number, held: number): number => (held === code.HELD_INT16 ? 2 * upTo(8, dim) + 4 : 4 * upTo(8, dim))

const openSequence = (caller: KernelCaller, { fixed, kvHeads, keyDim, valueDim, held }: Shape, capacity: number): Sequence => ({
  cache: caller.buffer(fixed + capacity * kvHeads * (keyBytes(keyDim, held) + valueBytes(valueDim, held))),
  capacity,
  keys: [],
  values: [],
})

/** Rows of the next pass: some tokens of each sequence, one behind the other. */
function nextRows(random: Random, sequences: readonly Sequence[]): { readonly table: Row[]; readonly of: Sequence[] } {
  const [table, of]: [Row[], Sequence[]] = [[], []]
  for (const sequence of sequences) {
    const { cache, capacity, keys } = sequence
    // Where there is room, past a tile of 32 positions, of which values lie and integers have their weights.
    const count = Math.min(whole(random, 1, Math.max(7, capacity / 2)), capacity - keys.length)
    for (let i = 0; i < count; i++) {
      table.push({ cache, capacity, position: keys.length + i })
      of.push(sequence)
    }
  }
  return { table, of }
}

/** Keeps keys or values of a pass in the caches, and here. */
function keep(caller: KernelCaller, shape: Shape, rows: readonly Row[], x: Float32Array, width: number, offset: number): void {
  const { kvHeads, fixed, held } = shape
  const kind = offset === shape.keyOffset ? code.KEEP_KEYS : code.KEEP_VALUES
  const stride = 4 * kvHeads * width
  const words = { x: caller.floats(x), xStride: stride, headStride: 4 * width, heads: kvHeads, width, cacheWidth: width, column: 0 }
  caller.call('store', { ...words, fixed, offset, kind, held }, rows)
}

export function attendCall(caller: KernelCaller, random: Random, isExtreme: boolean, worst: Worst): void {
  const shape = randomShape(random)
  const { heads, kvHeads, keyDim, valueDim } = shape
  const sequences = Array.from({ length: whole(random, 1, 3) }, () =>
    openSequence(caller, shape, upTo(8, whole(random, 1, random() < 0.1 ? 150 : 30))),
  )
  const options = {
    scale: keyDim ** -0.5,
    softcap: random() < 0.3 ? 5 + 20 * random() : 0,
    window: random() < 0.3 ? whole(random, 1, 12) : 0,
  }
  const sinks = random() < 0.3 ? uneven(random, heads) : null
  const make = isExtreme ? extreme : uneven
  for (let pass = 0; pass < 3; pass++) {
    const { table, of } = nextRows(random, sequences)
    if (table.length === 0) return
    const [keys, values] = [make(random, table.length * kvHeads * keyDim), make(random, table.length * kvHeads * valueDim)]
    keep(caller, shape, table, keys, keyDim, shape.keyOffset)
    keep(caller, shape, table, values, valueDim, shape.valueOffset)
    for (const [row, sequence] of of.entries()) {
      sequence.keys.push(keys.subarray(row * kvHeads * keyDim, (row + 1) * kvHeads * keyDim))
      sequence.values.push(values.subarray(row * kvHeads * valueDim, (row + 1) * kvHeads * valueDim))
    }
    const q = make(random, table.length * heads * keyDim)
    const y = caller.buffer(4 * table.length * heads * valueDim)
    const scoresStride = 4 * Math.max(...sequences.map(({ capacity }) => capacity))
    const words = { q: caller.floats(q), qStride: 4 * heads * keyDim, ...shape, ...options, sinks: sinks ? caller.floats(sinks) : 0 }
    const scoresPart = 4 * scoresStride + 16 * (keyDim + 1) + 4 * (scoresStride / 32 + 16) + 16 * upTo(8, valueDim) + 16
    const scores = caller.buffer(scoresPart)
    const rest = { yStride: 4 * heads * valueDim, scores, scoresStride, scoresPart }
    caller.call('attend', { ...words, ...rest, y }, table)
    if (isExtreme) continue
    const results = caller.readFloats(y, table.length * heads * valueDim)
    compare(results, q, table, of, { shape, options, sinks }, worst)
    for (const [i, row] of table.entries())
      caller.call('attend', { ...words, ...rest, q: words.q + i * words.qStride, y: y + i * rest.yStride }, [row])
    worst(ALONE, differences(results, caller.readFloats(y, results.length)), 0)
  }
}

type Given = {
  readonly shape: Shape
  readonly options: { readonly scale: number; readonly softcap: number; readonly window: number }
  readonly sinks: Float32Array | null
}

function compare(
  results: Float32Array,
  q: Float32Array,
  table: readonly Row[],
  of: readonly Sequence[],
  { shape, options, sinks }: Given,
  worst: Worst,
): void {
  const { heads, kvHeads, keyDim, valueDim, held } = shape
  const isInteger = held === code.HELD_INT16
  for (const [row, { position }] of table.entries()) {
    for (let head = 0; head < heads; head++) {
      const kv = Math.floor(head / (heads / kvHeads))
      const part = (rows: readonly Float32Array[] | undefined, dim: number): Float32Array[] =>
        (rows ?? []).slice(0, position + 1).map((one) => one.subarray(kv * dim, (kv + 1) * dim))
      const [keys, values] = [part(of[row]?.keys, keyDim), part(of[row]?.values, valueDim)]
      const query = q.subarray((row * heads + head) * keyDim, (row * heads + head + 1) * keyDim)
      const expected = attend(query, keys, values, { ...options, sink: sinks?.[head] ?? null })
      // A rounding error of a score is one of the logarithm of its weight.
      const product = (key: Float32Array): number => query.reduce((sum, value, i) => sum + Math.abs(value * (key[i] ?? 0)), 0)
      const scoreError =
        1e-6 * (1 + options.scale * Math.max(...keys.map(product)) + Math.abs(sinks?.[head] ?? 0)) +
        (isInteger ? options.scale * Math.max(...keys.map((key) => stepsOfScore(query, key))) : 0)
      const largest = Math.max(...values.map(largestOf))
      // Integers of values, and of weights in tiles of 32 positions.
      const valueError = isInteger ? 0.51 * (1 / 2047 + values.length / 16_383) : 0
      for (const [i, value] of expected.entries()) {
        const actual = results[(row * heads + head) * valueDim + i] ?? NaN
        worst(isInteger ? 'attend, integers' : 'attend', Math.abs(actual - value), (2 * scoreError + 2e-6 + valueError) * largest + 1e-30)
      }
    }
  }
}

const largestOf = (values: Float32Array): number => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
const sumOf = (values: Float32Array): number => values.reduce((sum, value) => sum + Math.abs(value), 0)
/** Half a step of each integer of a query and of a key. */
const stepsOfScore = (query: Float32Array, key: Float32Array): number =>
  0.51 * ((largestOf(query) / 4095) * sumOf(key) + (largestOf(key) / 8191) * sumOf(query))
