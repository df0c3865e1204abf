import { expect, test } from 'vitest'
import { parseModelReference } from './model-reference.ts'

const HUB = 'https://hub.example/mirror/'

test.each([
  ['org/name', 'org/name', 'main'],
  ['  hf:org/name@v1.0 ', 'org/name', 'v1.0'],
  ['org/name@refs/pr/7', 'org/name', 'refs/pr/7'],
  ['ember', 'ember', 'main'],
  ['https://huggingface.co/org/name', 'org/name', 'main'],
  ['https://hf.co/org/name/', 'org/name', 'main'],
  ['https://huggingface.co/org/name/tree/main?library=x', 'org/name', 'main'],
  ['https://huggingface.co/org/name/blob/abc123/model-00001-of-00002.safetensors', 'org/name', 'abc123'],
  ['https://hub.example/mirror/org/name/resolve/refs%2Fpr%2F7/config.json', 'org/name', 'refs/pr/7'],
])('%s names %s at %s', (text, id, revision) => {
  expect(parseModelReference(text, HUB)).toEqual({ id, revision })
})

test.each(['', 'a b', 'org/name/file', '../x', 'org/../x', 'org/name@../main', 'https://huggingface.co/org', 'https://hub.example/mirror/'])(
  '%j is refused with what is expected',
  (text) => {
    expect(() => parseModelReference(text, HUB)).toThrow(/write ORG\/NAME/)
  },
)

test('an address of another host is refused by name, look-alikes included', () => {
  for (const text of ['https://evil.example/org/name', 'https://huggingface.co.evil/org/name', 'https://hub.example/other/org/name'])
    expect(() => parseModelReference(text, HUB)).toThrow(/takes models from hub\.example/)
  expect(() => parseModelReference('https://evil.example/org/name', null)).toThrow(/its own folders only/)
})
