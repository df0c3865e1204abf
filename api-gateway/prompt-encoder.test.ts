import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { emberText, MODELS, startGateway } from '../tests/harness/gateway.ts'
import { createModelCatalog } from './model-catalog.ts'
import { createPromptEncoder } from './prompt-encoder.ts'

const encoder = createPromptEncoder()
afterAll(() => encoder.close())

test('a thread gives the ids and the errors that the caller’s own thread gives', async () => {
  const [text, entry] = [await emberText(), await createModelCatalog({ folders: [MODELS] }).find('ember')]
  // Spaces alone are never refused by length before tokenizing, and 9000 of anything go to the thread.
  await expect(encoder.text(entry, text, `${' '.repeat(9000)}x`)).resolves.toEqual(text.encode(`${' '.repeat(9000)}x`))
  const turns = [{ role: 'user', content: `Hello${' '.repeat(9000)}` }]
  await expect(encoder.chat(entry, text, turns)).resolves.toEqual(text.encodeChat(turns))
  await expect(encoder.text(entry, text, 'word '.repeat(30_000))).rejects.toMatchObject({
    code: 'context_length_exceeded',
    detail: { contextLength: 1024 },
  })
})

test('a GGUF file alone is a model, and the thread reads its tokenizer as the caller’s own thread does', async () => {
  const catalog = createModelCatalog({ folders: [fileURLToPath(new URL('../tests/fixtures/gguf/', import.meta.url))] })
  const entry = await catalog.find('llama')
  expect(entry).toMatchObject({ files: { gguf: 'model.gguf' }, source: '/models/llama/model.gguf' })
  expect((await catalog.list()).map(({ id }) => id)).toEqual(['llama'])
  const text = await catalog.text(entry)
  const turns = [{ role: 'user', content: `Hello${' '.repeat(9000)}` }]
  await expect(encoder.chat(entry, text, turns)).resolves.toEqual(text.encodeChat(turns))
  // In the thread by the length of what the template reads beside the turns.
  const variables = { documents: [{ text: ' '.repeat(9000) }] }
  await expect(encoder.chat(entry, text, [{ role: 'user', content: 'Hi' }], { variables })).resolves.toEqual(
    text.encodeChat([{ role: 'user', content: 'Hi' }]),
  )
})

test('faults 26: while a prompt of 600 000 characters is tokenized, ten others are asked and answered', async () => {
  await using gateway = await startGateway({ answer: () => [300] }, { encoder })
  const ask = (content: string): Promise<Response> => gateway.post('/v1/chat/completions', { model: 'ember', messages: [{ role: 'user', content }] })
  await ask('warm')
  const order: string[] = []
  const long = ask(' '.repeat(600_000)).then((response) => {
    order.push('long')
    return response
  })
  for (let turn = 0; turn < 10; turn++) expect((await ask('Hi')).status).toBe(200)
  order.push('short')
  expect((await long).status).toBe(400)
  expect(order).toEqual(['short', 'long'])
}, 30_000)
