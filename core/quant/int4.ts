/**
 * Symmetric int4 in blocks of 32 along a row: w ≈ (nibble - 8) · scale. Bytes are MatMulNBits': element i of a block in byte i/2,
 * even elements in the low nibble; the last block of a row is padded with zeros.
 */
export const INT4_BLOCK = 32
const BLOCK_BYTES = INT4_BLOCK / 2
const ZERO = 8

export type Int4Blocks = {
  /** [rows, blocks, 16], blocks = ceil(columns / 32). */
  readonly nibbles: Uint8Array
  /** [rows, blocks]. */
  readonly scales: Float32Array
}

/** The block's element of largest magnitude lands exactly on -8: the whole range [-8, 7] is used. */
function blockScale(weights: Float32Array, start: number, end: number): number {
  let extreme = 0
  for (let i = start; i < end; i++) {
    const value = weights[i] ?? 0
    if (Math.abs(value) > Math.abs(extreme)) extreme = value
  }
  return extreme / -8
}

/**
 * @param weights row-major [rows, columns]
 * @param roundScale how the scale will be held (an f16 graph rounds it); the nibbles are chosen for the rounded one
 */
export function quantizeInt4(weights: Float32Array, rows: number, columns: number, roundScale: (scale: number) => number = Math.fround): Int4Blocks {
  const blocks = Math.ceil(columns / INT4_BLOCK)
  const nibbles = new Uint8Array(rows * blocks * BLOCK_BYTES).fill(ZERO | (ZERO << 4))
  const scales = new Float32Array(rows * blocks)
  for (let block = 0; block < rows * blocks; block++) {
    const row = Math.floor(block / blocks)
    const start = row * columns + (block % blocks) * INT4_BLOCK
    const end = Math.min(start + INT4_BLOCK, (row + 1) * columns)
    const scale = roundScale(blockScale(weights, start, end))
    scales[block] = scale
    if (scale === 0) continue
    for (let i = start; i < end; i++) {
      const nibble = Math.min(15, Math.max(0, Math.round((weights[i] ?? 0) / scale) + ZERO))
      const at = block * BLOCK_BYTES + ((i - start) >> 1)
      const byte = nibbles[at] ?? 0
      nibbles[at] = (i - start) & 1 ? (byte & 0x0f) | (nibble << 4) : (byte & 0xf0) | nibble
    }
  }
  return { nibbles, scales }
}

/** The weights that the blocks stand for, row-major [rows, columns]. */
export function dequantizeInt4({ nibbles, scales }: Int4Blocks, rows: number, columns: number): Float32Array {
  const blocks = Math.ceil(columns / INT4_BLOCK)
  const weights = new Float32Array(rows * columns)
  for (let i = 0; i < weights.length; i++) {
    const column = i % columns
    const block = Math.floor(i / columns) * blocks + Math.floor(column / INT4_BLOCK)
    const byte = nibbles[block * BLOCK_BYTES + ((column % INT4_BLOCK) >> 1)] ?? 0
    weights[i] = ((column & 1 ? byte >> 4 : byte & 15) - ZERO) * (scales[block] ?? 0)
  }
  return weights
}
