import type { Backend, FloatType, WeightFormat } from '../../protocol/cluster.ts'

/** Half-open layer range `[startLayer, endLayer)`. */
export type LayerRange = { readonly startLayer: number; readonly endLayer: number }

/** One way in which a device may hold and compute a shard. */
export type Holding = {
  readonly backend: Backend
  readonly weightFormat: WeightFormat
  /** What the device computes in where format and model permit. */
  readonly floatType: FloatType
}

/** What placement needs to know of a model: how many bytes any range takes, held in any way. */
export type ModelSizing = {
  readonly numLayers: number
  /** Tokens a sequence may hold. */
  readonly contextLength: number
  /** Elements of a hidden state: what travels on a hop for each token. */
  readonly hiddenSize: number
  /** Hidden states may exceed what f16 holds: the hand-off stays f32. */
  readonly needsF32: boolean
  /** Why the model does not run when held so, in words; null where it does. */
  readonly refusal: (holding: Holding) => string | null
  /** Bytes a device needs for the range: weights as held, KV for the context, activations, overhead; pinned parts at both ends. */
  readonly shardBytes: (range: LayerRange, holding: Holding) => number
  /** What computing one token takes in the range, in layers of mean size: the head, where the range ends the model, counts as so many. */
  readonly work: (range: LayerRange) => number
}
