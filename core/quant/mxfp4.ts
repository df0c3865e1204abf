/** MXFP4 of the OCP Microscaling specification, as gpt-oss checkpoints store it: E2M1 nibbles, one power of two for each 32. */
import type { IntegerRows } from './integer-blocks.ts'

/** E2M1 doubled: the scale is halved for it. */
const E2M1 = Int8Array.of(0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12)
export const MXFP4_BLOCK = 32
const SCALE_BIAS = 128

/** @param nibbles 16 bytes a block, the low nibble first @param exponents one byte a block, with bias 127 */
export function splitMxfp4(nibbles: Uint8Array, exponents: Uint8Array): IntegerRows {
  const integers = new Int8Array(nibbles.length * 2)
  nibbles.forEach((byte, i) => {
    integers[2 * i] = E2M1[byte & 15] ?? 0
    integers[2 * i + 1] = E2M1[byte >> 4] ?? 0
  })
  return { integers, scales: Float32Array.from(exponents, (exponent) => 2 ** (exponent - SCALE_BIAS)) }
}

/** As `splitMxfp4`, multiplied out. */
export function decodeMxfp4(nibbles: Uint8Array, exponents: Uint8Array): Float32Array {
  const { integers, scales } = splitMxfp4(nibbles, exponents)
  return Float32Array.from(integers, (integer, i) => integer * (scales[Math.floor(i / MXFP4_BLOCK)] ?? 0))
}
