/** MXFP4 of the OCP Microscaling specification, as gpt-oss checkpoints store it: E2M1 nibbles, one power of two for each 32. */
const E2M1 = Float32Array.of(0, 0.5, 1, 1.5, 2, 3, 4, 6, -0, -0.5, -1, -1.5, -2, -3, -4, -6)
export const MXFP4_BLOCK = 32
const SCALE_BIAS = 127

/** @param nibbles 16 bytes a block, the low nibble first @param scales one byte a block: exponent with bias 127 */
export function decodeMxfp4(nibbles: Uint8Array, scales: Uint8Array): Float32Array {
  const values = new Float32Array(nibbles.length * 2)
  for (let i = 0; i < nibbles.length; i++) {
    const byte = nibbles[i] ?? 0
    const scale = 2 ** ((scales[i >> 4] ?? 0) - SCALE_BIAS)
    values[2 * i] = (E2M1[byte & 15] ?? 0) * scale
    values[2 * i + 1] = (E2M1[byte >> 4] ?? 0) * scale
  }
  return values
}
