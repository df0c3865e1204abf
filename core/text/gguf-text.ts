/** Text parts of a GGUF file: all of them are in its metadata. Keys: llama.cpp `gguf-py/gguf/constants.py`. */
import { ClusterError } from '../../protocol/errors.ts'
import { readGguf, type GgufHeader, type GgufMetadata } from '../model/gguf.ts'
import { ggufEndIds } from '../model/gguf-config.ts'
import type { ModelSource } from '../model/model-source.ts'
import { ggufSpecialTokens, ggufTokenizerFile } from './gguf-tokenizer.ts'
import { defaultSampling } from './sampling-defaults.ts'
import type { TextParts } from './text-parts.ts'

const TEMPLATE = 'tokenizer.chat_template'

function templatesOf(metadata: GgufMetadata): ReadonlyMap<string, string> {
  const templates = new Map<string, string>()
  for (const [key, value] of metadata) {
    if (typeof value !== 'string' || !key.startsWith(TEMPLATE)) continue
    if (key === TEMPLATE) templates.set('default', value)
    else if (key.startsWith(`${TEMPLATE}.`)) templates.set(key.slice(TEMPLATE.length + 1), value)
  }
  return templates
}

function numberAt(metadata: GgufMetadata, key: string): number | undefined {
  const value = metadata.get(key)
  return typeof value === 'number' ? value : undefined
}

/** How the model's authors want it sampled, where the file says. */
function samplingOf(metadata: GgufMetadata): TextParts['defaultSampling'] {
  const given = (name: string): number | undefined => numberAt(metadata, `general.sampling.${name}`)
  return defaultSampling({
    temperature: given('temp'),
    top_k: given('top_k'),
    top_p: given('top_p'),
    min_p: given('min_p'),
    repetition_penalty: given('penalty_repeat'),
  })
}

/** Rows of the output head. The table may lie in another part of a split file; then the tokens tell. */
const vocabSizeOf = ({ metadata, tensors }: GgufHeader, architecture: string): number | null =>
  tensors.get('token_embd.weight')?.shape[0] ?? numberAt(metadata, `${architecture}.vocab_size`) ?? null

/**
 * @param file the first part where the checkpoint is split
 * @throws {ClusterError} source_unavailable, bad_checkpoint; unsupported_model naming the tokenizer or pre-tokenizer that is not known
 */
export async function readGgufText(source: ModelSource, file: string, signal?: AbortSignal): Promise<TextParts> {
  const header = await readGguf(source, file, signal)
  const { metadata } = header
  const architecture = String(metadata.get('general.architecture') ?? '')
  const contextLength = numberAt(metadata, `${architecture}.context_length`)
  if (contextLength === undefined) throw new ClusterError('bad_checkpoint', `${file} of ${source.label} does not say how long its context is`)
  return {
    tokenizerFile: ggufTokenizerFile(metadata),
    tokenizerConfig: {},
    templates: templatesOf(metadata),
    specialTokens: ggufSpecialTokens(metadata),
    eosIds: ggufEndIds(metadata),
    contextLength,
    vocabSize: vocabSizeOf(header, architecture),
    defaultSampling: samplingOf(metadata),
  }
}
