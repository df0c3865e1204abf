/** The tokenizer.json that a GGUF file's metadata amounts to. Keys: llama.cpp `gguf-py/gguf/constants.py`. */
import { ClusterError } from '../../protocol/errors.ts'
import type { GgufMetadata, GgufValue } from '../model/gguf.ts'
import { preTokenizerNamed } from './gguf-pre-tokenizers.ts'

/** Kinds of tokens in `tokenizer.ggml.token_type`. */
const UNKNOWN = 2
const CONTROL = 3
const USER_DEFINED = 4
const BYTE = 6
const SPACE = '▁'

const bad = (what: string): ClusterError => new ClusterError('bad_checkpoint', `the tokenizer of the GGUF file is not usable: ${what}`)

/** Values of `tokenizer.ggml.…` by their kind; undefined where the file has none. */
function keysOf(metadata: GgufMetadata) {
  const value = (name: string): GgufValue | undefined => metadata.get(`tokenizer.ggml.${name}`)
  const list = (name: string): readonly GgufValue[] | undefined => {
    const found = value(name)
    if (found === undefined || Array.isArray(found)) return found
    throw bad(`${name} is not a list`)
  }
  return {
    texts: (name: string): readonly string[] | undefined =>
      list(name)?.map((item) => {
        if (typeof item !== 'string') throw bad(`${name} holds what is no text`)
        return item
      }),
    numbers: (name: string): readonly number[] | undefined =>
      list(name)?.map((item) => {
        if (typeof item !== 'number') throw bad(`${name} holds what is no number`)
        return item
      }),
    number: (name: string): number | undefined => {
      const found = value(name)
      return typeof found === 'number' ? found : undefined
    },
    flag: (name: string): boolean | undefined => {
      const found = value(name)
      return typeof found === 'boolean' ? found : undefined
    },
    text: (name: string): string | undefined => {
      const found = value(name)
      return typeof found === 'string' ? found : undefined
    },
  }
}
type Keys = ReturnType<typeof keysOf>
type Vocabulary = { readonly tokens: readonly string[]; readonly types: readonly number[] }

function vocabularyOf(keys: Keys): Vocabulary {
  const tokens = keys.texts('tokens')
  if (!tokens || tokens.length === 0) throw bad('it has no tokens')
  const types = keys.numbers('token_type') ?? []
  if (types.length !== 0 && types.length !== tokens.length) throw bad(`${tokens.length} tokens and ${types.length} kinds of them`)
  return { tokens, types }
}

/** Control tokens are special; what a model's authors added beside them is text. */
function addedTokens({ tokens, types }: Vocabulary): object[] {
  return tokens.flatMap((content, id) => {
    const type = types[id]
    if (type !== CONTROL && type !== USER_DEFINED && type !== UNKNOWN) return []
    return [{ id, content, special: type !== USER_DEFINED, single_word: false, lstrip: false, rstrip: false, normalized: false }]
  })
}

/** What a text gets around it. */
function postProcessor(keys: Keys, { tokens }: Vocabulary, byDefault: { readonly bos: boolean; readonly eos: boolean }): object {
  const ends = [
    { id: keys.number('bos_token_id'), isAdded: keys.flag('add_bos_token') ?? byDefault.bos },
    { id: keys.number('eos_token_id'), isAdded: keys.flag('add_eos_token') ?? byDefault.eos },
  ].map(({ id, isAdded }) => {
    const token = id === undefined ? undefined : tokens[id]
    return isAdded && id !== undefined && token !== undefined ? [{ id, token }] : []
  })
  const [before = [], after = []] = ends.map((tokensOf) => tokensOf.map(({ token }) => ({ SpecialToken: { id: token, type_id: 0 } })))
  return {
    type: 'TemplateProcessing',
    single: [...before, { Sequence: { id: 'A', type_id: 0 } }, ...after],
    pair: [],
    special_tokens: Object.fromEntries(ends.flat().map(({ id, token }) => [token, { id: token, ids: [id], tokens: [token] }])),
  }
}

const BPE = { type: 'BPE', dropout: null, continuing_subword_prefix: null, end_of_word_suffix: null }
const vocabOf = ({ tokens }: Vocabulary): object => Object.fromEntries(tokens.map((token, id) => [token, id]))

/** Byte-level BPE, as GPT-2 has it. */
function byteLevel(keys: Keys): object {
  const vocabulary = vocabularyOf(keys)
  const merges = keys.texts('merges')
  if (!merges) throw bad('it has no merges')
  const rule = preTokenizerNamed(keys.text('pre') ?? 'default')
  const bytes = { type: 'ByteLevel', add_prefix_space: keys.flag('add_space_prefix') ?? false, trim_offsets: true, use_regex: rule.cutsAsGpt2 }
  return {
    added_tokens: addedTokens(vocabulary),
    normalizer: rule.normalizer,
    pre_tokenizer: { type: 'Sequence', pretokenizers: [...rule.steps, bytes] },
    post_processor: postProcessor(keys, vocabulary, { bos: rule.addsBos, eos: false }),
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      ...BPE,
      unk_token: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: rule.ignoreMerges,
      vocab: vocabOf(vocabulary),
      merges: merges.map((merge) => {
        // A token may begin with a space of its own.
        const at = merge.indexOf(' ', 1)
        if (at < 0) throw bad(`the merge ${JSON.stringify(merge.slice(0, 40))}`)
        return [merge.slice(0, at), merge.slice(at + 1)]
      }),
    },
  }
}

/**
 * Sentencepiece joins the neighbours whose union scores highest: every way to cut a token in two is a merge, ranked by the token's
 * score. Of one token, the cut whose parts come first in the vocabulary ranks first, as in transformers' conversion.
 */
function mergesByScore({ tokens, types }: Vocabulary, scores: readonly number[]): (readonly [string, string])[] {
  const ids = new Map(tokens.map((token, id) => [token, id]))
  const isPiece = (id: number): boolean => types[id] !== CONTROL && types[id] !== UNKNOWN && types[id] !== BYTE
  const merges = tokens.flatMap((token, id) => {
    if (!isPiece(id) || token.length < 2) return []
    const cuts: { readonly pair: readonly [string, string]; readonly left: number; readonly right: number; readonly score: number }[] = []
    for (let at = 1; at < token.length; at++) {
      const pair = [token.slice(0, at), token.slice(at)] as const
      const [left, right] = [ids.get(pair[0]), ids.get(pair[1])]
      if (left !== undefined && right !== undefined) cuts.push({ pair, left, right, score: scores[id] ?? 0 })
    }
    return cuts.sort((a, b) => a.left - b.left || a.right - b.right)
  })
  // Stable: equal scores keep the order of the vocabulary.
  return merges.sort((a, b) => b.score - a.score).map(({ pair }) => pair)
}

/** Sentencepiece's BPE, as Llama 2 and Gemma have it. */
function sentencePiece(keys: Keys): object {
  const vocabulary = vocabularyOf(keys)
  const scores = keys.numbers('scores')
  if (scores?.length !== vocabulary.tokens.length) throw bad(`${vocabulary.tokens.length} tokens and ${scores?.length ?? 'no'} scores`)
  const hasPrefix = keys.flag('add_space_prefix') ?? true
  const spaces = { type: 'Replace', pattern: { String: ' ' }, content: SPACE }
  const unknown = keys.number('unknown_token_id') ?? vocabulary.types.indexOf(UNKNOWN)
  return {
    added_tokens: addedTokens(vocabulary),
    normalizer: hasPrefix ? { type: 'Sequence', normalizers: [{ type: 'Prepend', prepend: SPACE }, spaces] } : spaces,
    pre_tokenizer: null,
    post_processor: postProcessor(keys, vocabulary, { bos: true, eos: false }),
    decoder: {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { String: SPACE }, content: ' ' },
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        ...(hasPrefix ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : []),
      ],
    },
    model: {
      ...BPE,
      unk_token: vocabulary.tokens[unknown] ?? null,
      fuse_unk: true,
      byte_fallback: vocabulary.types.includes(BYTE),
      ignore_merges: false,
      vocab: vocabOf(vocabulary),
      merges: mergesByScore(vocabulary, scores),
    },
  }
}

/**
 * @returns what a tokenizer.json holds
 * @throws {ClusterError} bad_checkpoint; unsupported_model naming the kind or the pre-tokenizer
 */
export function ggufTokenizerFile(metadata: GgufMetadata): object {
  const keys = keysOf(metadata)
  const kind = keys.text('model')
  if (kind === undefined) throw bad('tokenizer.ggml.model is missing')
  const file = { version: '1.0', truncation: null, padding: null }
  if (kind === 'gpt2') return { ...file, ...byteLevel(keys) }
  if (kind === 'llama') return { ...file, ...sentencePiece(keys) }
  throw new ClusterError(
    'unsupported_model',
    `tokenizers of kind ${kind.slice(0, 100)} in GGUF files are not supported; gpt2 (byte-level BPE) and llama (sentencepiece) are`,
  )
}

/** The special tokens that templates may name, by their texts. */
export function ggufSpecialTokens(metadata: GgufMetadata): Readonly<Record<string, string>> {
  const keys = keysOf(metadata)
  const tokens = keys.texts('tokens') ?? []
  const names = { bos_token: 'bos', eos_token: 'eos', unk_token: 'unknown', sep_token: 'seperator', pad_token: 'padding', mask_token: 'mask' }
  return Object.fromEntries(
    Object.entries(names).flatMap(([name, key]) => {
      const token = tokens[keys.number(`${key}_token_id`) ?? -1]
      return token === undefined ? [] : [[name, token]]
    }),
  )
}
