/**
 * How rows lie that kernels read four at a time: a word of each in turn, and that in stretches of at most STRETCH_BLOCKS blocks, each with all rows.
 * Beyond, a token's activations fill more than a page, and what reads weights ahead of the kernel loses them.
 */
import { STRETCH_BLOCKS } from '../../kernels/opcodes.ts'
import { blocksOf, placedRows, rowBytes, scalesAt, scalesPerRow, stretchLength, type HeldWeight } from './held-matrix.ts'

/** Rows that lie between each other's words. */
const WOVEN = 4

const wordsOf = ({ buffer, byteOffset, byteLength }: Uint8Array): Uint32Array => new Uint32Array(buffer, byteOffset, byteLength / 4)

/** Words of a row that lie together: [from, to) of it, every fourth place from `at` on. */
type Stretch = { readonly from: number; readonly to: number; readonly at: number }

/** Of a row of so many words: as many for each block, or one for all of it. */
function* stretchesOf(weight: HeldWeight, row: number, words: number): Generator<Stretch> {
  const { held, sources, rows, columns } = weight
  const matrixRows = rows / sources.length
  const matrix = Math.floor(row / matrixRows)
  const own = row - matrix * matrixRows
  const [placed, lane] = [placedRows(held, matrixRows), own % WOVEN]
  const blocks = blocksOf(columns)
  const step = stretchLength(blocks, STRETCH_BLOCKS) * Math.ceil(words / blocks)
  for (let from = 0; from < words; from += step) {
    const to = Math.min(from + step, words)
    yield { from, to, at: placed * (matrix * words + from) + (own - lane) * (to - from) + lane }
  }
}

/**
 * Q4_0's nibbles (element i low in byte i, element i + 16 high) as kernels take them: byte i of a word holds elements i (low) and i + 4 (high) of eight.
 * @returns as many bytes, rows where they were
 */
export function eightsOfNibbles(values: Uint8Array): Uint8Array {
  const from = wordsOf(values.byteOffset % 4 === 0 ? values : values.slice())
  const out = new Uint32Array(from.length)
  for (let block = 0; block < from.length; block += 4) {
    for (const half of [0, 2]) {
      const [a, b] = [from[block + half] ?? 0, from[block + half + 1] ?? 0]
      out[block + half / 2] = (a & 0x0f0f0f0f) | ((b & 0x0f0f0f0f) << 4)
      out[block + 2 + half / 2] = ((a >>> 4) & 0x0f0f0f0f) | (b & 0xf0f0f0f0)
    }
  }
  return new Uint8Array(out.buffer)
}

/** Q4_0's nibbles back. @returns as many bytes, rows where they were */
export function nibblesOfEights(values: Uint8Array): Uint8Array {
  const from = wordsOf(values.byteOffset % 4 === 0 ? values : values.slice())
  const out = new Uint32Array(from.length)
  for (let block = 0; block < from.length; block += 4) {
    for (const half of [0, 1]) {
      const [low, high] = [from[block + half] ?? 0, from[block + half + 2] ?? 0]
      out[block + 2 * half] = (low & 0x0f0f0f0f) | ((high & 0x0f0f0f0f) << 4)
      out[block + 2 * half + 1] = ((low >>> 4) & 0x0f0f0f0f) | (high & 0xf0f0f0f0)
    }
  }
  return new Uint8Array(out.buffer)
}

/** A row's elements and scales out of the place of a weight of a woven form, as `weaveRows` takes them. */
export function unwovenRow(place: Uint8Array, weight: HeldWeight, row: number): { readonly values: Uint8Array; readonly scales: Float32Array } {
  const { held, columns } = weight
  const unwoven = (bytes: Uint8Array, count: number): ArrayBuffer => {
    const woven = wordsOf(bytes)
    const words = new Uint32Array(count)
    for (const { from, to, at } of stretchesOf(weight, row, count)) for (let i = from; i < to; i++) words[i] = woven[at + (i - from) * WOVEN] ?? 0
    return words.buffer
  }
  const elements = unwoven(place.subarray(0, scalesAt(weight)), rowBytes(held, columns) / 4)
  return { values: new Uint8Array(elements), scales: new Float32Array(unwoven(place.subarray(scalesAt(weight)), scalesPerRow(held, columns))) }
}

/**
 * Writes rows from `firstRow` on into the place of a weight of a woven form; of a stack, each matrix begins with four rows of its own.
 * @param values of the rows one behind the other @param scales of each row, one behind the other
 */
export function weaveRows(place: Uint8Array, weight: HeldWeight, firstRow: number, values: Uint8Array, scales: Float32Array | null): void {
  const { held, columns } = weight
  const bytes = rowBytes(held, columns)
  const perRow = scalesPerRow(held, columns)
  const elements = wordsOf(place.subarray(0, scalesAt(weight)))
  const placedScales = wordsOf(place.subarray(scalesAt(weight)))
  const words = wordsOf(values.byteOffset % 4 === 0 ? values : values.slice())
  const scaleWords = scales ? new Uint32Array(scales.buffer, scales.byteOffset, scales.length) : new Uint32Array(0)
  const weave = (to: Uint32Array, row: number, own: Uint32Array): void => {
    for (const stretch of stretchesOf(weight, row, own.length))
      for (let i = stretch.from; i < stretch.to; i++) to[stretch.at + (i - stretch.from) * WOVEN] = own[i] ?? 0
  }
  for (let i = 0; i < values.length / bytes; i++) {
    weave(elements, firstRow + i, words.subarray((i * bytes) / 4, ((i + 1) * bytes) / 4))
    weave(placedScales, firstRow + i, scaleWords.subarray(i * perRow, (i + 1) * perRow))
  }
}
