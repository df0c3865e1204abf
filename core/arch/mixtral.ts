/** Mixtral: Mistral's attention, experts for an MLP. Source: transformers `modeling_mixtral.py`. */
import type { Architecture } from './architecture.ts'
import { activationOf, ENDS, layerAt, preNormLayer, projection, selfAttention } from './decoder.ts'
import { softmaxExperts } from './experts.ts'

export const mixtral: Architecture = {
  modelType: 'mixtral',
  ...ENDS,
  layer: (g, x, config, index) => {
    const at = `${layerAt(index)}.block_sparse_moe`
    const { hiddenSize, intermediateSize } = config
    const spec = softmaxExperts(config, `${at}.gate`, (expert) => ({
      gate: projection(`${at}.experts.${expert}.w1`, intermediateSize, hiddenSize),
      up: projection(`${at}.experts.${expert}.w3`, intermediateSize, hiddenSize),
      down: projection(`${at}.experts.${expert}.w2`, hiddenSize, intermediateSize),
      activation: activationOf(config),
    }))
    return preNormLayer(g, x, config, index, {
      attention: (b, y) => selfAttention(b, y, config, index, { qkvBias: false, outputBias: false }),
      mlp: (b, y) => b.experts(y, { ...spec, normalize: true }),
    })
  },
}
