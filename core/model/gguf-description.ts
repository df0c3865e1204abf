/** A model described by the header of its GGUF file. */
import { architectureOf } from '../arch/registry.ts'
import { decodeStored } from '../quant/stored.ts'
import { ClusterError } from '../../protocol/errors.ts'
import { parseConfig } from './config.ts'
import { ggufConfigJson, ggufModelType } from './gguf-config.ts'
import { ggufTensorIndex, ropeDivisorsOf } from './gguf-tensors.ts'
import { readGguf, type GgufHeader } from './gguf.ts'
import type { ModelDescription } from './model-description.ts'
import type { ModelSource } from './model-source.ts'

/** One divisor a pair of rotating dimensions; heads are hundreds of dimensions at most. */
const MAX_DIVISORS = 4096

async function readDivisors(source: ModelSource, file: string, header: GgufHeader, signal?: AbortSignal): Promise<readonly number[] | null> {
  const location = ropeDivisorsOf(file, header)
  if (!location) return null
  if (location.type !== 'f32' || location.shape.length !== 1 || (location.shape[0] ?? 0) > MAX_DIVISORS)
    throw new ClusterError('bad_checkpoint', `${file} has rope divisors of type ${location.type} and shape [${location.shape.join(', ')}]`)
  const bytes = await source.readRange(file, location.start, location.end, signal ? { signal } : {})
  return Array.from(decodeStored(bytes, 'f32'))
}

/** @throws {ClusterError} unsupported_model naming what is supported; bad_checkpoint; source_unavailable */
export async function describeGguf(source: ModelSource, file: string, signal?: AbortSignal): Promise<ModelDescription> {
  const header = await readGguf(source, file, signal)
  architectureOf(ggufModelType(header).modelType)
  const config = parseConfig(ggufConfigJson(header, await readDivisors(source, file, header, signal)))
  return { config, tensors: ggufTensorIndex(file, header, config.headDim), eosIds: config.eosIds, contextLength: config.maxPositions }
}
