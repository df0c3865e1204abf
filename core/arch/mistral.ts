/** Mistral's layer is Llama's without biases; its window comes with the layer's kind. Source: transformers `modeling_mistral.py`. */
import type { Architecture } from './architecture.ts'
import { ENDS, gatedMlpAt, layerAt, preNormLayer, selfAttention } from './decoder.ts'

export const mistral: Architecture = {
  modelType: 'mistral',
  ...ENDS,
  layer: (g, x, config, index) =>
    preNormLayer(g, x, config, index, {
      attention: (b, y) => selfAttention(b, y, config, index, { qkvBias: false, outputBias: false }),
      mlp: (b, y) => b.gatedMlp(y, gatedMlpAt(`${layerAt(index)}.mlp`, { ...config, mlpBias: false })),
    }),
}
