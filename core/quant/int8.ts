/** Symmetric int8 with one scale per output row: w ≈ value · scale, value in [-127, 127]. */

export type Int8Rows = {
  /** Row-major [rows, columns]. */
  readonly values: Int8Array
  /** [rows]. A row of zeros has scale 1. */
  readonly scales: Float32Array
}

function largestMagnitude(values: Float32Array): number {
  let largest = 0
  for (let i = 0; i < values.length; i++) largest = Math.max(largest, Math.abs(values[i] ?? 0))
  return largest
}

/** @param weights row-major [rows, columns] @param values for the result's */
export function quantizeInt8Rows(weights: Float32Array, rows: number, columns: number, values: Int8Array = new Int8Array(rows * columns)): Int8Rows {
  const scales = new Float32Array(rows)
  for (let row = 0; row < rows; row++) {
    const source = weights.subarray(row * columns, (row + 1) * columns)
    const largest = largestMagnitude(source)
    const scale = largest === 0 ? 1 : Math.fround(largest / 127)
    scales[row] = scale
    for (let i = 0; i < columns; i++) values[row * columns + i] = Math.round((source[i] ?? 0) / scale)
  }
  return { values, scales }
}
