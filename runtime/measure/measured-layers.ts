/** Which layers stand for all of a model's when it is measured. */
import { tokenWork } from '../../core/arch/weight-refs.ts'
import type { LayerRange } from '../../core/cluster/sizing.ts'
import type { ModelConfig } from '../../core/model/config.ts'
import type { WeightFormat } from '../../protocol/cluster.ts'

/**
 * A pass over so many weights finds none of them where the pass before left them: half as much again as the last-level cache of most processors, and more than
 * that of nearly all GPUs. A ring's passes go over all layers of a device, so that a layer which runs alone would seem several times too fast.
 */
export const WALKED_BYTES = 48 * 2 ** 20
/** More is only held where one layer alone is more: of experts a token meets some, and another token others. */
const HELD_BYTES = 2 * WALKED_BYTES

/** Integers have scales beside them. */
const WEIGHT_BYTES: Readonly<Record<WeightFormat, number>> = { f32: 4, f16: 2, int8: 1.07, int4: 0.57 }

export type MeasuredLayers = {
  readonly range: LayerRange
  /** What one token costs in them, in layers of mean size. */
  readonly work: number
}

const sumOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0)

/**
 * Layers from the middle of the model, so many that a token meets `WALKED_BYTES` of weights: at most all but the first one, which
 * some models make otherwise, and which comes with the embedding table.
 * @throws {ClusterError} unsupported_model
 */
export function measuredLayers(config: ModelConfig, weightFormat: WeightFormat): MeasuredLayers {
  const { layers } = tokenWork(config)
  const mean = sumOf(layers) / layers.length
  const metBytes = mean * WEIGHT_BYTES[weightFormat]
  const heldBytes = config.experts ? (metBytes * config.experts.count) / config.experts.chosen : metBytes
  const most = Math.min(config.numLayers - 1, Math.floor(HELD_BYTES / heldBytes))
  const count = Math.max(1, Math.min(most, Math.ceil(WALKED_BYTES / metBytes)))
  const startLayer = Math.min(Math.floor(config.numLayers / 2), config.numLayers - count)
  const range = { startLayer, endLayer: startLayer + count }
  return { range, work: sumOf(layers.slice(range.startLayer, range.endLayer)) / mean }
}
