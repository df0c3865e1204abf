/** Qwen 2 and 2.5: Llama's layer with bias on q, k, v. Source: transformers `modeling_qwen2.py`. */
import type { Architecture } from './architecture.ts'
import { ENDS, preNormLayer, selfAttention } from './decoder.ts'

export const qwen2: Architecture = {
  modelType: 'qwen2',
  ...ENDS,
  layer: (g, x, config, index) =>
    preNormLayer(g, x, config, index, { attention: (b, y) => selfAttention(b, y, config, index, { qkvBias: true, outputBias: false }) }),
}
