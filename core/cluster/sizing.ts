import type { Capabilities } from '../../protocol/cluster.ts'

/** Half-open layer range `[startLayer, endLayer)`. */
export type LayerRange = { readonly startLayer: number; readonly endLayer: number }

/** What placement needs to know of a model: how many bytes any range takes on a device. */
export type ModelSizing = {
  readonly numLayers: number
  /** Tokens a sequence may hold. */
  readonly contextLength: number
  /** Hidden states may exceed what f16 holds: the hand-off stays f32. */
  readonly needsF32: boolean
  /** Bytes a device needs for the range: weights as held, KV for the context, activations, overhead; pinned parts at both ends. */
  readonly shardBytes: (range: LayerRange, device: Capabilities) => number
}
