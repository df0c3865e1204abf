/** Phi-3, 3.5 and 4-mini: q, k, v in one tensor, gate and up in another. Source: transformers `modeling_phi3.py`. */
import type { Architecture } from './architecture.ts'
import { activationOf, ENDS, layerAt, preNormLayer, projection, selfAttention } from './decoder.ts'
import type { Projection } from './layer-builder.ts'

export const phi3: Architecture = {
  modelType: 'phi3',
  ...ENDS,
  layer: (g, x, config, index) => {
    const at = layerAt(index)
    const { hiddenSize, intermediateSize, numHeads, numKvHeads, headDim } = config
    const [q, kv] = [numHeads * headDim, numKvHeads * headDim]
    const part = (name: string, size: number, start: number, rows: number): Projection => ({
      weight: { tensor: `${at}.${name}.weight`, shape: [size, hiddenSize], rows: { start, end: start + rows } },
    })
    const qkv = (start: number, rows: number): Projection => part('self_attn.qkv_proj', q + 2 * kv, start, rows)
    const gateUp = (start: number): Projection => part('mlp.gate_up_proj', 2 * intermediateSize, start, intermediateSize)
    return preNormLayer(g, x, config, index, {
      attention: (b, y) => selfAttention(b, y, config, index, { q: qkv(0, q), k: qkv(q, kv), v: qkv(q + kv, kv), outputBias: false }),
      mlp: (b, y) =>
        b.gatedMlp(y, {
          gate: gateUp(0),
          up: gateUp(intermediateSize),
          down: projection(`${at}.mlp.down_proj`, hiddenSize, intermediateSize),
          activation: activationOf(config),
        }),
    })
  },
}
