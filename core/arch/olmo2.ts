/** OLMo 2: norms behind attention and MLP instead of before, and over all heads of q and k at once. Source: transformers `modeling_olmo2.py`. */
import type { Architecture } from './architecture.ts'
import { ENDS, gatedMlpAt, layerAt, rmsNorm, selfAttention, vectorOf } from './decoder.ts'

export const olmo2: Architecture = {
  modelType: 'olmo2',
  ...ENDS,
  /**
   *   x ─┬─ attention ─ norm ─ add ─┬─ mlp ─ norm ─ add ─ y
   *      └──────────────────────┘   └──────────────┘
   */
  layer: (g, x, config, index) => {
    const at = layerAt(index)
    const { headDim, numHeads, numKvHeads, normEpsilon } = config
    const weight = (name: string, heads: number) => [vectorOf(`${at}.self_attn.${name}.weight`, heads * headDim)]
    const mixed = selfAttention(g, x, config, index, {
      headNorm: { kind: 'rms', over: 'all', q: weight('q_norm', numHeads), k: weight('k_norm', numKvHeads), epsilon: normEpsilon },
    })
    const attended = g.add(x, rmsNorm(g, mixed, `${at}.post_attention_layernorm`, config))
    return g.add(attended, rmsNorm(g, g.gatedMlp(attended, gatedMlpAt(`${at}.mlp`, config)), `${at}.post_feedforward_layernorm`, config))
  },
}
