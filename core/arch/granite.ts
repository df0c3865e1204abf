/** Granite: Llama's layer with multipliers on embedding, scores, residual and logits. Source: transformers `modeling_granite.py`. */
import type { Architecture } from './architecture.ts'
import { embedTokens, ENDS, gatedMlpAt, layerAt, preNormLayer, selfAttention } from './decoder.ts'

export const granite: Architecture = {
  modelType: 'granite',
  embedding: (config) => ({ weight: embedTokens(config), scale: config.multipliers.embedding }),
  layer: (g, x, config, index) => {
    const { attention, residual } = config.multipliers
    return preNormLayer(g, x, config, index, {
      attention: (b, y) => b.scale(selfAttention(b, y, config, index, { scale: attention }), residual),
      mlp: (b, y) => b.scale(b.gatedMlp(y, gatedMlpAt(`${layerAt(index)}.mlp`, config)), residual),
    })
  },
  head: (g, x, config) => g.scale(ENDS.head(g, x, config), config.multipliers.logits),
}
