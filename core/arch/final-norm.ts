/** The norm behind the last layer by itself: what hidden states have to pass before they say something of a text. */
import { ClusterError } from '../../protocol/errors.ts'
import type { ModelConfig } from '../model/config.ts'
import type { LayerBuilder, WeightRef } from './layer-builder.ts'
import { architectureOf } from './registry.ts'

/** Over rows of `hiddenSize`. */
export type NormSpec = { readonly kind: 'rms' | 'layer'; readonly weight: WeightRef; readonly bias: WeightRef | null; readonly epsilon: number }

/** As the architecture itself states it in its head, before the product with the vocabulary. @throws {ClusterError} unsupported_model */
export function finalNorm(config: ModelConfig): NormSpec {
  let found: NormSpec | null = null
  const refuse = (): never => {
    throw new ClusterError('unsupported_model', `the head of model type ${config.modelType} is more than a norm and a product`)
  }
  const builder: LayerBuilder<null> = {
    rmsNorm: (_x, weight, epsilon) => ((found ??= { kind: 'rms', weight, bias: null, epsilon }), null),
    layerNorm: (_x, weight, bias, epsilon) => ((found ??= { kind: 'layer', weight, bias, epsilon }), null),
    linear: () => null,
    scale: () => null,
    softcap: () => null,
    attention: refuse,
    latentAttention: refuse,
    shortConv: refuse,
    gatedMlp: refuse,
    plainMlp: refuse,
    experts: refuse,
    add: refuse,
  }
  architectureOf(config.modelType).head(builder, null, config)
  return found ?? refuse()
}
