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

/** Row of nibbles in Q4_0's order. */
export const nibbleRow = (bytes: Uint8Array, scales: ArrayLike<number>, columns: number): Float64Array =>
  Float64Array.from({ length: columns }, (_, i) => {
    const [block, inBlock] = [Math.floor(i / BLOCK), i % BLOCK]
    const byte = bytes[block * (BLOCK / 2) + (inBlock % (BLOCK / 2))] ?? 0
    return ((inBlock < BLOCK / 2 ? byte & 15 : byte >> 4) - 8) * (scales[block] ?? 0)
  })
