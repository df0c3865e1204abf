/** DeepSeek V3 and R1: latent attention, experts in groups beside a shared one. Source: transformers `modeling_deepseek_v3.py`. */
import { ClusterError } from '../../protocol/errors.ts'
import type { ModelConfig } from '../model/config.ts'
import { yarnMagnitude } from '../model/config-rope.ts'
import type { Architecture } from './architecture.ts'
import { ENDS, gatedMlpAt, layerAt, preNormLayer, projection, vectorOf } from './decoder.ts'
import { expertsOf } from './experts.ts'
import type { LayerBuilder } from './layer-builder.ts'
import { ropeFor } from './rope.ts'

function attention<V>(g: LayerBuilder<V>, x: V, config: ModelConfig, index: number): V {
  const at = `${layerAt(index)}.self_attn`
  const { latent, hiddenSize, numHeads, attentionBias, rope } = config
  if (!latent) throw new ClusterError('bad_checkpoint', 'config.json names no kv_lora_rank')
  const { queryRank, keyRank, rotatedDim, plainDim, valueDim } = latent
  const stretch = rope.type === 'yarn' && rope.mscaleAllDim ? yarnMagnitude(rope.factor, rope.mscaleAllDim) : 1
  const width = numHeads * (plainDim + rotatedDim)
  const heads = g.latentAttention(x, {
    layer: index,
    numHeads,
    plainDim,
    rotatedDim,
    valueDim,
    scale: (plainDim + rotatedDim) ** -0.5 * stretch ** 2,
    window: null,
    down:
      queryRank === null
        ? null
        : { projection: projection(`${at}.q_a_proj`, queryRank, hiddenSize, attentionBias), norm: vectorOf(`${at}.q_a_layernorm.weight`, queryRank) },
    q: queryRank === null ? projection(`${at}.q_proj`, width, hiddenSize) : projection(`${at}.q_b_proj`, width, queryRank),
    kvDown: projection(`${at}.kv_a_proj_with_mqa`, keyRank + rotatedDim, hiddenSize, attentionBias),
    keyRank,
    kvNorm: vectorOf(`${at}.kv_a_layernorm.weight`, keyRank),
    kvUp: { tensor: `${at}.kv_b_proj.weight`, shape: [numHeads * (plainDim + valueDim), keyRank] },
    // The norms of the narrow vectors keep the class's own epsilon, whatever config.json says.
    epsilon: 1e-6,
    rope: ropeFor(rope, rotatedDim, latent.interleaved),
  })
  return g.linear(heads, projection(`${at}.o_proj`, hiddenSize, numHeads * valueDim, attentionBias))
}

function mlp<V>(g: LayerBuilder<V>, x: V, config: ModelConfig, index: number): V {
  const at = `${layerAt(index)}.mlp`
  const { count, chosen, normalize, scale, groups, shared, sparse, intermediateSize } = expertsOf(config)
  const plain = { ...config, mlpBias: false }
  if (!sparse[index]) return g.gatedMlp(x, gatedMlpAt(at, plain))
  const routed = g.experts(x, {
    router: projection(`${at}.gate`, count, config.hiddenSize),
    weights: 'sigmoid',
    choiceBias: vectorOf(`${at}.gate.e_score_correction_bias`, count),
    groups,
    chosen,
    normalize,
    scale,
    experts: Array.from({ length: count }, (_, expert) => gatedMlpAt(`${at}.experts.${expert}`, plain, intermediateSize)),
  })
  return shared === 0 ? routed : g.add(routed, g.gatedMlp(x, gatedMlpAt(`${at}.shared_experts`, plain, shared * intermediateSize)))
}

export const deepseekV3: Architecture = {
  modelType: 'deepseek_v3',
  ...ENDS,
  layer: (g, x, config, index) =>
    preNormLayer(g, x, config, index, { attention: (b, y) => attention(b, y, config, index), mlp: (b, y) => mlp(b, y, config, index) }),
}
