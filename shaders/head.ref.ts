/** References of head-norm.wgsl, head-product.wgsl and head-merge.wgsl; all of them accumulate in f64. */

/** @param mean whether it is taken off, as layer norms do */
export function normReference(x: readonly number[], scale: Float32Array, shift: Float32Array, epsilon: number, hasMean: boolean): number[] {
  const mean = hasMean ? x.reduce((sum, value) => sum + value, 0) / x.length : 0
  const variance = x.reduce((sum, value) => sum + (value - mean) ** 2, 0) / x.length
  return x.map((value, i) => ((value - mean) / Math.sqrt(variance + epsilon)) * (scale[i] ?? 0) + (shift[i] ?? 0))
}

/** @param weights [rows, columns] as they are held @param softcap 0: none */
export function logitsReference(weights: Float32Array, hidden: readonly number[], scale: number, softcap: number): number[] {
  const columns = hidden.length
  return Array.from({ length: weights.length / columns }, (_, row) => {
    const logit = scale * hidden.reduce((sum, value, i) => sum + value * (weights[row * columns + i] ?? 0), 0)
    return softcap === 0 ? logit : softcap * Math.tanh(logit / softcap)
  })
}

export type ListReference = { readonly ids: number[]; readonly logits: number[]; readonly logSumExp: number }

/** The largest first, the lower id first among equals; what is no number is in no list, and makes the log-sum-exp none. */
export function listReference(logits: ArrayLike<number>, k: number): ListReference {
  const all = Array.from(logits)
  const ids = [...all.keys()]
    .filter((id) => !Number.isNaN(all[id]))
    .sort((a, b) => ((all[b] ?? 0) > (all[a] ?? 0) ? 1 : (all[b] ?? 0) < (all[a] ?? 0) ? -1 : a - b))
    .slice(0, k)
  const peak = all.reduce((most, logit) => Math.max(most, logit), -Infinity)
  const mass = all.reduce((sum, logit) => sum + Math.exp(logit - peak), 0)
  return { ids, logits: ids.map((id) => all[id] ?? NaN), logSumExp: peak + Math.log(mass) }
}
