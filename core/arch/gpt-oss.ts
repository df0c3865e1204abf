/** gpt-oss: sinks, windows, YaRN, stacked experts with a clamped SwiGLU, plain or MXFP4. Source: transformers `modeling_gpt_oss.py`. */
import type { ModelConfig } from '../model/config.ts'
import type { Architecture } from './architecture.ts'
import { ENDS, layerAt, preNormLayer, projection, selfAttention, vectorOf } from './decoder.ts'
import { expertsOf } from './experts.ts'
import type { GatedMlpSpec, Projection, WeightRef } from './layer-builder.ts'

/** One expert of stacks that lie apart. */
function splitExpertAt(at: string, config: ModelConfig, item: number): GatedMlpSpec {
  const { count, intermediateSize, limit, alpha } = expertsOf(config)
  const part = (name: string, out: number, width: number): Projection => ({
    weight: { tensor: `${at}.${name}.weight`, shape: [count, out, width], item },
    bias: { tensor: `${at}.${name}.bias`, shape: [count, out], item },
  })
  const into = (name: string): Projection => part(name, intermediateSize, config.hiddenSize)
  const down = part('down_proj', config.hiddenSize, intermediateSize)
  return { gate: into('gate_proj'), up: into('up_proj'), down, activation: { type: 'clamped-swiglu', limit, alpha } }
}

/** One expert of the stacks under `at`: gate in the even, up in the odd outputs. */
function expertAt(at: string, config: ModelConfig, item: number): GatedMlpSpec {
  const { hiddenSize } = config
  const { count, intermediateSize, limit, alpha } = expertsOf(config)
  const part = (name: string, out: number, width: number, rows?: WeightRef['rows']): Projection => {
    const taken = { item, ...(rows ? { rows } : {}) }
    const stored: WeightRef = config.expertsAreMxfp4
      ? { tensor: `${at}.${name}_blocks`, mxfp4Scales: `${at}.${name}_scales`, shape: [count, out, width], ...taken }
      : { tensor: `${at}.${name}`, shape: [count, width, out], transposed: true, ...taken }
    return { weight: stored, bias: { tensor: `${at}.${name}_bias`, shape: [count, out], ...taken } }
  }
  const gateUp = (start: number): Projection => part('gate_up_proj', 2 * intermediateSize, hiddenSize, { start, end: 2 * intermediateSize, step: 2 })
  return {
    gate: gateUp(0),
    up: gateUp(1),
    down: part('down_proj', hiddenSize, intermediateSize),
    activation: { type: 'clamped-swiglu', limit, alpha },
  }
}

export const gptOss: Architecture = {
  modelType: 'gpt_oss',
  ...ENDS,
  layer: (g, x, config, index) => {
    const at = layerAt(index)
    const { count, chosen, scale } = expertsOf(config)
    return preNormLayer(g, x, config, index, {
      attention: (b, y) => selfAttention(b, y, config, index, { sinks: vectorOf(`${at}.self_attn.sinks`, config.numHeads) }),
      mlp: (b, y) =>
        b.experts(y, {
          router: projection(`${at}.mlp.router`, count, config.hiddenSize, true),
          weights: 'softmax-of-chosen',
          groups: null,
          chosen,
          normalize: false,
          scale,
          experts: Array.from({ length: count }, (_, expert) =>
            (config.expertsAreSplit ? splitExpertAt : expertAt)(`${at}.mlp.experts`, config, expert),
          ),
        }),
    })
  },
}
