/** Llama 1 to 3 and what shares its layer (SmolLM, TinyLlama, Ember). Source: transformers `modeling_llama.py`. */
import { ClusterError } from '../../protocol/errors.ts'
import type { ModelConfig } from '../model/config.ts'
import type { Architecture } from './architecture.ts'
import type { Activation, LayerBuilder, Projection, WeightRef } from './layer-builder.ts'
import { ropeOf } from './rope.ts'

const ACTIVATIONS: Readonly<Record<string, Activation>> = { silu: 'silu', swish: 'silu', gelu: 'gelu', gelu_pytorch_tanh: 'gelu-tanh' }

function activationOf(config: ModelConfig): Activation {
  const activation = ACTIVATIONS[config.activation]
  if (!activation)
    throw new ClusterError(
      'unsupported_model',
      `activation ${config.activation} is not supported; supported are ${Object.keys(ACTIVATIONS).join(', ')}`,
    )
  return activation
}

const projection = (name: string, out: number, width: number, hasBias: boolean): Projection => ({
  weight: { tensor: `${name}.weight`, shape: [out, width] },
  ...(hasBias ? { bias: { tensor: `${name}.bias`, shape: [out] } } : {}),
})
const norm = (name: string, config: ModelConfig): WeightRef => ({ tensor: `${name}.weight`, shape: [config.hiddenSize] })

/**
 *   x ─┬─ norm ─ attention ─ o ─ add ─┬─ norm ─ gate, up, down ─ add ─ y
 *      └──────────────────────────┘   └───────────────────────────┘
 */
function llamaLayer<V>(g: LayerBuilder<V>, x: V, config: ModelConfig, index: number): V {
  const at = `model.layers.${index}`
  const { hiddenSize, intermediateSize, numHeads, numKvHeads, headDim, attentionBias, mlpBias } = config
  const normed = g.rmsNorm(x, norm(`${at}.input_layernorm`, config), config.rmsNormEps)
  const heads = g.attention(normed, {
    layer: index,
    numHeads,
    numKvHeads,
    headDim,
    scale: headDim ** -0.5,
    q: projection(`${at}.self_attn.q_proj`, numHeads * headDim, hiddenSize, attentionBias),
    k: projection(`${at}.self_attn.k_proj`, numKvHeads * headDim, hiddenSize, attentionBias),
    v: projection(`${at}.self_attn.v_proj`, numKvHeads * headDim, hiddenSize, attentionBias),
    rope: ropeOf(config),
    window: null,
  })
  const attended = g.add(x, g.linear(heads, projection(`${at}.self_attn.o_proj`, hiddenSize, numHeads * headDim, attentionBias)))
  const mlp = g.gatedMlp(g.rmsNorm(attended, norm(`${at}.post_attention_layernorm`, config), config.rmsNormEps), {
    gate: projection(`${at}.mlp.gate_proj`, intermediateSize, hiddenSize, mlpBias),
    up: projection(`${at}.mlp.up_proj`, intermediateSize, hiddenSize, mlpBias),
    down: projection(`${at}.mlp.down_proj`, hiddenSize, intermediateSize, mlpBias),
    activation: activationOf(config),
  })
  return g.add(attended, mlp)
}

const embedTokens = (config: ModelConfig): WeightRef => ({ tensor: 'model.embed_tokens.weight', shape: [config.vocabSize, config.hiddenSize] })

export const llama: Architecture = {
  modelType: 'llama',
  embedding: (config) => ({ weight: embedTokens(config), scale: 1 }),
  layer: llamaLayer,
  head: (g, x, config) => {
    const weight = config.tieWordEmbeddings ? embedTokens(config) : { ...embedTokens(config), tensor: 'lm_head.weight' }
    return g.linear(g.rmsNorm(x, norm('model.norm', config), config.rmsNormEps), { weight })
  },
}
