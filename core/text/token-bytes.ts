/**
 * What each token id stands for in bytes, from the decoder that `tokenizer.json` describes. Text is made from bytes and not
 * from decoded strings, because a character may be split over tokens.
 */
import { z } from 'zod'
import { ClusterError } from '../../protocol/errors.ts'

export type TokenBytes = {
  readonly vocabSize: number
  /** Empty for ids without a token. */
  readonly bytesOf: (id: number) => Uint8Array
  readonly isSpecial: (id: number) => boolean
  /** A token of one raw byte (`<0x0A>`): an invalid run of these decodes to one U+FFFD for each. */
  readonly isRawByte: (id: number) => boolean
  /** Spaces to take off the very start of a text (sentencepiece puts one there). */
  readonly leadingSpaces: number
  /** Length of the longest token in bytes: a text of n bytes has at least n / longest tokens. */
  readonly longestToken: number
}

const decoderSchema = z.looseObject({ type: z.string() })
const replaceSchema = z.object({ pattern: z.object({ String: z.string() }), content: z.string() })
const stripSchema = z.object({ content: z.string(), start: z.number(), stop: z.number() })
const metaspaceSchema = z.object({
  replacement: z.string().default('▁'),
  prepend_scheme: z.string().optional(),
  add_prefix_space: z.boolean().optional(),
})
const sequenceSchema = z.object({ decoders: z.array(decoderSchema) })
export const tokenizerFileSchema = z.looseObject({
  added_tokens: z.array(z.looseObject({ id: z.number(), content: z.string(), special: z.boolean().default(false) })).default([]),
  decoder: decoderSchema.nullable(),
  model: z.looseObject({ vocab: z.union([z.record(z.string(), z.number()), z.array(z.tuple([z.string(), z.number()]))]) }),
})
export type TokenizerFile = z.infer<typeof tokenizerFileSchema>

/** GPT-2's table: printable characters stand for their own byte, the rest for a character from U+0100 on. */
const BYTE_OF_CHARACTER: ReadonlyMap<string, number> = (() => {
  const isPrintable = (byte: number): boolean => (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae
  const table = new Map<string, number>()
  let next = 0x100
  for (let byte = 0; byte < 256; byte++) table.set(String.fromCodePoint(isPrintable(byte) ? byte : next++), byte)
  return table
})()

const CHARACTER_OF_BYTE: readonly string[] = [...BYTE_OF_CHARACTER.keys()]
/** Bytes in GPT-2's table, one character a byte. */
export const byteLevelText = (bytes: Uint8Array): string => Array.from(bytes, (byte) => CHARACTER_OF_BYTE[byte]).join('')

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)
const RAW_BYTE = /^<0x([0-9A-Fa-f]{2})>$/

type Step = {
  readonly replace: (token: string) => string
  readonly byteLevel: boolean
  readonly byteFallback: boolean
  readonly leadingSpaces: number
}
const PLAIN_STEP: Step = { replace: (token) => token, byteLevel: false, byteFallback: false, leadingSpaces: 0 }

function stepOf(decoder: z.infer<typeof decoderSchema>): readonly Step[] {
  switch (decoder.type) {
    case 'ByteLevel':
      return [{ ...PLAIN_STEP, byteLevel: true }]
    case 'ByteFallback':
      return [{ ...PLAIN_STEP, byteFallback: true }]
    case 'Fuse':
      return []
    case 'Replace': {
      const { pattern, content } = replaceSchema.parse(decoder)
      return [{ ...PLAIN_STEP, replace: (token) => token.replaceAll(pattern.String, content) }]
    }
    case 'Strip': {
      const { content, start, stop } = stripSchema.parse(decoder)
      if (content !== ' ' || stop !== 0) throw unsupported(`a Strip decoder of ${JSON.stringify(content)} with stop ${stop}`)
      return [{ ...PLAIN_STEP, leadingSpaces: start }]
    }
    case 'Metaspace': {
      const { replacement, prepend_scheme, add_prefix_space } = metaspaceSchema.parse(decoder)
      const isPrefixed = prepend_scheme === undefined ? add_prefix_space !== false : prepend_scheme !== 'never'
      return [{ ...PLAIN_STEP, replace: (token) => token.replaceAll(replacement, ' '), leadingSpaces: isPrefixed ? 1 : 0 }]
    }
    case 'Sequence':
      return sequenceSchema.parse(decoder).decoders.flatMap(stepOf)
    default:
      throw unsupported(`a decoder of type ${decoder.type}`)
  }
}

const unsupported = (what: string): ClusterError =>
  new ClusterError('unsupported_model', `the tokenizer has ${what}, which is not supported; byte-level and sentencepiece BPE are`)

function byteLevelBytes(token: string): Uint8Array {
  const bytes = Array.from(token, (character) => BYTE_OF_CHARACTER.get(character))
  return bytes.every((byte) => byte !== undefined) ? Uint8Array.from(bytes) : utf8(token)
}

/** @throws {ClusterError} unsupported_model for decoders other than byte-level and sentencepiece ones */
export function createTokenBytes(file: TokenizerFile): TokenBytes {
  const steps = file.decoder ? stepOf(file.decoder) : []
  const isByteLevel = steps.some((step) => step.byteLevel)
  const isFallback = steps.some((step) => step.byteFallback)
  const { vocab } = file.model
  const tokens: string[] = []
  if (Array.isArray(vocab)) vocab.forEach(([token], id) => (tokens[id] = token))
  else for (const token of Object.keys(vocab)) tokens[vocab[token] ?? 0] = token
  const added = new Map(file.added_tokens.map((token) => [token.id, token]))
  for (const [id, token] of added) tokens[id] = token.content
  const replace = (token: string): string => steps.reduce((text, step) => step.replace(text), token)
  const bytes = Array.from(tokens, (token, id): Uint8Array => {
    if (token === undefined) return new Uint8Array(0)
    if (added.has(id) && isByteLevel) return utf8(token)
    const raw = isFallback ? RAW_BYTE.exec(token) : null
    if (raw) return Uint8Array.of(parseInt(raw[1] ?? '0', 16))
    return isByteLevel ? byteLevelBytes(token) : utf8(replace(token))
  })
  const nothing = new Uint8Array(0)
  return {
    vocabSize: tokens.length,
    bytesOf: (id) => bytes[id] ?? nothing,
    isSpecial: (id) => added.get(id)?.special ?? false,
    isRawByte: (id) => isFallback && RAW_BYTE.test(tokens[id] ?? ''),
    leadingSpaces: steps.reduce((total, step) => total + step.leadingSpaces, 0),
    longestToken: bytes.reduce((longest, one) => Math.max(longest, one.length), 1),
  }
}
