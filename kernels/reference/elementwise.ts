/** Plain references of the kernels that go element by element or segment by segment, in f64. Exact up to rounding. */
import * as code from '../opcodes.ts'

/** Abramowitz and Stegun 7.1.6: Σ 2ⁿ x^(2n+1) / (1·3·…·(2n+1)) · exp(-x²) · 2/√π. */
function erf(x: number): number {
  if (Math.abs(x) > 6) return Math.sign(x)
  let [term, sum] = [x, x]
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
    term *= (2 * x * x) / (2 * n + 1)
    sum += term
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x))

/** @param kind one of opcodes' ACT_… */
export function activation(kind: number, gate: number, up: number | null, limit: number, alpha: number): number {
  const times = up ?? 1
  switch (kind) {
    case code.ACT_SILU:
      return gate * sigmoid(gate) * times
    case code.ACT_GELU:
      return gate * 0.5 * (1 + erf(gate / Math.SQRT2)) * times
    case code.ACT_GELU_TANH:
      return 0.5 * gate * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (gate + 0.044715 * gate ** 3))) * times
    case code.ACT_QUICK_GELU:
      return gate * sigmoid(1.702 * gate) * times
    case code.ACT_RELU:
      return Math.max(gate, 0) * times
    default: {
      const bounded = Math.min(gate, limit)
      return (Math.max(-limit, Math.min(limit, up ?? 0)) + 1) * bounded * sigmoid(alpha * bounded)
    }
  }
}

/** Scale, or softcap. */
export const mapped = (kind: number, x: number, value: number): number => (kind === code.MAP_SOFTCAP ? value * Math.tanh(x / value) : x * value)

/** @param bias null: none @returns a norm of one segment */
export function norm(kind: number, x: ArrayLike<number>, weight: ArrayLike<number>, bias: ArrayLike<number> | null, epsilon: number): Float64Array {
  const values = Float64Array.from(x)
  const mean = kind === code.NORM_LAYER ? values.reduce((sum, value) => sum + value, 0) / values.length : 0
  const square = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length
  return values.map((value, i) => ((value - mean) / Math.sqrt(square + epsilon)) * (weight[i] ?? 0) + (bias?.[i] ?? 0))
}

/** Rotates pairs of one head in place. @param cos and sin of each pair */
export function rotate(head: Float64Array, cos: ArrayLike<number>, sin: ArrayLike<number>, from: number, interleaved: boolean): void {
  const pairs = cos.length
  for (let i = 0; i < pairs; i++) {
    const [a, b] = interleaved ? [from + 2 * i, from + 2 * i + 1] : [from + i, from + i + pairs]
    const [x, y] = [head[a] ?? 0, head[b] ?? 0]
    head[a] = x * (cos[i] ?? 0) - y * (sin[i] ?? 0)
    head[b] = y * (cos[i] ?? 0) + x * (sin[i] ?? 0)
  }
}

/**
 * Short convolution of one sequence from its start: rows of b, c, x behind each other.
 * @param kernel [width, length] @returns [rows, width]
 */
export function convolution(
  rows: readonly ArrayLike<number>[],
  width: number,
  kernel: ArrayLike<number>,
  bias: ArrayLike<number> | null,
): number[][] {
  const length = kernel.length / width
  const products = rows.map((row) => Array.from({ length: width }, (_, i) => (row[i] ?? 0) * (row[2 * width + i] ?? 0)))
  return rows.map((row, t) =>
    Array.from({ length: width }, (_, i) => {
      let sum = bias?.[i] ?? 0
      for (let tap = 0; tap < length; tap++) sum += (products[t - length + 1 + tap]?.[i] ?? 0) * (kernel[i * length + tap] ?? 0)
      return sum * (row[width + i] ?? 0)
    }),
  )
}
