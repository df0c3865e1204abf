import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { tokenizerFolderOutcome } from '../../tests/conformance/tokenizer-cases.ts'
import { ABSENT, GOLDEN_SETS, readJson } from '../../tests/fixtures/golden.ts'
import { createTokenizer, type Tokenizer } from './tokenizer.ts'

const openTokenizer = (root: URL, name: string): Tokenizer => {
  const config = z.looseObject({}).parse(readJson(root, `tokenizers/${name}/tokenizer_config.json`))
  return createTokenizer(readJson(root, `tokenizers/${name}/tokenizer.json`), config)
}

for (const set of GOLDEN_SETS) {
  for (const name of ['gemma', 'llama2', 'llama3', 'qwen2', 'smollm2']) {
    if (set.present && !existsSync(new URL(`tokenizers/${name}/tokenizer.json`, set.root))) continue
    test(`${name} of ${set.name}: ids, texts and streams equal exactly`, ({ skip }) => {
      skip(!set.present, ABSENT)
      const { checks, failures } = tokenizerFolderOutcome(name, fileURLToPath(new URL(`tokenizers/${name}/`, set.root)))
      expect(checks).toBeGreaterThan(100)
      expect(failures).toEqual([])
    })
  }
}

const fixtures = GOLDEN_SETS[0]
if (!fixtures) throw new Error('the fixtures of the repository are missing')
const smollm2 = openTokenizer(fixtures.root, 'smollm2')
const llama2 = openTokenizer(fixtures.root, 'llama2')

test('faults 27: an emoji split over tokens comes whole, and half of one never comes', () => {
  for (const tokenizer of [smollm2, llama2]) {
    const all = tokenizer.encode('ok 👩‍🚀', { addSpecial: false })
    expect(all.length).toBeGreaterThan(8)
    for (let length = 1; length <= all.length; length++) {
      const detokenizer = tokenizer.newDetokenizer()
      const text = all.slice(0, length).map(detokenizer.push).join('') + detokenizer.end()
      expect(text).not.toContain('\ufffd')
      expect('ok 👩‍🚀'.startsWith(text)).toBe(true)
    }
  }
})

test('an answer that continues a text keeps the space that sentencepiece puts first', () => {
  const [first = 0] = llama2.encode('a', { addSpecial: false })
  expect(llama2.newDetokenizer().push(first)).not.toMatch(/^ /)
  expect(llama2.newDetokenizer({ continues: true }).push(first)).toMatch(/^ /)
})

test('fewestTokens never exceeds the true count', () => {
  for (const text of ['hello world '.repeat(50), 'e\u0301'.repeat(500), '👩‍🚀'.repeat(100), 'x']) {
    for (const tokenizer of [smollm2, llama2])
      expect(tokenizer.fewestTokens(text)).toBeLessThanOrEqual(tokenizer.encode(text, { addSpecial: false }).length)
  }
})

test('lone surrogates are encoded as U+FFFD', () => {
  expect(smollm2.encode('a\ud800b', { addSpecial: false })).toEqual(smollm2.encode('a\ufffdb', { addSpecial: false }))
})

test('a file that is no tokenizer is bad_checkpoint, an unknown decoder unsupported_model', () => {
  expect(() => createTokenizer({ hello: 1 }, {})).toThrow(expect.objectContaining({ code: 'bad_checkpoint' }))
  const file = {
    added_tokens: [],
    decoder: { type: 'CTC' },
    model: { type: 'BPE', vocab: { a: 0 }, merges: [] },
    normalizer: null,
    pre_tokenizer: null,
    post_processor: null,
  }
  expect(() => createTokenizer(file, {})).toThrow(expect.objectContaining({ code: 'unsupported_model' }))
})
