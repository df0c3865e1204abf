import { expect, test } from 'vitest'
import { modelId } from '../../protocol/ids.ts'
import { hubAddress, hubReference, parseModelReference } from './model-reference.ts'

const HUB = 'https://hub.example/mirror/'

test.each([
  ['org/name', 'org/name'],
  ['  hf:org/name@v1.0 ', 'org/name@v1.0'],
  ['org/name@refs/pr/7', 'org/name@refs/pr/7'],
  ['org/name@main', 'org/name'],
  ['org/name@main/q/x-Q4_0.gguf', 'org/name/q/x-Q4_0.gguf'],
  ['ember', 'ember'],
  ['https://huggingface.co/org/name', 'org/name'],
  ['https://hf.co/org/name/', 'org/name'],
  ['https://huggingface.co/org/name/tree/main?library=x', 'org/name'],
  ['https://huggingface.co/org/name/blob/abc123/model-00001-of-00002.safetensors', 'org/name@abc123'],
  ['https://huggingface.co/org/name/blob/main/x-Q4_K_M.gguf', 'org/name/x-Q4_K_M.gguf'],
  ['https://huggingface.co/org/name/resolve/v2/q/x.gguf?download=true', 'org/name@v2/q/x.gguf'],
  ['https://hub.example/mirror/org/name/resolve/refs%2Fpr%2F7/config.json', 'org/name@refs/pr/7'],
])('%s names %s', (text, id) => {
  expect(parseModelReference(text, HUB)).toBe(id)
})

test.each([
  ['org/name', 'https://hub.example/mirror/org/name/resolve/main'],
  ['org/name@refs/pr/7', 'https://hub.example/mirror/org/name/resolve/refs%2Fpr%2F7'],
  ['org/name@v1/q/x.gguf', 'https://hub.example/mirror/org/name/resolve/v1/q/x.gguf'],
])('%s lies at %s', (id, address) => {
  const reference = hubReference(modelId(id))
  expect(reference && hubAddress(reference, HUB)).toBe(address)
})

test('a name without an organization is no model of the hub', () => {
  expect(hubReference(modelId('ember'))).toBeNull()
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
