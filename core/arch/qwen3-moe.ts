/** Qwen 3 with experts in all or some layers. Source: transformers `modeling_qwen3_moe.py`. */
import type { Architecture } from './architecture.ts'
import { ENDS, gatedMlpAt, layerAt, preNormLayer } from './decoder.ts'
import { expertsOf, softmaxExperts } from './experts.ts'
import { qwen3Attention } from './qwen3.ts'

export const qwen3Moe: Architecture = {
  modelType: 'qwen3_moe',
  ...ENDS,
  layer: (g, x, config, index) => {
    const at = `${layerAt(index)}.mlp`
    const { sparse, intermediateSize } = expertsOf(config)
    return preNormLayer(g, x, config, index, {
      attention: (b, y) => qwen3Attention(b, y, config, index),
      mlp: (b, y) =>
        sparse[index]
          ? b.experts(
              y,
              softmaxExperts(config, `${at}.gate`, (expert) => gatedMlpAt(`${at}.experts.${expert}`, config, intermediateSize)),
            )
          : b.gatedMlp(y, gatedMlpAt(at, config)),
    })
  },
}
