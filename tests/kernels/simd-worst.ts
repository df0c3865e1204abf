/** Takes an error and the bound that must hold it. */
export type Worst = (name: string, error: number, bound: number) => void

/** Rows of a call, each called for again by itself: batches change nothing, to the bit. */
export const ALONE = 'rows alone'

/** How many of the numbers have not the same bits. */
export function differences(a: Float32Array, b: Float32Array): number {
  const [x, y] = [new Uint32Array(a.buffer), new Uint32Array(b.buffer)]
  return x.reduce((count, bits, i) => count + (bits === y[i] ? 0 : 1), 0)
}
