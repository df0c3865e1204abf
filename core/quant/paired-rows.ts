/**
 * Rows of heads that were stored with their rotating pairs as neighbours, in the order of halves.
 * Source: `permute` of llama.cpp's `convert_hf_to_gguf.py`.
 */

/** Where row `row` in the order of halves is stored. @param headRows rows of one head, even */
export function pairedRow(row: number, headRows: number): number {
  const half = headRows / 2
  const inHead = row % headRows
  return row - inHead + 2 * (inHead % half) + Math.floor(inHead / half)
}

/** @param values row-major [rows, columns], whole heads of `headRows` rows each, even */
export function unpairRows(values: Float32Array, headRows: number, columns: number): Float32Array {
  const rows = values.length / columns
  if (rows % headRows !== 0 || headRows % 2 !== 0) throw new Error(`${rows} rows are not whole heads of ${headRows}`)
  const out = new Float32Array(values.length)
  for (let row = 0; row < rows; row++) {
    const from = pairedRow(row, headRows)
    out.set(values.subarray(from * columns, (from + 1) * columns), row * columns)
  }
  return out
}
