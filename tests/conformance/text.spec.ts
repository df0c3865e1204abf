import { fileURLToPath } from 'node:url'
import { expect, test } from '@playwright/test'
import { folderSource } from '../../api-gateway/folder-source.ts'
import { loadText } from '../../core/text/text-model.ts'
import { openHarness, type Harness } from '../harness/browser.ts'
import type { PageText } from './text.page.ts'

const FOLDER = fileURLToPath(new URL('../fixtures/text/gguf/', import.meta.url))

let harness: Harness
test.beforeAll(async () => {
  harness = await openHarness({ mounts: { '/cases/': FOLDER } })
})
test.afterAll(() => harness.close())

for (const name of ['llama', 'gemma3', 'qwen2']) {
  test(`Chromium reads the tokenizer and template of the GGUF file ${name} by ranges and gives Node's ids`, async () => {
    const [text, question] = ['Ça va? 你好 👩‍🚀 1234\n', 'Hello!']
    const page = await harness.call<PageText>('tests/conformance/text.page.ts', 'speak', {
      url: `${harness.origin}/cases/${name}/model.gguf`,
      text,
      question,
    })
    const node = await loadText(folderSource(`${FOLDER}${name}`, 'model.gguf'))
    expect(page.ids).toEqual(node.encode(text))
    expect(page.ids.length).toBeGreaterThan(8)
    expect(page.decoded).toBe(text)
    expect(page.chatIds).toEqual(node.encodeChat([{ role: 'user', content: question }]))
    expect(page.eosIds).toEqual(node.eosIds)
  })
}
