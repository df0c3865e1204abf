/** Which tensors a model's parts use, told by the architecture itself: it states its layers to a builder that only listens. */
import type { LayerRange } from '../cluster/sizing.ts'
import type { ModelConfig } from '../model/config.ts'
import type { ExpertsSpec, GatedMlpSpec, LayerBuilder, Projection, WeightRef } from './layer-builder.ts'
import { architectureOf } from './registry.ts'

type Take = (...weights: readonly (WeightRef | null | undefined)[]) => void

/** Takes every weight that is named; a value is nothing. @param takeOfExpert takes those of experts, of which a token meets only some */
function listener(take: Take, takeOfExpert = take): LayerBuilder<null> {
  const projection = ({ weight, bias }: Projection): null => (take(weight, bias), null)
  const gated = ({ gate, up, down }: GatedMlpSpec): void => [gate, up, down].forEach(projection)
  const experts = (spec: ExpertsSpec): null => {
    projection(spec.router)
    take(spec.choiceBias)
    for (const { gate, up, down } of spec.experts) for (const { weight, bias } of [gate, up, down]) takeOfExpert(weight, bias)
    return null
  }
  return {
    rmsNorm: (_x, weight) => (take(weight), null),
    layerNorm: (_x, weight, bias) => (take(weight, bias), null),
    linear: (_x, spec) => projection(spec),
    attention: (_x, { q, k, v, headNorm, sinks }) => {
      for (const one of [q, k, v]) projection(one)
      take(...(headNorm?.q ?? []), ...(headNorm?.k ?? []), sinks)
      return null
    },
    latentAttention: (_x, { down, q, kvDown, kvNorm, kvUp }) => {
      if (down) projection(down.projection)
      for (const one of [q, kvDown]) projection(one)
      take(down?.norm, kvNorm, kvUp)
      return null
    },
    shortConv: (_x, { into, out, kernel, bias }) => {
      for (const one of [into, out]) projection(one)
      take(kernel, bias)
      return null
    },
    gatedMlp: (_x, spec) => (gated(spec), null),
    plainMlp: (_x, { up, down }) => {
      for (const one of [up, down]) projection(one)
      return null
    },
    experts: (_x, spec) => experts(spec),
    add: () => null,
    scale: () => null,
    softcap: () => null,
  }
}

/**
 * The weights of layers [startLayer, endLayer), the embedding table where the range begins the model, and the head where it ends it.
 * @throws {ClusterError} unsupported_model
 */
export function weightRefs(config: ModelConfig, range: LayerRange): readonly WeightRef[] {
  const architecture = architectureOf(config.modelType)
  const refs: WeightRef[] = range.startLayer === 0 ? [architecture.embedding(config).weight] : []
  const words = listener((...weights) => refs.push(...weights.flatMap((weight) => weight ?? [])))
  for (let layer = range.startLayer; layer < range.endLayer; layer++) architecture.layer(words, null, config, layer)
  if (range.endLayer === config.numLayers) architecture.head(words, null, config)
  return refs
}

/** Numbers of the weights that one token is multiplied with, by layer and in the head: what decoding it costs is nearly in proportion. */
export type TokenWork = { readonly layers: readonly number[]; readonly head: number }

/** Rows of a packed tensor, and one of a stack. */
function elementsOf({ shape, rows, item }: WeightRef): number {
  const own = item === undefined ? shape : shape.slice(1)
  const all = own.reduce((product, size) => product * size, 1)
  return rows ? (all / (own[0] ?? 1)) * Math.ceil((rows.end - rows.start) / (rows.step ?? 1)) : all
}

/** @throws {ClusterError} unsupported_model */
export function tokenWork(config: ModelConfig): TokenWork {
  const architecture = architectureOf(config.modelType)
  const metShare = config.experts ? config.experts.chosen / config.experts.count : 1
  let sum = 0
  const takes =
    (share: number): Take =>
    (...weights) => {
      for (const weight of weights) if (weight) sum += share * elementsOf(weight)
    }
  const words = listener(takes(1), takes(metShare))
  const counted = (state: () => void): number => {
    sum = 0
    state()
    return sum
  }
  return {
    layers: Array.from({ length: config.numLayers }, (_, layer) => counted(() => architecture.layer(words, null, config, layer))),
    head: counted(() => architecture.head(words, null, config)),
  }
}
