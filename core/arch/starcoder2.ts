/** StarCoder 2: layer norms with bias, biased projections, an MLP without gate. Source: transformers `modeling_starcoder2.py`. */
import type { Architecture } from './architecture.ts'
import { activationOf, ENDS, layerAt, layerNorm, lmHead, projection, selfAttention } from './decoder.ts'

export const starcoder2: Architecture = {
  modelType: 'starcoder2',
  ...ENDS,
  layer: (g, x, config, index) => {
    const at = layerAt(index)
    const { hiddenSize, intermediateSize, useBias } = config
    const normed = layerNorm(g, x, `${at}.input_layernorm`, config)
    const attended = g.add(x, selfAttention(g, normed, config, index, { qkvBias: useBias, outputBias: useBias }))
    const mlp = g.plainMlp(layerNorm(g, attended, `${at}.post_attention_layernorm`, config), {
      up: projection(`${at}.mlp.c_fc`, intermediateSize, hiddenSize, useBias),
      down: projection(`${at}.mlp.c_proj`, hiddenSize, intermediateSize, useBias),
      activation: activationOf(config),
    })
    return g.add(attended, mlp)
  },
  head: (g, x, config) => g.linear(layerNorm(g, x, 'model.norm', config), lmHead(config)),
}
