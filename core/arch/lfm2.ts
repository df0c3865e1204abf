/** LFM2: some layers attend, the others mix by a short convolution. Source: transformers `modeling_lfm2.py`. */
import type { ModelConfig } from '../model/config.ts'
import type { Architecture } from './architecture.ts'
import { embedTokens, headNorms, layerAt, lmHead, projection, rmsNorm, selfAttention, vectorOf } from './decoder.ts'
import type { LayerBuilder } from './layer-builder.ts'

function convolution<V>(g: LayerBuilder<V>, x: V, config: ModelConfig, index: number): V {
  const at = `${layerAt(index)}.conv`
  const { hiddenSize, convolution: conv } = config
  return g.shortConv(x, {
    layer: index,
    into: projection(`${at}.in_proj`, 3 * hiddenSize, hiddenSize, conv.bias),
    width: hiddenSize,
    length: conv.length,
    kernel: { tensor: `${at}.conv.weight`, shape: [hiddenSize, 1, conv.length] },
    ...(conv.bias ? { bias: vectorOf(`${at}.conv.bias`, hiddenSize) } : {}),
    out: projection(`${at}.out_proj`, hiddenSize, hiddenSize, conv.bias),
  })
}

export const lfm2: Architecture = {
  modelType: 'lfm2',
  embedding: (config) => ({ weight: embedTokens(config), scale: 1 }),
  layer: (g, x, config, index) => {
    const at = layerAt(index)
    const { hiddenSize, intermediateSize } = config
    const normed = rmsNorm(g, x, `${at}.operator_norm`, config)
    const norms = headNorms(`${at}.self_attn`, config, ['q_layernorm', 'k_layernorm'])
    const mixed =
      config.layers[index]?.mixer === 'convolution'
        ? convolution(g, normed, config, index)
        : selfAttention(g, normed, config, index, { ...norms, output: 'out_proj', qkvBias: false, outputBias: false })
    const summed = g.add(x, mixed)
    const mlp = g.gatedMlp(rmsNorm(g, summed, `${at}.ffn_norm`, config), {
      gate: projection(`${at}.feed_forward.w1`, intermediateSize, hiddenSize),
      up: projection(`${at}.feed_forward.w3`, intermediateSize, hiddenSize),
      down: projection(`${at}.feed_forward.w2`, hiddenSize, intermediateSize),
      activation: 'silu',
    })
    return g.add(summed, mlp)
  },
  head: (g, x, config) => g.linear(rmsNorm(g, x, 'model.embedding_norm', config), lmHead(config)),
}
