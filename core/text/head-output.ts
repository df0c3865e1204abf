/** What the head of a model gives the sampler for one position. */
export type HeadOutput = {
  readonly vocabSize: number
  /**
   * The largest logits, highest first, with the log-sum-exp over the whole vocabulary, when the backend computed them;
   * the sampler falls back to `readLogits` where they are not enough to be exact.
   */
  readonly shortlist: { readonly ids: Int32Array; readonly logits: Float32Array; readonly logSumExp: number } | null
  /** All logits, [vocabSize]. Valid only until the next run of the same shard. */
  readonly readLogits: () => Promise<Float32Array>
}
