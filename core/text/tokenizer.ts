import { Tokenizer as HubTokenizer } from '@huggingface/tokenizers'
import { ClusterError } from '../../protocol/errors.ts'
import { createDetokenizer, decodeTokens, type Detokenizer, type DetokenizerOptions } from './detokenizer.ts'
import { createTokenBytes, tokenizerFileSchema } from './token-bytes.ts'

export type Tokenizer = {
  readonly vocabSize: number
  /** Special tokens inside the text are recognised. `addSpecial` adds what the model wants around a plain text, for example BOS. */
  readonly encode: (text: string, options: { readonly addSpecial: boolean }) => readonly number[]
  readonly decode: (ids: readonly number[], options?: DetokenizerOptions) => string
  readonly bytesOf: (id: number) => Uint8Array
  readonly newDetokenizer: (options?: DetokenizerOptions) => Detokenizer
  /** The id of one token's text, for names such as `eos_token`. */
  readonly idOf: (token: string) => number | undefined
  /** Fewest tokens that `text` can have, without tokenizing it. */
  readonly fewestTokens: (text: string) => number
}

/**
 * @param file content of tokenizer.json
 * @param config content of tokenizer_config.json
 * @throws {ClusterError} bad_checkpoint, unsupported_model
 */
export function createTokenizer(file: unknown, config: object): Tokenizer {
  const parsed = tokenizerFileSchema.safeParse(file)
  if (!parsed.success) throw new ClusterError('bad_checkpoint', 'tokenizer.json is not a tokenizer of Hugging Face’s format', { cause: parsed.error })
  const tokens = createTokenBytes(parsed.data)
  const hub = openHubTokenizer(parsed.data, config)
  return {
    vocabSize: tokens.vocabSize,
    encode: (text, { addSpecial }) => (text === '' && !addSpecial ? [] : hub.encode(wellFormed(text), { add_special_tokens: addSpecial }).ids),
    decode: (ids, options) => decodeTokens(tokens, ids, options),
    bytesOf: tokens.bytesOf,
    newDetokenizer: (options) => createDetokenizer(tokens, options),
    idOf: (token) => hub.token_to_id(token),
    fewestTokens: (text) => Math.floor(countSolid(text) / (COMPOSED_AT_MOST * tokens.longestToken)),
  }
}

/** A lone surrogate has no UTF-8 form; it becomes U+FFFD as in every encoder. */
const wellFormed = (text: string): string => text.replace(/\p{Surrogate}/gu, '\ufffd')

/** Whitespace is not counted, because special tokens may swallow it; composition (NFC) makes at most three characters one. */
const COMPOSED_AT_MOST = 3
function countSolid(text: string): number {
  let solid = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    // Beyond ASCII only these are whitespace, and counting a few letters of their blocks as such only lowers the bound.
    const isSpace =
      code <= 0x20 ||
      (code >= 0x85 &&
        (code === 0x85 || code === 0xa0 || code === 0x1680 || (code >= 0x2000 && code <= 0x205f) || code === 0x3000 || code === 0xfeff))
    if (!isSpace) solid++
  }
  return solid
}

function openHubTokenizer(file: object, config: object): HubTokenizer {
  try {
    return new HubTokenizer(file, config)
  } catch (cause) {
    throw new ClusterError('unsupported_model', 'the tokenizer of this model is of a kind that is not supported', { cause })
  }
}
