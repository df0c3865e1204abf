import type { ModelConfig } from './config.ts'
import type { TensorIndex } from './safetensors.ts'

/** All that is known of a model without reading a weight. Plain data: it may cross to a worker. */
export type ModelDescription = {
  readonly config: ModelConfig
  readonly tensors: TensorIndex
  /** Ids that end an answer. */
  readonly eosIds: readonly number[]
  /** Tokens a sequence may hold, prompt and answer together. */
  readonly contextLength: number
}
