import { existsSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { z } from 'zod'
import type { ModelSource } from '../model/model-source.ts'
import { loadText } from './text-model.ts'

const EMBER = new URL('../../models/ember/', import.meta.url)
const emberSource = (overrides: Readonly<Record<string, string | null>> = {}): ModelSource => ({
  label: 'ember',
  readText: (file) => {
    const path = new URL(file, EMBER)
    if (file in overrides) return Promise.resolve(overrides[file] ?? null)
    return Promise.resolve(existsSync(path) ? readFileSync(path, 'utf8') : null)
  },
  readRange: () => Promise.reject(new Error('texts need no ranges')),
})

const samplesSchema = z.object({
  samples: z.array(
    z.object({
      messages: z.array(z.object({ role: z.string(), content: z.string() })),
      prompt_ids: z.array(z.number()),
      generated_ids: z.array(z.number()),
      text: z.string(),
    }),
  ),
})

test('ember’s sample conversations give its prompt ids, its answers give their texts', async () => {
  const text = await loadText(emberSource())
  const { samples } = samplesSchema.parse(JSON.parse(readFileSync(new URL('samples.json', EMBER), 'utf8')))
  expect(samples.length).toBeGreaterThanOrEqual(25)
  for (const sample of samples) {
    expect(text.encodeChat(sample.messages)).toEqual(sample.prompt_ids)
    const detokenizer = text.newDetokenizer()
    expect(sample.generated_ids.map(detokenizer.push).join('') + detokenizer.end()).toBe(sample.text)
  }
})

test('reads context, vocabulary and ends of answers: generation_config wins over config', async () => {
  expect(await loadText(emberSource())).toMatchObject({
    contextLength: 1024,
    vocabSize: 4096,
    eosIds: [2, 0],
    defaultSampling: { temperature: 0, topP: 1, topK: 0 },
  })
  expect(await loadText(emberSource({ 'generation_config.json': null }))).toMatchObject({ eosIds: [2] })
})

test('an unfinished answer is continued where it ends', async () => {
  const text = await loadText(emberSource())
  const open = text.encodeChat(
    [
      { role: 'user', content: 'Hi' },
      { role: 'assistant', content: 'I am' },
    ],
    { continueFinal: true },
  )
  expect(open.slice(-2)).toEqual(text.encode('I am').slice(-2))
})

test('a prompt of 8 MB is refused before it is tokenized, in under 1 s', async () => {
  const text = await loadText(emberSource())
  const prompt = 'lorem ipsum '.repeat(700_000)
  const start = performance.now()
  expect(() => text.encode(prompt)).toThrow(expect.objectContaining({ code: 'context_length_exceeded' }))
  expect(performance.now() - start).toBeLessThan(1000)
})

test('a missing or broken file is bad_checkpoint and names it', async () => {
  await expect(loadText(emberSource({ 'tokenizer.json': null }))).rejects.toMatchObject({
    code: 'bad_checkpoint',
    message: expect.stringContaining('tokenizer.json'),
  })
  await expect(loadText(emberSource({ 'config.json': '{' }))).rejects.toMatchObject({
    code: 'bad_checkpoint',
    message: expect.stringContaining('config.json'),
  })
  await expect(loadText(emberSource({ 'tokenizer_config.json': null }))).resolves.toBeDefined()
})

test('a model without a chat template says so', async () => {
  const text = await loadText(emberSource({ 'tokenizer_config.json': '{}' }))
  expect(() => text.encodeChat([{ role: 'user', content: 'x' }])).toThrow(expect.objectContaining({ code: 'invalid_value' }))
})
