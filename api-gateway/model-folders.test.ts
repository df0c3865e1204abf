import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { modelId } from '../protocol/ids.ts'
import { modelAt, modelsIn, ownerOf } from './model-folders.ts'

const root = mkdtempSync(path.join(tmpdir(), 'ringlet-folders-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))
for (const file of [
  'plain/config.json',
  'plain/model.safetensors',
  'org/plain/config.json',
  'org/one/one-Q4_0.gguf',
  'org/one/config.json',
  'org/many/a.gguf',
  'org/many/b.gguf',
  'org/both/config.json',
  'org/both/model.safetensors',
  'org/both/x.gguf',
  'org/alone.gguf',
  'tiny.gguf',
  'split/big-00001-of-00002.gguf',
  'split/big-00002-of-00002.gguf',
  'empty/README.md',
  '.uploads/half/half.gguf',
]) {
  mkdirSync(path.join(root, path.dirname(file)), { recursive: true })
  writeFileSync(path.join(root, file), '')
}

test('folders with config.json, folders with one GGUF file, and GGUF files are models; each has a name and what a wish names', async () => {
  const found = (await modelsIn(root)).map(({ id, gguf, source }) => [id, gguf, source])
  expect(new Set(found.map((model) => JSON.stringify(model)))).toEqual(
    new Set(
      [
        ['plain', null, '/models/plain'],
        ['org/plain', null, '/models/org/plain'],
        ['org/one', 'one-Q4_0.gguf', '/models/org/one/one-Q4_0.gguf'],
        ['org/many/a.gguf', 'a.gguf', '/models/org/many/a.gguf'],
        ['org/many/b.gguf', 'b.gguf', '/models/org/many/b.gguf'],
        ['org/both', null, '/models/org/both'],
        ['org/alone.gguf', 'alone.gguf', '/models/org/alone.gguf'],
        ['tiny.gguf', 'tiny.gguf', '/models/tiny.gguf'],
        ['split', 'big-00001-of-00002.gguf', '/models/split/big-00001-of-00002.gguf'],
      ].map((model) => JSON.stringify(model)),
    ),
  )
})

test('every listed model is found by its name, and nothing else is', async () => {
  for (const model of await modelsIn(root)) expect(await modelAt(root, model.id)).toEqual(model)
  for (const id of ['org', 'org/many', 'empty', 'none', 'none.gguf', 'org/name@v1']) expect(await modelAt(root, modelId(id))).toBeNull()
})

test.each([
  ['plain/model.safetensors', 'plain'],
  ['org/plain/config.json', 'org/plain'],
  ['org/one/one-Q4_0.gguf', 'org/one'],
  ['org/many/b.gguf', 'org/many/b.gguf'],
  ['tiny.gguf', 'tiny.gguf'],
  ['split/big-00002-of-00002.gguf', 'split'],
  ['empty/README.md', undefined],
  ['.uploads/half/half.gguf', undefined],
])('%s is a file of %s', async (file, id) => {
  expect((await ownerOf(root, file.split('/')))?.id).toBe(id)
})
