/** Only what the tokens of a model stand for: what a device needs that samples by a grammar. */
import { ClusterError } from '../../protocol/errors.ts'
import type { ModelSource } from '../model/model-source.ts'
import { readGgufText } from './gguf-text.ts'
import { readHubText } from './hub-text.ts'
import { createTokenBytes, tokenizerFileSchema, type TokenBytes } from './token-bytes.ts'

/** @throws {ClusterError} source_unavailable, bad_checkpoint, unsupported_model */
export async function loadTokenBytes(source: ModelSource): Promise<TokenBytes> {
  const { tokenizerFile } = await (source.gguf === undefined ? readHubText(source) : readGgufText(source, source.gguf))
  const parsed = tokenizerFileSchema.safeParse(tokenizerFile)
  if (!parsed.success)
    throw new ClusterError('bad_checkpoint', `the tokenizer of ${source.label} is not of Hugging Face’s format`, { cause: parsed.error })
  return createTokenBytes(parsed.data)
}
