type Elements = Float32Array | Int8Array | Uint16Array
/** Both sides of a tile stay in the first-level cache. */
const TILE = 32

/**
 * Writes row-major [rows, columns] into `target`, row-major [columns, targetRows], from its column `firstRow` on: a matrix may come
 * in blocks of rows.
 */
export function transposeInto(source: Elements, target: Elements, rows: number, columns: number, targetRows = rows, firstRow = 0): void {
  for (let rowStart = 0; rowStart < rows; rowStart += TILE) {
    const rowEnd = Math.min(rowStart + TILE, rows)
    for (let columnStart = 0; columnStart < columns; columnStart += TILE) {
      const columnEnd = Math.min(columnStart + TILE, columns)
      for (let row = rowStart; row < rowEnd; row++) {
        for (let column = columnStart; column < columnEnd; column++)
          target[column * targetRows + firstRow + row] = source[row * columns + column] ?? 0
      }
    }
  }
}
