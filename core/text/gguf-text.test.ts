import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { ggufTokenizerOutcome } from '../../tests/conformance/tokenizer-cases.ts'
import { ABSENT, GOLDEN_SETS, TEXT_FIXTURES } from '../../tests/fixtures/golden.ts'
import type { GgufMetadata, GgufValue } from '../model/gguf.ts'
import { memorySource } from '../model/memory-source.ts'
import { ggufTokenizerFile } from './gguf-tokenizer.ts'
import { loadText, type TextModel } from './text-model.ts'
import { createTokenizer, type Tokenizer } from './tokenizer.ts'

for (const set of GOLDEN_SETS) {
  const folder = fileURLToPath(new URL('gguf/', set.root))
  if (!set.present) test(`GGUF tokenizers of ${set.name} give the ids of those that they were made from`, ({ skip }) => skip(ABSENT))
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    test(`the tokenizer within ${name}'s GGUF file of ${set.name} gives the ids, texts and streams of the one it was made from`, async () => {
      const outcome = await ggufTokenizerOutcome(name, `${folder}${name}`, fileURLToPath(set.root))
      expect(outcome?.checks).toBeGreaterThan(100)
      expect(outcome?.failures).toEqual([])
    })
  }
}

function openText(name: string): Promise<TextModel> {
  const bytes = new Uint8Array(readFileSync(new URL(`gguf/${name}/model.gguf`, TEXT_FIXTURES)))
  return loadText({ ...memorySource(name, new Map([['model.gguf', bytes]])), gguf: 'model.gguf' })
}

test('ends of answers, context, vocabulary and chat format come from the metadata', async () => {
  const [gemma, llama, qwen] = await Promise.all([openText('gemma3'), openText('llama'), openText('qwen2')])
  expect(gemma).toMatchObject({ eosIds: [1, 5], contextLength: 256, vocabSize: 640, defaultSampling: { temperature: 1, topP: 1 } })
  expect(llama).toMatchObject({ eosIds: [422], vocabSize: 426 })
  expect(qwen).toMatchObject({ eosIds: [442, 440], vocabSize: 478 })
  const turns = [{ role: 'user', content: 'Hi' }]
  // The template has no BOS of its own; a plain text gets the one that the file asks for.
  expect(llama.encodeChat(turns)).toEqual(llama.encode('<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n').slice(1))
  expect(llama.encode('Hi')[0]).toBe(420)
  expect(gemma.encode('Hi')[0]).toBe(2)
  expect(qwen.encodeChat(turns)).toEqual(qwen.encode('<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n'))
})

const BPE: Readonly<Record<string, GgufValue>> = {
  model: 'gpt2',
  pre: 'gpt-2',
  tokens: ['a', 'b', 'Ġ', 'ab', 'Ġab', '<e>', '<tool>'],
  token_type: [1, 1, 1, 1, 1, 3, 4],
  merges: ['a b', 'Ġ ab'],
  bos_token_id: 5,
  eos_token_id: 5,
}
const SPM: Readonly<Record<string, GgufValue>> = {
  model: 'llama',
  tokens: ['<unk>', '<s>', '</s>', '<0x78>', '▁', 'a', 'b', 'ab', '▁a', 'ba'],
  scores: [0, 0, 0, 0, -9, -8, -7, -1, -2, -0.5],
  token_type: [2, 3, 3, 6, 1, 1, 1, 1, 1, 1],
  bos_token_id: 1,
  eos_token_id: 2,
}
const metadataOf = (keys: Readonly<Record<string, GgufValue | undefined>>): GgufMetadata =>
  new Map(Object.entries(keys).flatMap(([key, value]) => (value === undefined ? [] : [[`tokenizer.ggml.${key}`, value] as const])))
const open = (keys: Readonly<Record<string, GgufValue | undefined>>): Tokenizer => createTokenizer(ggufTokenizerFile(metadataOf(keys)), {})
const encode = (tokenizer: Tokenizer, text: string): readonly number[] => tokenizer.encode(text, { addSpecial: true })

test('byte-level BPE: merges in their order, control tokens special, added ones text, BOS and EOS where the file asks', () => {
  expect(encode(open(BPE), 'ab ab<e><tool>')).toEqual([3, 4, 5, 6])
  expect(open(BPE).decode([3, 4, 5, 6])).toBe('ab ab<tool>')
  expect(encode(open({ ...BPE, add_bos_token: true, add_eos_token: true }), 'ab')).toEqual([5, 3, 5])
  expect(encode(open({ ...BPE, add_space_prefix: true }), 'ab')).toEqual([4])
})

test('sentencepiece: the union that scores highest first, bytes for what has no token, and a space put first unless the file says no', () => {
  expect(encode(open(SPM), 'ab')).toEqual([1, 4, 7])
  expect(encode(open(SPM), 'aba')).toEqual([1, 8, 9])
  expect(encode(open({ ...SPM, add_space_prefix: false, add_bos_token: false }), 'abx')).toEqual([7, 3])
  expect(open(SPM).decode(encode(open(SPM), 'ab'))).toBe('ab')
})

test('llama 3’s rule takes a piece that is a token whole, and begins with BOS', () => {
  const whole = { ...BPE, merges: [] }
  expect(encode(open({ ...whole, pre: 'llama-bpe' }), 'ab')).toEqual([5, 3])
  expect(encode(open(whole), 'ab')).toEqual([0, 1])
})

test('rules cut digits as their models do', () => {
  const digits = (pre: string): readonly number[] => {
    const tokens = ['1', '11', '111', '1111']
    return encode(
      open({ ...BPE, pre, tokens, token_type: [1, 1, 1, 1], merges: ['1 1', '11 11', '11 1', '111 1'], bos_token_id: undefined }),
      '11111',
    )
  }
  expect(digits('llama-bpe')).toEqual([2, 1])
  expect(digits('qwen2')).toEqual([0, 0, 0, 0, 0])
  expect(digits('smollm')).toEqual([0, 0, 0, 0, 0])
  expect(digits('gpt-2')).toEqual([3, 0])
  expect(digits('gpt-4o')).toEqual([2, 1])
  expect(digits('deepseek-v3')).toEqual([2, 1])
  expect(digits('tekken')).toEqual([0, 0, 0, 0, 0])
  expect(digits('falcon')).toEqual([2, 1])
})

const REFUSED: Readonly<
  Record<string, { readonly keys: Readonly<Record<string, GgufValue | undefined>>; readonly code: string; readonly message: RegExp }>
> = {
  'a pre-tokenizer that is not known': { keys: { ...BPE, pre: 'klingon' }, code: 'unsupported_model', message: /klingon.*llama-bpe/ },
  'a kind that is not known': { keys: { ...BPE, model: 't5' }, code: 'unsupported_model', message: /t5.*gpt2/ },
  'no kind': { keys: { ...BPE, model: undefined }, code: 'bad_checkpoint', message: /model/ },
  'no tokens': { keys: { ...BPE, tokens: undefined }, code: 'bad_checkpoint', message: /tokens/ },
  'no merges': { keys: { ...BPE, merges: undefined }, code: 'bad_checkpoint', message: /merges/ },
  'a merge of one part': { keys: { ...BPE, merges: ['ab'] }, code: 'bad_checkpoint', message: /merge "ab"/ },
  'fewer kinds than tokens': { keys: { ...BPE, token_type: [1] }, code: 'bad_checkpoint', message: /7 tokens and 1/ },
  'tokens that are numbers': { keys: { ...BPE, tokens: [1, 2] }, code: 'bad_checkpoint', message: /tokens/ },
  'no scores': { keys: { ...SPM, scores: undefined }, code: 'bad_checkpoint', message: /scores/ },
}
for (const [name, { keys, code, message }] of Object.entries(REFUSED)) {
  test(`${name} is refused: ${code}`, () =>
    expect(() => ggufTokenizerFile(metadataOf(keys))).toThrow(expect.objectContaining({ code, message: expect.stringMatching(message) })))
}
