/** Reference of top-k.wgsl: sorted by logit, the lower id first among equals; log-sum-exp in f64. */
export function topKReference(logits: Float32Array, k: number): { ids: number[]; logits: number[]; logSumExp: number } {
  const ids = Array.from(logits.keys())
    .sort((a, b) => (logits[b] ?? 0) - (logits[a] ?? 0) || a - b)
    .slice(0, k)
  const peak = logits[ids[0] ?? 0] ?? 0
  const mass = logits.reduce((sum, logit) => sum + Math.exp(logit - peak), 0)
  return { ids, logits: ids.map((id) => logits[id] ?? 0), logSumExp: peak + Math.log(mass) }
}
