/** StableLM 2: layer norms with bias, a part of each head rotates; by choice q, k norms and a parallel MLP. Source: transformers `modeling_stablelm.py`. */
import type { ModelConfig } from '../model/config.ts'
import type { Architecture } from './architecture.ts'
import { ENDS, gatedMlpAt, layerAt, layerNorm, lmHead, selfAttention, vectorOf, type AttentionDifference } from './decoder.ts'

/** Each head has weights of its own. */
function normsOfHeads(at: string, config: ModelConfig): AttentionDifference {
  if (!config.headNorms) return {}
  const weights = (name: string, heads: number) =>
    Array.from({ length: heads }, (_, head) => vectorOf(`${at}.self_attn.${name}.norms.${head}.weight`, config.headDim))
  const [q, k] = [weights('q_layernorm', config.numHeads), weights('k_layernorm', config.numKvHeads)]
  return { headNorm: { kind: 'layer', over: 'head', q, k, epsilon: config.normEpsilon } }
}

export const stablelm: Architecture = {
  modelType: 'stablelm',
  ...ENDS,
  layer: (g, x, config, index) => {
    const at = layerAt(index)
    const normed = layerNorm(g, x, `${at}.input_layernorm`, config)
    const difference = { qkvBias: config.qkvBias, outputBias: false, ...normsOfHeads(at, config) }
    const attended = g.add(x, selfAttention(g, normed, config, index, difference))
    const mlpInput = config.parallelResidual ? normed : layerNorm(g, attended, `${at}.post_attention_layernorm`, config)
    return g.add(attended, g.gatedMlp(mlpInput, gatedMlpAt(`${at}.mlp`, { ...config, mlpBias: false })))
  },
  head: (g, x, config) => g.linear(layerNorm(g, x, 'model.norm', config), lmHead(config)),
}
