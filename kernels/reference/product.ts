/** Plain references of products, in f64, and what the integer forms of a matrix stand for. */
import { BLOCK } from '../opcodes.ts'

export const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += (a[i] ?? 0) * (b[i] ?? 0)
  return sum
}

/** Σ |a · b|: what rounding errors of a product are measured against. */
export const dotOfMagnitudes = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += Math.abs((a[i] ?? 0) * (b[i] ?? 0))
  return sum
}

/** Row of bytes with a scale for each `block` of them. */
export const byteRow = (values: Int8Array, scales: ArrayLike<number>, block: number, columns: number): Float64Array =>
  Float64Array.from({ length: columns }, (_, i) => (values[i] ?? 0) * (scales[Math.floor(i / block)] ?? 0))

/** Nibble `i` of a row in Q4_0's order. */
function nibbleAt(bytes: Uint8Array, i: number): number {
  const [block, inBlock] = [Math.floor(i / BLOCK), i % BLOCK]
  const byte = bytes[block * (BLOCK / 2) + (inBlock % (BLOCK / 2))] ?? 0
  return inBlock < BLOCK / 2 ? byte & 15 : byte >> 4
}

/** Row of nibbles in Q4_0's order. */
export const nibbleRow = (bytes: Uint8Array, scales: ArrayLike<number>, columns: number): Float64Array =>
  Float64Array.from({ length: columns }, (_, i) => (nibbleAt(bytes, i) - 8) * (scales[Math.floor(i / BLOCK)] ?? 0))

/** The same with minima: nibble · scale + minimum. @param factors of each block its scale and -1/8 of its minimum */
export const minimaRow = (bytes: Uint8Array, factors: ArrayLike<number>, columns: number): Float64Array =>
  Float64Array.from({ length: columns }, (_, i) => {
    const block = Math.floor(i / BLOCK)
    return nibbleAt(bytes, i) * (factors[2 * block] ?? 0) - 8 * (factors[2 * block + 1] ?? 0)
  })
