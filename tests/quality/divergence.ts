/** How far one way of holding a model is from another: next-token distributions over the same texts, position by position. */

export type Divergence = {
  readonly positions: number
  /** Kullback–Leibler divergence from the reference's distribution, in nats: mean, and what 99 of 100 positions stay below. */
  readonly mean: number
  readonly p99: number
  /** Share of positions with the same likeliest token. */
  readonly top1: number
}

function logSumExp(logits: Float32Array): number {
  const most = logits.reduce((a, b) => Math.max(a, b), -Infinity)
  return most + Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - most), 0))
}

const largest = (logits: Float32Array): number => logits.reduce((best, logit, i) => (logit > (logits[best] ?? 0) ? i : best), 0)

/** Σ p (log p − log q), in f64. @param reference logits of p @param other logits of q */
export function klDivergence(reference: Float32Array, other: Float32Array): number {
  const [p, q] = [logSumExp(reference), logSumExp(other)]
  let sum = 0
  reference.forEach((logit, i) => {
    const logP = logit - p
    sum += Math.exp(logP) * (logP - ((other[i] ?? NaN) - q))
  })
  // Rounding may leave a hair below zero; NaN stays NaN.
  return sum < 0 ? 0 : sum
}

/** Of texts, each [tokens, vocab]. */
export function divergenceOf(reference: readonly Float32Array[], other: readonly Float32Array[], vocab: number): Divergence {
  const values: number[] = []
  let agreeing = 0
  reference.forEach((text, t) => {
    for (let at = 0; at < text.length; at += vocab) {
      const [p, q] = [text.subarray(at, at + vocab), (other[t] ?? new Float32Array(0)).subarray(at, at + vocab)]
      values.push(klDivergence(p, q))
      if (largest(p) === largest(q)) agreeing += 1
    }
  })
  return summed(values, agreeing)
}

function summed(values: readonly number[], agreeing: number): Divergence {
  const sorted = values.toSorted((a, b) => a - b)
  const mean = values.reduce((a, b) => a + b, 0) / values.length
  return {
    positions: values.length,
    mean,
    p99: sorted[Math.min(sorted.length - 1, Math.floor(0.99 * sorted.length))] ?? NaN,
    top1: agreeing / values.length,
  }
}

/** Of several models together: means by position, the largest p99. */
export function joined(all: readonly Divergence[]): Divergence {
  const positions = all.reduce((sum, one) => sum + one.positions, 0)
  const weighted = (of: (one: Divergence) => number): number => all.reduce((sum, one) => sum + of(one) * one.positions, 0) / positions
  return { positions, mean: weighted(({ mean }) => mean), p99: Math.max(...all.map(({ p99 }) => p99)), top1: weighted(({ top1 }) => top1) }
}
