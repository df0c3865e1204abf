/** How rows lie that kernels read four at a time: a word of each in turn. */
import { placedRows, rowBytes, scalesAt, scalesPerRow, type HeldWeight } from './held-matrix.ts'

/** Rows that lie between each other's words. */
const WOVEN = 4

const wordsOf = ({ buffer, byteOffset, byteLength }: Uint8Array): Uint32Array => new Uint32Array(buffer, byteOffset, byteLength / 4)

/** Each of the row's words to every fourth place from `at` on. */
function weave(to: Uint32Array, at: number, row: Uint32Array): void {
  for (let i = 0; i < row.length; i++) to[at + i * WOVEN] = row[i] ?? 0
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

/** The first of a row's four, counted in rows that have places, and which of them it is. */
function placeOfRow({ held, sources, rows }: HeldWeight, row: number): { readonly first: number; readonly lane: number } {
  const matrixRows = rows / sources.length
  const matrix = Math.floor(row / matrixRows)
  const placed = matrix * placedRows(held, matrixRows) + (row - matrix * matrixRows)
  return { first: placed - (placed % WOVEN), lane: placed % WOVEN }
}

/** A row's elements and scales out of the place of a weight of a woven form, as `weaveRows` takes them. */
export function unwovenRow(place: Uint8Array, weight: HeldWeight, row: number): { readonly values: Uint8Array; readonly scales: Float32Array } {
  const { held, columns } = weight
  const [words, perRow] = [rowBytes(held, columns) / 4, scalesPerRow(held, columns)]
  const { first, lane } = placeOfRow(weight, row)
  const every = (from: Uint8Array, at: number, count: number): Uint32Array => {
    const woven = wordsOf(from)
    return Uint32Array.from({ length: count }, (_, i) => woven[at + lane + i * WOVEN] ?? 0)
  }
  const elements = every(place.subarray(0, scalesAt(weight)), first * words, words)
  return { values: new Uint8Array(elements.buffer), scales: new Float32Array(every(place.subarray(scalesAt(weight)), first * perRow, perRow).buffer) }
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
  for (let i = 0; i < values.length / bytes; i++) {
    const { first, lane } = placeOfRow(weight, firstRow + i)
    weave(elements, (first * bytes) / 4 + lane, words.subarray((i * bytes) / 4, ((i + 1) * bytes) / 4))
    weave(placedScales, first * perRow + lane, scaleWords.subarray(i * perRow, (i + 1) * perRow))
  }
}
