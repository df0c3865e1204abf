/** The decoder that most families share, in parts: an architecture takes them with its difference. */
import { ClusterError } from '../../protocol/errors.ts'
import type { ModelConfig } from '../model/config.ts'
import type { Architecture } from './architecture.ts'
import type { AttentionSpec, GatedMlpSpec, LayerBuilder, PlainActivation, Projection, WeightRef } from './layer-builder.ts'
import { ropeOf } from './rope.ts'

const ACTIVATIONS: Readonly<Record<string, PlainActivation>> = {
  silu: 'silu',
  swish: 'silu',
  gelu: 'gelu',
  gelu_pytorch_tanh: 'gelu-tanh',
  gelu_new: 'gelu-tanh',
  gelu_python: 'gelu',
  gelu_python_tanh: 'gelu-tanh',
  gelu_fast: 'gelu-tanh',
  gelu_accurate: 'gelu-tanh',
  quick_gelu: 'quick-gelu',
  relu: 'relu',
}

/** @throws {ClusterError} unsupported_model naming the activation */
export function activationOf(config: ModelConfig): PlainActivation {
  const activation = Object.hasOwn(ACTIVATIONS, config.activation) ? ACTIVATIONS[config.activation] : undefined
  if (activation) return activation
  throw new ClusterError(
    'unsupported_model',
    `activation ${config.activation} is not supported; supported are ${Object.keys(ACTIVATIONS).join(', ')}`,
  )
}

export const projection = (name: string, out: number, width: number, hasBias = false): Projection => ({
  weight: { tensor: `${name}.weight`, shape: [out, width] },
  ...(hasBias ? { bias: { tensor: `${name}.bias`, shape: [out] } } : {}),
})
export const vectorOf = (tensor: string, length: number): WeightRef => ({ tensor, shape: [length] })
export const layerAt = (index: number): string => `model.layers.${index}`

/** Over `hiddenSize`. @param offset of checkpoints that store the weight minus one */
export const rmsNorm = <V>(g: LayerBuilder<V>, x: V, name: string, config: ModelConfig, offset = 0): V =>
  g.rmsNorm(x, { ...vectorOf(`${name}.weight`, config.hiddenSize), ...(offset ? { offset } : {}) }, config.normEpsilon)

export const layerNorm = <V>(g: LayerBuilder<V>, x: V, name: string, config: ModelConfig): V =>
  g.layerNorm(x, vectorOf(`${name}.weight`, config.hiddenSize), vectorOf(`${name}.bias`, config.hiddenSize), config.normEpsilon)

/** q, k, v with one norm of [headDim] each, over every head by itself. */
export const headNorms = (at: string, config: ModelConfig, names: readonly [string, string], offset = 0): Pick<AttentionSpec, 'headNorm'> => {
  const weight = (name: string): WeightRef => ({ ...vectorOf(`${at}.${name}.weight`, config.headDim), ...(offset ? { offset } : {}) })
  return { headNorm: { kind: 'rms', over: 'head', q: [weight(names[0])], k: [weight(names[1])], epsilon: config.normEpsilon } }
}

export type AttentionDifference = Partial<AttentionSpec> & {
  readonly qkvBias?: boolean
  readonly outputBias?: boolean
  /** Name of the output projection. */
  readonly output?: string
}

/** q, k, v ─ attention ─ o_proj, under `<layer>.self_attn`. */
export function selfAttention<V>(g: LayerBuilder<V>, x: V, config: ModelConfig, index: number, difference: AttentionDifference = {}): V {
  const at = `${layerAt(index)}.self_attn`
  const { hiddenSize, numHeads, numKvHeads, headDim, attentionBias } = config
  const { qkvBias = attentionBias, outputBias = attentionBias, output = 'o_proj', ...spec } = difference
  const heads = g.attention(x, {
    layer: index,
    numHeads,
    numKvHeads,
    headDim,
    scale: headDim ** -0.5,
    q: projection(`${at}.q_proj`, numHeads * headDim, hiddenSize, qkvBias),
    k: projection(`${at}.k_proj`, numKvHeads * headDim, hiddenSize, qkvBias),
    v: projection(`${at}.v_proj`, numKvHeads * headDim, hiddenSize, qkvBias),
    rope: ropeOf(config, index),
    window: config.layers[index]?.window ?? null,
    ...spec,
  })
  return g.linear(heads, projection(`${at}.${output}`, hiddenSize, numHeads * headDim, outputBias))
}

/** gate_proj, up_proj and down_proj under `at`. */
export const gatedMlpAt = (at: string, config: ModelConfig, width = config.intermediateSize): GatedMlpSpec => ({
  gate: projection(`${at}.gate_proj`, width, config.hiddenSize, config.mlpBias),
  up: projection(`${at}.up_proj`, width, config.hiddenSize, config.mlpBias),
  down: projection(`${at}.down_proj`, config.hiddenSize, width, config.mlpBias),
  activation: activationOf(config),
})

/** The two halves of a layer; each is handed the normed input and gives what is added to the residual. */
export type Halves = { readonly attention: <V>(g: LayerBuilder<V>, x: V) => V; readonly mlp: <V>(g: LayerBuilder<V>, x: V) => V }

/**
 *   x ─┬─ norm ─ attention ─ add ─┬─ norm ─ mlp ─ add ─ y
 *      └──────────────────────┘   └──────────────┘
 */
export function preNormLayer<V>(g: LayerBuilder<V>, x: V, config: ModelConfig, index: number, halves: Partial<Halves> = {}): V {
  const at = layerAt(index)
  const { attention = (b, y) => selfAttention(b, y, config, index), mlp = (b, y) => b.gatedMlp(y, gatedMlpAt(`${at}.mlp`, config)) } = halves
  const attended = g.add(x, attention(g, rmsNorm(g, x, `${at}.input_layernorm`, config)))
  return g.add(attended, mlp(g, rmsNorm(g, attended, `${at}.post_attention_layernorm`, config)))
}

export const embedTokens = (config: ModelConfig): WeightRef => ({
  tensor: 'model.embed_tokens.weight',
  shape: [config.vocabSize, config.hiddenSize],
})

/** The table of the embedding again where it is tied, else lm_head. */
export const lmHead = (config: ModelConfig): Projection => ({
  weight: config.tieWordEmbeddings ? embedTokens(config) : { ...embedTokens(config), tensor: 'lm_head.weight' },
})

/** Embedding, and final RMS norm with head, as most have them. */
export const ENDS: Pick<Architecture, 'embedding' | 'head'> = {
  embedding: (config) => ({ weight: embedTokens(config), scale: 1 }),
  head: (g, x, config) => g.linear(rmsNorm(g, x, 'model.norm', config), lmHead(config)),
}
