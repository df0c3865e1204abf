/** What holding weights in another form does to them: sums of squares, of the differences and of the weights themselves. */
import type { IntegerRows } from './integer-blocks.ts'

export type Deviation = { readonly differences: number; readonly squares: number }

export const NO_DEVIATION: Deviation = { differences: 0, squares: 0 }

export const addDeviations = (a: Deviation, b: Deviation): Deviation => ({
  differences: a.differences + b.differences,
  squares: a.squares + b.squares,
})

/** Root mean square of the differences over that of the weights; 0 where nothing differs. */
export const relativeError = ({ differences, squares }: Deviation): number => (differences === 0 ? 0 : Math.sqrt(differences / squares))

export function deviationOf(weights: Float32Array, held: Float32Array): Deviation {
  let [differences, squares] = [0, 0]
  for (let i = 0; i < weights.length; i++) {
    const weight = weights[i] ?? 0
    differences += (weight - (held[i] ?? 0)) ** 2
    squares += weight ** 2
  }
  return { differences, squares }
}

/** Of weights, row-major [rows, columns], from the integers that stand for them. @param size of a block */
export function deviationOfIntegers(weights: Float32Array, { integers, scales }: IntegerRows, columns: number, size: number): Deviation {
  const blocks = Math.ceil(columns / size)
  let [differences, squares] = [0, 0]
  for (let start = 0, row = 0; start < weights.length; start += columns, row++) {
    for (let column = 0; column < columns; column++) {
      const weight = weights[start + column] ?? 0
      const scale = scales[row * blocks + Math.floor(column / size)] ?? 0
      differences += (weight - Math.fround((integers[start + column] ?? 0) * scale)) ** 2
      squares += weight ** 2
    }
  }
  return { differences, squares }
}

/** Of weights that are `integers` times `scales`, where `rounded` scales stand for them. */
export function deviationOfScales({ integers, scales }: IntegerRows, rounded: Float32Array, columns: number, size: number): Deviation {
  const blocks = Math.ceil(columns / size)
  let [differences, squares] = [0, 0]
  for (let start = 0, row = 0; start < integers.length; start += columns, row++) {
    for (let block = 0; block < blocks; block++) {
      const [scale, held] = [scales[row * blocks + block] ?? 0, rounded[row * blocks + block] ?? 0]
      let sum = 0
      for (let i = block * size; i < Math.min(columns, (block + 1) * size); i++) sum += (integers[start + i] ?? 0) ** 2
      squares += sum * scale ** 2
      differences += sum * (scale - held) ** 2
    }
  }
  return { differences, squares }
}
