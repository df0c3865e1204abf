import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { describeModel } from './describe-model.ts'
import { languagePart, languageTensors } from './language-part.ts'
import { memorySource } from './memory-source.ts'
import type { TensorIndex } from './safetensors.ts'

const folder = fileURLToPath(new URL('../../tests/fixtures/golden/llama/', import.meta.url))
const json = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value))

/** The stored llama case as the text part of a checkpoint with pictures, its tensors renamed in the header. */
function wrapped(prefix: (name: string) => string, textConfig: object) {
  const bytes = readFileSync(`${folder}model.safetensors`)
  const length = Number(bytes.readBigUInt64LE(0))
  const header: Record<string, unknown> = JSON.parse(bytes.subarray(8, 8 + length).toString())
  const names = Object.keys(header).filter((name) => name !== '__metadata__')
  const renamed = json(Object.fromEntries([...names.map((name) => [prefix(name), header[name]]), ['vision_tower.w', header[names[0] ?? '']]]))
  const start = Buffer.alloc(8)
  start.writeBigUInt64LE(BigInt(renamed.length))
  return memorySource(
    'wrapped',
    new Map<string, Uint8Array>([
      ['config.json', json({ model_type: 'mistral3', eos_token_id: 7, text_config: textConfig, vision_config: { hidden_size: 3 } })],
      ['model.safetensors', new Uint8Array(Buffer.concat([start, renamed, bytes.subarray(8 + length)]))],
    ]),
  )
}

const CONFIG: Record<string, unknown> = JSON.parse(readFileSync(`${folder}config.json`, 'utf8'))

test.each([
  ['language_model.model.layers', (name: string) => `language_model.${name}`],
  ['model.language_model.layers', (name: string) => name.replace(/^model\./, 'model.language_model.')],
])('the text part of a checkpoint with pictures is described as the checkpoint of text it is inside: %s', async (_form, prefix) => {
  const { eos_token_id: _, ...text } = CONFIG
  const inside = await describeModel(wrapped(prefix, { ...text, model_type: 'mistral', sliding_window: null }))
  const alone = await describeModel(
    memorySource(
      'alone',
      new Map<string, Uint8Array>([
        ['config.json', json({ ...CONFIG, model_type: 'mistral', sliding_window: null, eos_token_id: 7 })],
        ['model.safetensors', new Uint8Array(readFileSync(`${folder}model.safetensors`))],
      ]),
    ),
  )
  expect(inside.config).toEqual(alone.config)
  expect(inside.eosIds).toEqual([7])
  const shapes = (tensors: TensorIndex) => Object.fromEntries([...tensors].map(([name, { shape, end, start }]) => [name, [shape, end - start]]))
  expect(shapes(inside.tensors)).toMatchObject(shapes(alone.tensors))
})

test('what gemma3 leaves out of its text_config is what transformers takes', () => {
  const text = { model_type: 'gemma3_text', hidden_size: 2560, num_hidden_layers: 34, sliding_window: 1024 }
  expect(JSON.parse(languagePart(JSON.stringify({ model_type: 'gemma3', eos_token_id: [1, 106], text_config: text })))).toMatchObject({
    ...text,
    eos_token_id: [1, 106],
    num_attention_heads: 8,
    head_dim: 256,
    max_position_embeddings: 131_072,
    vocab_size: 262_208,
  })
})

test('a whole without its text part is refused; other configurations and broken ones pass as they are', () => {
  expect(() => languagePart('{"model_type": "gemma3"}')).toThrow(/text_config/)
  for (const text of ['{"model_type":"llama","text_config":{}}', '{"model_type":', '[]']) expect(languagePart(text)).toBe(text)
  expect(languageTensors(new Map()).size).toBe(0)
})

test('a checkpoint that was stored without its head, as models of embeddings are, has the names of a whole one and the table for a head', async () => {
  const bytes = readFileSync(`${folder}model.safetensors`)
  const length = Number(bytes.readBigUInt64LE(0))
  const header: Record<string, unknown> = JSON.parse(bytes.subarray(8, 8 + length).toString())
  const kept = Object.entries(header).filter(([name]) => name.startsWith('model.'))
  const renamed = json(Object.fromEntries(kept.map(([name, entry]) => [name.slice('model.'.length), entry])))
  const start = Buffer.alloc(8)
  start.writeBigUInt64LE(BigInt(renamed.length))
  const files = new Map<string, Uint8Array>([
    ['config.json', json({ ...CONFIG, tie_word_embeddings: false })],
    ['model.safetensors', new Uint8Array(Buffer.concat([start, renamed, bytes.subarray(8 + length)]))],
  ])
  const { config, tensors } = await describeModel(memorySource('headless', files))
  expect(config.tieWordEmbeddings).toBe(true)
  expect([...tensors.keys()].sort()).toEqual(kept.map(([name]) => name).sort())
})
