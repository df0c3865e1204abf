/** Qwen 3: RMS norm of each head of q and k before the rotation. Source: transformers `modeling_qwen3.py`. */
import type { ModelConfig } from '../model/config.ts'
import type { Architecture } from './architecture.ts'
import { ENDS, headNorms, layerAt, preNormLayer, selfAttention } from './decoder.ts'
import type { LayerBuilder } from './layer-builder.ts'

export const qwen3Attention = <V>(g: LayerBuilder<V>, x: V, config: ModelConfig, index: number): V =>
  selfAttention(g, x, config, index, headNorms(`${layerAt(index)}.self_attn`, config, ['q_norm', 'k_norm']))

export const qwen3: Architecture = {
  modelType: 'qwen3',
  ...ENDS,
  layer: (g, x, config, index) => preNormLayer(g, x, config, index, { attention: (b, y) => qwen3Attention(b, y, config, index) }),
}
