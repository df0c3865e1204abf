/**
 * The words in which an architecture states its layer. What a call builds is the backend's business: nodes of a graph, a list
 * of kernel calls, or a sum of bytes. `V` is the backend's value; activations are [tokens, width], width as the comments say.
 */

/** A tensor of the checkpoint as a layer uses it: named, never copied into the description. */
export type WeightRef = {
  readonly tensor: string
  /** As stored: [out, in] of a matrix, [n] of a vector. */
  readonly shape: readonly number[]
  /** Half-open rows of the first axis, where a checkpoint packs several projections into one tensor. */
  readonly rows?: { readonly start: number; readonly end: number }
  /** Added to every element: checkpoints that store a norm's weight minus one. */
  readonly offset?: number
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
}

/** Causal self-attention over the layer's KV cache, the new tokens included. */
export type AttentionSpec = {
  /** Names the KV cache: absolute index of the layer. */
  readonly layer: number
  readonly numHeads: number
  readonly numKvHeads: number
  readonly headDim: number
  /** Multiplies scores; usually headDim^-½. */
  readonly scale: number
  readonly q: Projection
  readonly k: Projection
  readonly v: Projection
  /** RMS norm of each head of q and k before the rotation. */
  readonly headNorm?: { readonly q: WeightRef; readonly k: WeightRef; readonly epsilon: number }
  readonly rope: RopeSpec | null
  /** A token sees itself and the `window - 1` before it; null sees all. */
  readonly window: number | null
}

export type Activation = 'silu' | 'gelu' | 'gelu-tanh'
/** down(activation(gate(x)) ∘ up(x)). */
export type GatedMlpSpec = { readonly gate: Projection; readonly up: Projection; readonly down: Projection; readonly activation: Activation }

export type LayerBuilder<V> = {
  readonly rmsNorm: (x: V, weight: WeightRef, epsilon: number) => V
  readonly linear: (x: V, projection: Projection) => V
  /** [tokens, hiddenSize] → [tokens, numHeads · headDim], before the output projection. */
  readonly attention: (x: V, spec: AttentionSpec) => V
  readonly gatedMlp: (x: V, spec: GatedMlpSpec) => V
  readonly add: (a: V, b: V) => V
  readonly scale: (x: V, factor: number) => V
}
