/** Figures that come again and again: their smoothed mean, and quantiles of the last ones. */
export type Smoothed = {
  /** @param weight of the value in the mean; default a tenth */
  readonly add: (value: number, weight?: number) => void
  /** Null before the first value. */
  readonly mean: () => number | null
  /** Of the last values, `share` in [0, 1]; 0 before the first. */
  readonly quantile: (share: number) => number
}

/** Values that quantiles are taken of. */
const KEPT = 128
const WEIGHT = 0.1

export function createSmoothed(): Smoothed {
  const values: number[] = []
  let mean: number | null = null
  return {
    add: (value, weight = WEIGHT) => {
      mean = mean === null ? value : mean + weight * (value - mean)
      values.push(value)
      if (values.length > KEPT) values.shift()
    },
    mean: () => mean,
    quantile: (share) => values.toSorted((a, b) => a - b)[Math.floor(share * (values.length - 1))] ?? 0,
  }
}
