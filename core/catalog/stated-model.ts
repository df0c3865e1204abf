/** A model known by its config.json alone, as if its weights had been looked at: every tensor that its architecture states, at no place. */
import { weightRefs } from '../arch/weight-refs.ts'
import type { WeightRef } from '../arch/layer-builder.ts'
import { elementCount } from '../graph/onnx.ts'
import { partsOf } from '../graph/weight-source.ts'
import { parseConfig, type ModelConfig } from '../model/config.ts'
import type { ModelDescription } from '../model/model-description.ts'
import type { TensorLocation } from '../model/safetensors.ts'
import { storedBytes, type StoredType } from '../quant/stored.ts'

/** What publishers store weights in, unless config.json names another. */
const USUAL_TYPE: StoredType = 'bf16'

const storedAs = (ref: WeightRef): StoredType => (ref.mxfp4Scales === undefined ? USUAL_TYPE : 'u8')

/** @param json text of config.json. @throws {ClusterError} unsupported_model, bad_checkpoint */
export function statedModel(json: string): ModelDescription {
  const config = parseConfig(json)
  const tensors = new Map<string, TensorLocation>()
  let end = 0
  for (const ref of weightRefs(config, { startLayer: 0, endLayer: config.numLayers })) {
    for (const { tensor, shape } of partsOf(ref)) {
      if (tensors.has(tensor)) continue
      const [start, type] = [end, storedAs(ref)]
      end += storedBytes(type, elementCount(shape))
      tensors.set(tensor, { file: 'model.safetensors', type, shape, start, end })
    }
  }
  return { config, tensors, eosIds: config.eosIds, contextLength: config.maxPositions }
}

/** Numbers that were trained, each tensor once. */
export function parameterCount(config: ModelConfig): number {
  const refs = weightRefs(config, { startLayer: 0, endLayer: config.numLayers })
  return [...new Map(refs.map((ref) => [ref.tensor, elementCount(ref.shape)])).values()].reduce((sum, count) => sum + count, 0)
}

/** Bytes of all tensors together: what devices read in all, where each is read once. */
export const tensorBytes = ({ tensors }: ModelDescription): number => [...tensors.values()].reduce((sum, { start, end }) => sum + end - start, 0)
