/** Mixture of experts, the parts that its families share. */
import { ClusterError } from '../../protocol/errors.ts'
import type { ModelConfig } from '../model/config.ts'
import type { ExpertsConfig } from '../model/config-experts.ts'
import { projection } from './decoder.ts'
import type { ExpertsSpec, GatedMlpSpec } from './layer-builder.ts'

/** @throws {ClusterError} bad_checkpoint */
export function expertsOf(config: ModelConfig): ExpertsConfig {
  if (config.experts) return config.experts
  throw new ClusterError('bad_checkpoint', `config.json of model type ${config.modelType} names no number of experts`)
}

/** `router` without bias, weights by softmax over all experts. */
export const softmaxExperts = (config: ModelConfig, router: string, expert: (index: number) => GatedMlpSpec): ExpertsSpec => {
  const { count, chosen, normalize, scale } = expertsOf(config)
  return {
    router: projection(router, count, config.hiddenSize),
    weights: 'softmax',
    groups: null,
    chosen,
    normalize,
    scale,
    experts: Array.from({ length: count }, (_, index) => expert(index)),
  }
}
