/**
 * Symmetric integers in blocks along a row, weight = integer · scale; packed as MatMulNBits reads them: unsigned around the middle, of
 * 4 bits element i of a block in byte i/2, even elements low. The last block of a row is padded with zero weights.
 */
export type BlockShape = { readonly bits: 4 | 8; readonly size: 16 | 32 }

/** Rows of weights: `integers` [rows, columns], `scales` [rows, ceil(columns / size)]. */
export type IntegerRows = { readonly integers: Int8Array; readonly scales: Float32Array }

export const blocksOfRow = (columns: number, { size }: BlockShape): number => Math.ceil(columns / size)
export const blockBytes = ({ bits, size }: BlockShape): number => (bits * size) / 8
const middleOf = (bits: BlockShape['bits']): number => 2 ** (bits - 1)

/** Of largest magnitude, with its sign. */
function extremeOf(weights: Float32Array, start: number, end: number): number {
  let extreme = 0
  for (let i = start; i < end; i++) {
    const value = weights[i] ?? 0
    if (Math.abs(value) > Math.abs(extreme)) extreme = value
  }
  return extreme
}

/**
 * A block's element of largest magnitude lands on the most negative integer: the whole range is used.
 * @param weights row-major [rows, columns]
 * @param roundScale how a scale will be held; the integers are chosen for the rounded one
 * @param integers for the result's
 */
export function quantizeBlocks(
  weights: Float32Array,
  columns: number,
  shape: BlockShape,
  roundScale: (scale: number) => number = Math.fround,
  integers: Int8Array = new Int8Array(weights.length),
): IntegerRows {
  const rows = weights.length / columns
  const blocks = blocksOfRow(columns, shape)
  const middle = middleOf(shape.bits)
  const scales = new Float32Array(rows * blocks)
  for (let block = 0; block < scales.length; block++) {
    const row = Math.floor(block / blocks)
    const start = row * columns + (block % blocks) * shape.size
    const end = Math.min(start + shape.size, (row + 1) * columns)
    const scale = roundScale(extremeOf(weights, start, end) / -middle)
    scales[block] = scale
    if (scale === 0) {
      integers.fill(0, start, end)
      continue
    }
    for (let i = start; i < end; i++) integers[i] = Math.min(middle - 1, Math.max(-middle, Math.round((weights[i] ?? 0) / scale)))
  }
  return { integers, scales }
}

export const packedBytes = (rows: number, columns: number, shape: BlockShape): number => rows * blocksOfRow(columns, shape) * blockBytes(shape)

/** [rows, blocks, bytes of a block]. @param integers row-major [rows, columns] @param packed for the result */
export function packIntegers(
  integers: Int8Array,
  columns: number,
  shape: BlockShape,
  packed: Uint8Array = new Uint8Array(packedBytes(integers.length / columns, columns, shape)),
): Uint8Array {
  const { bits, size } = shape
  const middle = middleOf(bits)
  const rows = integers.length / columns
  const width = blocksOfRow(columns, shape) * size
  const unsigned = (row: number, column: number): number => (column < columns ? (integers[row * columns + column] ?? 0) : 0) + middle
  let next = 0
  for (let row = 0; row < rows; row++) {
    if (bits === 8) for (let column = 0; column < width; column++) packed[next++] = unsigned(row, column)
    else for (let column = 0; column < width; column += 2) packed[next++] = unsigned(row, column) | (unsigned(row, column + 1) << 4)
  }
  return packed
}
