/** What a token cannot do without: bytes of weights that are read once, and their multiply-adds. Attention, a few percent of it at short contexts, is left out. */
import { weightBytes, type Program } from '../core/simd/program.ts'
import { headProgram, layersProgram } from '../core/simd/shard-program.ts'
import type { ModelDescription } from '../core/model/model-description.ts'
import type { WeightFormat } from '../protocol/cluster.ts'

export type TokenWork = {
  /** Of all layers and the head. */
  readonly bytes: number
  readonly products: number
  /** Without the head, which a prompt needs for its last token only. */
  readonly layerProducts: number
}

const products = ({ weights }: Program): number => weights.filter(({ rows }) => rows > 1).reduce((sum, { rows, columns }) => sum + rows * columns, 0)

/** Of a dense model on the backend simd. */
export function tokenWork(model: ModelDescription, weightFormat: WeightFormat, contextLength: number): TokenWork {
  const layers = layersProgram(model, { startLayer: 0, endLayer: model.config.numLayers }, { weightFormat, contextLength })
  const { program: head } = headProgram(model, { weightFormat, contextLength })
  const layerProducts = products(layers)
  return { bytes: weightBytes(layers) + weightBytes(head), products: layerProducts + products(head), layerProducts }
}
