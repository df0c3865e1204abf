/** Gemma 2 and 3 (text). Sources: transformers `modeling_gemma2.py`, `modeling_gemma3.py`. */
import type { ModelConfig } from '../model/config.ts'
import type { Architecture } from './architecture.ts'
import { embedTokens, gatedMlpAt, headNorms, layerAt, lmHead, rmsNorm, selfAttention } from './decoder.ts'
import type { LayerBuilder } from './layer-builder.ts'

/** Norm weights are stored minus one. */
const OFFSET = 1
const normed = <V>(g: LayerBuilder<V>, x: V, name: string, config: ModelConfig): V => rmsNorm(g, x, name, config, OFFSET)

/**
 *   x ─┬─ norm ─ attention ─ norm ─ add ─┬─ norm ─ mlp ─ norm ─ add ─ y
 *      └─────────────────────────────┘   └─────────────────────┘
 */
const gemma = (modelType: string, hasHeadNorms: boolean): Architecture => ({
  modelType,
  // https://github.com/microsoft/onnxruntime/issues/26732: silently wrong or NaN in f16.
  needsF32: true,
  embedding: (config) => ({ weight: embedTokens(config), scale: Math.fround(Math.sqrt(config.hiddenSize)) }),
  layer: (g, x, config, index) => {
    const at = layerAt(index)
    // Gemma 3 has the key, and no use for it.
    const scores = hasHeadNorms ? null : config.softcaps.scores
    const mixed = selfAttention(g, normed(g, x, `${at}.input_layernorm`, config), config, index, {
      scale: config.queryScalar ** -0.5,
      ...(scores === null ? {} : { softcap: scores }),
      ...(hasHeadNorms ? headNorms(`${at}.self_attn`, config, ['q_norm', 'k_norm'], OFFSET) : {}),
    })
    const attended = g.add(x, normed(g, mixed, `${at}.post_attention_layernorm`, config))
    const mlp = g.gatedMlp(normed(g, attended, `${at}.pre_feedforward_layernorm`, config), gatedMlpAt(`${at}.mlp`, { ...config, mlpBias: false }))
    return g.add(attended, normed(g, mlp, `${at}.post_feedforward_layernorm`, config))
  },
  head: (g, x, config) => {
    const logits = g.linear(normed(g, x, 'model.norm', config), lmHead(config))
    return config.softcaps.logits === null ? logits : g.softcap(logits, config.softcaps.logits)
  },
})

export const gemma2 = gemma('gemma2', false)
export const gemma3 = gemma('gemma3_text', true)
