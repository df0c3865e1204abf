import type { ModelConfig } from '../model/config.ts'
import type { LayerBuilder, WeightRef } from './layer-builder.ts'

/** One model family, stated once for every backend. */
export type Architecture = {
  /** `model_type` of config.json. */
  readonly modelType: string
  /** Activations of trained checkpoints exceed what f16 holds: graphs stay in f32, whatever the device can do. */
  readonly needsF32?: boolean
  /** The table whose rows are the hidden states before layer 0, and what they are multiplied by. */
  readonly embedding: (config: ModelConfig) => { readonly weight: WeightRef; readonly scale: number }
  /** Decoder layer `index`: [tokens, hiddenSize] → [tokens, hiddenSize], residual included. */
  readonly layer: <V>(builder: LayerBuilder<V>, x: V, config: ModelConfig, index: number) => V
  /** Final norm and head: [rows, hiddenSize] → logits [rows, vocabSize]. */
  readonly head: <V>(builder: LayerBuilder<V>, x: V, config: ModelConfig) => V
}
