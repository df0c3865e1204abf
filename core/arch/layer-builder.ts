/**
 * The words in which an architecture states its layer. What a call builds is the backend's business: nodes of a graph, a list
 * of kernel calls, or a sum of bytes. `V` is the backend's value; activations are [tokens, width], width as the comments say.
 */

/** A tensor of the checkpoint as a layer uses it: named, never copied into the description. */
export type WeightRef = {
  readonly tensor: string
  /** As stored: [out, in] of a matrix, [n] of a vector, [items, …] of a stack of either. */
  readonly shape: readonly number[]
  /** Which one of a stack. */
  readonly item?: number
  /** The matrix is stored [in, out]. */
  readonly transposed?: boolean
  /** Half-open rows of the out axis, every `step`-th, where a checkpoint packs several projections into one tensor. */
  readonly rows?: { readonly start: number; readonly end: number; readonly step?: number }
  /** After `rows`: rows in this order; -1 is a row of zeros. */
  readonly order?: readonly number[]
  /** Added to every element: checkpoints that store a norm's weight minus one. */
  readonly offset?: number
  /** Stored as MXFP4: `tensor` holds nibbles [items, out, in / 32, 16], this one a power of two a block; `shape` is [items, out, in]. */
  readonly mxfp4Scales?: string
}

/** y = x·Wᵀ + b. */
export type Projection = { readonly weight: WeightRef; readonly bias?: WeightRef }

/** Rotary embedding: angle of position p and pair i is p · inverseFrequencies[i]; cos and sin are multiplied by `magnitude`. */
export type RopeSpec = {
  /** Pairs: half of the rotated dimensions of a head; the other dimensions pass. */
  readonly inverseFrequencies: readonly number[]
  readonly magnitude: number
  /** Pairs are neighbours (2i, 2i+1) rather than halves (i, i + pairs). */
  readonly interleaved: boolean
  /** Instead of `inverseFrequencies` in a pass that reaches more than `above` tokens. */
  readonly long?: { readonly above: number; readonly inverseFrequencies: readonly number[] }
  /** Positions the frequencies hold for: a longer context is refused. */
  readonly until?: number
}

/** What follows the projections: causal self-attention over the layer's cache, the new tokens included. */
type Scores = {
  /** Names the cache: absolute index of the layer. */
  readonly layer: number
  /** Multiplies scores; usually headDim^-½. */
  readonly scale: number
  /** A token sees itself and the `window - 1` before it; null sees all. */
  readonly window: number | null
}

export type HeadNormSpec = {
  readonly kind: 'rms' | 'layer'
  /** Mean over each head, or over all of them together. */
  readonly over: 'head' | 'all'
  /** [headDim] shared by the heads, or [heads · headDim] in one or several tensors. */
  readonly q: readonly WeightRef[]
  readonly k: readonly WeightRef[]
  readonly epsilon: number
}

export type AttentionSpec = Scores & {
  readonly numHeads: number
  readonly numKvHeads: number
  readonly headDim: number
  readonly q: Projection
  readonly k: Projection
  readonly v: Projection
  /** Norm of q and k before the rotation. */
  readonly headNorm?: HeadNormSpec
  readonly rope: RopeSpec | null
  /** Scores become softcap · tanh(scores / softcap). */
  readonly softcap?: number
  /** [numHeads]: a score that takes its part of the softmax and gives nothing. */
  readonly sinks?: WeightRef
}

/**
 * Attention whose keys and values are unpacked from one narrow vector a token. A head's query and key: `plainDim` dimensions of
 * its own, then `rotatedDim` that rotate, in the key the same for all heads.
 */
export type LatentAttentionSpec = Scores & {
  readonly numHeads: number
  readonly plainDim: number
  readonly rotatedDim: number
  readonly valueDim: number
  /** Queries: straight, or by way of a narrow vector and its RMS norm. */
  readonly down: { readonly projection: Projection; readonly norm: WeightRef } | null
  readonly q: Projection
  /** [keyRank + rotatedDim, hiddenSize]. */
  readonly kvDown: Projection
  readonly keyRank: number
  readonly kvNorm: WeightRef
  /** [numHeads · (plainDim + valueDim), keyRank]. */
  readonly kvUp: WeightRef
  readonly epsilon: number
  readonly rope: RopeSpec
}

/** `quick-gelu`: x · sigmoid(1.702 · x). */
export type PlainActivation = 'silu' | 'gelu' | 'gelu-tanh' | 'quick-gelu' | 'relu'
/** `clamped-swiglu`: gate ≤ limit, |up| ≤ limit; (up + 1) · gate · sigmoid(alpha · gate). */
export type Activation = PlainActivation | { readonly type: 'clamped-swiglu'; readonly limit: number; readonly alpha: number }
/** down(activation(gate(x)) ∘ up(x)). */
export type GatedMlpSpec = { readonly gate: Projection; readonly up: Projection; readonly down: Projection; readonly activation: Activation }
/** down(activation(up(x))). */
export type PlainMlpSpec = { readonly up: Projection; readonly down: Projection; readonly activation: PlainActivation }

/** Each token through `chosen` of the experts, weighed. */
export type ExpertsSpec = {
  readonly router: Projection
  /** Weights: softmax over all, softmax over the chosen, or sigmoid of the router's scores. */
  readonly weights: 'softmax' | 'softmax-of-chosen' | 'sigmoid'
  /** [experts], added to the weights for choosing only. */
  readonly choiceBias?: WeightRef
  /** Only experts of the best groups may be chosen; a group is as good as its best two together. */
  readonly groups: { readonly count: number; readonly chosen: number } | null
  readonly chosen: number
  /** Weights of the chosen are divided by their sum. */
  readonly normalize: boolean
  readonly scale: number
  readonly experts: readonly GatedMlpSpec[]
}

/** out(c ∘ convolution(b ∘ x)) where b, c, x are projections of the input: depthwise, causal, `length` taps. Keeps a state, not a KV cache. */
export type ShortConvSpec = {
  /** Names the state: absolute index of the layer. */
  readonly layer: number
  /** [3 · width, width]: b, c, x. */
  readonly into: Projection
  readonly width: number
  readonly length: number
  /** [width, 1, length]. */
  readonly kernel: WeightRef
  readonly bias?: WeightRef
  readonly out: Projection
}

export type LayerBuilder<V> = {
  readonly rmsNorm: (x: V, weight: WeightRef, epsilon: number) => V
  readonly layerNorm: (x: V, weight: WeightRef, bias: WeightRef | null, epsilon: number) => V
  readonly linear: (x: V, projection: Projection) => V
  /** [tokens, hiddenSize] → [tokens, numHeads · headDim], before the output projection. */
  readonly attention: (x: V, spec: AttentionSpec) => V
  /** [tokens, hiddenSize] → [tokens, numHeads · valueDim], before the output projection. */
  readonly latentAttention: (x: V, spec: LatentAttentionSpec) => V
  readonly shortConv: (x: V, spec: ShortConvSpec) => V
  readonly gatedMlp: (x: V, spec: GatedMlpSpec) => V
  readonly plainMlp: (x: V, spec: PlainMlpSpec) => V
  readonly experts: (x: V, spec: ExpertsSpec) => V
  readonly add: (a: V, b: V) => V
  readonly scale: (x: V, factor: number) => V
  /** cap · tanh(x / cap). */
  readonly softcap: (x: V, cap: number) => V
}
