/** A model described by the header of its GGUF file. */
import { architectureOf } from '../arch/registry.ts'
import { decodeStored } from '../quant/stored.ts'
import { ClusterError } from '../../protocol/errors.ts'
import { parseConfig } from './config.ts'
import { ggufConfigJson } from './gguf-config.ts'
import { ggufFamilyOf } from './gguf-families.ts'
import { splitNames } from './gguf-split.ts'
import { ggufTensorIndex, ROPE_DIVISORS, ropeTensorOf } from './gguf-tensors.ts'
import { readGguf, type GgufHeader } from './gguf.ts'
import type { ModelDescription } from './model-description.ts'
import type { ModelSource } from './model-source.ts'

/** One divisor a pair of rotating dimensions; heads are hundreds of dimensions at most. */
const MAX_DIVISORS = 4096

async function readDivisors(source: ModelSource, parts: readonly Part[], name: string, signal?: AbortSignal): Promise<readonly number[] | null> {
  for (const { file, header } of parts) {
    const location = ropeTensorOf(file, header, name)
    if (!location) continue
    if (location.type !== 'f32' || location.shape.length !== 1 || (location.shape[0] ?? 0) > MAX_DIVISORS)
      throw new ClusterError('bad_checkpoint', `${file} has ${name} of type ${location.type} and shape [${location.shape.join(', ')}]`)
    return Array.from(decodeStored(await source.readRange(file, location.start, location.end, signal ? { signal } : {}), 'f32'))
  }
  return null
}

type Part = { readonly file: string; readonly header: GgufHeader }

/** Of a file that was split by llama.cpp's gguf-split: every part has a header of its own, the first one all metadata of the model. */
async function readParts(source: ModelSource, file: string, first: GgufHeader, signal?: AbortSignal): Promise<readonly Part[]> {
  const names = splitNames(file, first.metadata.get('split.count'))
  const parts: Part[] = [{ file, header: first }]
  for (const name of names.slice(1)) {
    const { metadata, tensors } = await readGguf(source, name, signal)
    if (metadata.get('split.no') !== parts.length) throw new ClusterError('bad_checkpoint', `${name} is not part ${parts.length + 1} of ${file}`)
    // What a tensor means is told by the model's own metadata.
    parts.push({ file: name, header: { metadata: first.metadata, tensors } })
  }
  const [stated, found] = [first.metadata.get('split.tensors.count'), parts.reduce((sum, { header }) => sum + header.tensors.size, 0)]
  if (parts.length > 1 && stated !== undefined && stated !== found)
    throw new ClusterError('bad_checkpoint', `the ${parts.length} parts of ${file} have ${found} tensors, and ${String(stated)} are stated`)
  return parts
}

/** @throws {ClusterError} unsupported_model naming what is supported; bad_checkpoint; source_unavailable */
export async function describeGguf(source: ModelSource, file: string, signal?: AbortSignal): Promise<ModelDescription> {
  const first = await readGguf(source, file, signal)
  architectureOf(ggufFamilyOf(first).modelType)
  const parts = await readParts(source, file, first, signal)
  const all: GgufHeader = { metadata: first.metadata, tensors: new Map(parts.flatMap(({ header }) => [...header.tensors])) }
  const read = (name: string): Promise<readonly number[] | null> => readDivisors(source, parts, name, signal)
  const divisors = { all: await read(ROPE_DIVISORS.all), long: await read(ROPE_DIVISORS.long), short: await read(ROPE_DIVISORS.short) }
  const config = { ...parseConfig(ggufConfigJson(all, divisors)), expertsAreSplit: true }
  const tensors = new Map(parts.flatMap((part) => [...ggufTensorIndex(part.file, part.header, config.headDim)]))
  return { config, tensors, eosIds: config.eosIds, contextLength: config.maxPositions }
}
