/**
 * How matrices of floats lie: columns in stretches of at most FLOAT_COLUMNS, all alike but for the last; a stretch has all rows, in pairs, and a pair's
 * rows take turns by 16 bytes: four columns of f32, or eight of 16 bits, of which word j has column j below and column j + 4 above.
 */
import { FLOAT_COLUMNS } from '../../kernels/opcodes.ts'
import { elementBytes, paddedColumns, placedRows, rowBytes, stretchLength, type FloatForm, type HeldWeight } from './held-matrix.ts'

/** Words that a row has before it is the other one's turn. */
const TURN = 4
const PAIR = 2

const stretchColumns = (columns: number): number => paddedColumns(stretchLength(columns, FLOAT_COLUMNS))

type Stretch = {
  /** Columns of the row that lie here. */
  readonly from: number
  readonly to: number
  /** Word of the place where the row's first turn begins. */
  readonly at: number
}

function* stretchesOf({ held, sources, rows, columns }: HeldWeight<FloatForm>, row: number): Generator<Stretch> {
  const matrixRows = rows / sources.length
  const matrix = Math.floor(row / matrixRows)
  const own = row - matrix * matrixRows
  const placed = placedRows(held, matrixRows)
  const words = held === 'f32' ? 1 : 1 / 2
  const step = stretchColumns(columns)
  for (let from = 0; from < columns; from += step) {
    const to = Math.min(from + step, columns)
    const first = (matrix * elementBytes(held, matrixRows, columns)) / 4 + placed * from * words
    yield { from, to, at: first + (own - (own % PAIR)) * paddedColumns(to - from) * words + (own % PAIR) * TURN }
  }
}

function weaveWords(to: Uint32Array, at: number, row: Uint32Array): void {
  for (let i = 0; i < row.length; i += TURN, at += PAIR * TURN) for (let j = 0; j < TURN; j++) to[at + j] = row[i + j] ?? 0
}

function weaveHalves(to: Uint32Array, at: number, row: Uint16Array): void {
  for (let i = 0; i < row.length; i += 2 * TURN, at += PAIR * TURN) {
    for (let j = 0; j < TURN; j++) to[at + j] = (row[i + j] ?? 0) | ((row[i + TURN + j] ?? 0) << 16)
  }
}

const alignedTo = (bytes: Uint8Array, size: number): Uint8Array => (bytes.byteOffset % size === 0 ? bytes : bytes.slice())
const wordsOf = ({ buffer, byteOffset, byteLength }: Uint8Array): Uint32Array => new Uint32Array(buffer, byteOffset, Math.floor(byteLength / 4))
const halvesOf = ({ buffer, byteOffset, byteLength }: Uint8Array): Uint16Array => new Uint16Array(buffer, byteOffset, byteLength / 2)

/** Writes rows from `firstRow` on into the place of a weight. @param values their bits one behind the other, without padding */
export function weaveFloats(place: Uint8Array, weight: HeldWeight<FloatForm>, firstRow: number, values: Uint8Array): void {
  const { held, columns } = weight
  const to = wordsOf(place)
  const isWords = held === 'f32'
  const from = isWords ? wordsOf(alignedTo(values, 4)) : halvesOf(alignedTo(values, 2))
  for (let i = 0; i < from.length / columns; i++) {
    for (const stretch of stretchesOf(weight, firstRow + i)) {
      const part = from.subarray(i * columns + stretch.from, i * columns + stretch.to)
      if (part instanceof Uint32Array) weaveWords(to, stretch.at, part)
      else weaveHalves(to, stretch.at, part)
    }
  }
}

/** A row's bits out of the place of a weight, as `weaveFloats` takes them. */
export function unwovenFloats(place: Uint8Array, weight: HeldWeight<FloatForm>, row: number): ArrayBuffer {
  const { held, columns } = weight
  const words = wordsOf(place)
  const out = new Uint32Array(rowBytes(held, columns) / 4)
  const halves = new Uint16Array(out.buffer)
  for (const { from, to, at } of stretchesOf(weight, row)) {
    for (let column = from; column < to; column++) {
      const within = column - from
      if (held === 'f32') {
        out[column] = words[at + (within - (within % TURN)) * PAIR + (within % TURN)] ?? 0
        continue
      }
      const turn = Math.floor(within / (2 * TURN))
      const word = words[at + turn * PAIR * TURN + (within % TURN)] ?? 0
      halves[column] = within % (2 * TURN) < TURN ? word & 0xffff : word >>> 16
    }
  }
  return out.buffer
}
