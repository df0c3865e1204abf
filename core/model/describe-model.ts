import { architectureOf } from '../arch/registry.ts'
import { ClusterError } from '../../protocol/errors.ts'
import { parseConfig, parseGenerationEosIds, parseModelType } from './config.ts'
import type { ModelSource } from './model-source.ts'
import { describeGguf } from './gguf-description.ts'
import type { ModelDescription } from './model-description.ts'
import { isHeadless, languagePart, languageTensors } from './language-part.ts'
import { readTensorIndex } from './safetensors.ts'

/**
 * Reads config, generation config and the headers of the weights.
 * Of a GGUF file: its header.
 * @throws {ClusterError} model_not_found without config.json; unsupported_model naming what is supported; bad_checkpoint; source_unavailable
 */
export async function describeModel(source: ModelSource, signal?: AbortSignal): Promise<ModelDescription> {
  if (source.gguf !== undefined) return describeGguf(source, source.gguf, signal)
  const file = await source.readText('config.json', signal)
  if (file === null) throw new ClusterError('model_not_found', `${source.label} has no config.json`)
  const text = languagePart(file)
  architectureOf(parseModelType(text))
  const config = parseConfig(text)
  const generation = await source.readText('generation_config.json', signal)
  const generationIds = generation === null ? [] : parseGenerationEosIds(generation)
  const stored = await readTensorIndex(source, signal)
  return {
    // What a head is made of then is only there in the table of the embedding.
    config: isHeadless(stored) ? { ...config, tieWordEmbeddings: true } : config,
    tensors: languageTensors(stored),
    eosIds: generationIds.length > 0 ? generationIds : config.eosIds,
    contextLength: config.maxPositions,
  }
}
