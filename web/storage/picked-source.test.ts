import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { openPicked } from './picked-source.ts'

const EMBER = path.join(import.meta.dirname, '../../models/ember')
const GGUF = path.join(import.meta.dirname, '../../tests/fixtures/gguf/llama/model.gguf')

const fileOf = (name: string, bytes: Uint8Array<ArrayBuffer>, folder = ''): File => {
  const file = new File([bytes], name)
  Object.defineProperty(file, 'webkitRelativePath', { value: folder === '' ? '' : `${folder}/${name}` })
  return file
}
const ember = (folder: string, skip: (name: string) => boolean = () => false): File[] =>
  readdirSync(EMBER)
    .filter((name) => /\.(json|safetensors)$/.test(name) && !skip(name))
    .map((name) => fileOf(name, new Uint8Array(readFileSync(path.join(EMBER, name))), folder))
const gguf = (name: string, bytes = new Uint8Array(readFileSync(GGUF))): File => fileOf(name, bytes)

test('a folder becomes a model of its name with the files that it needs, read by slices', async () => {
  const picked = await openPicked([
    ...ember('ember'),
    fileOf('README.md', new Uint8Array(9), 'ember'),
    fileOf('x.png', new Uint8Array(9), 'ember/img'),
  ])
  expect(picked.name).toBe('ember')
  expect(picked.description.config.numLayers).toBe(8)
  const names = picked.files.map(({ name }) => name)
  expect(names).toEqual(expect.arrayContaining(['config.json', 'tokenizer.json', 'model.safetensors']))
  expect(names).not.toContain('README.md')
  const weights = readFileSync(path.join(EMBER, 'model.safetensors'))
  expect(Buffer.compare(await picked.source.readRange('model.safetensors', 1000, 2000), weights.subarray(1000, 2000))).toBe(0)
  await expect(picked.source.readRange('model.safetensors', 0, weights.length + 1)).rejects.toMatchObject({ code: 'bad_checkpoint' })
})

test('a GGUF file alone becomes a model of its name', async () => {
  const picked = await openPicked([gguf('tiny-Q4_K_M.gguf')])
  expect(picked).toMatchObject({ name: 'tiny-Q4_K_M', totalBytes: readFileSync(GGUF).length })
  expect(picked.files.map(({ name }) => name)).toEqual(['tiny-Q4_K_M.gguf'])
})

test('what is missing, cut off or ambiguous is said by name', async () => {
  await expect(openPicked([fileOf('a.txt', new Uint8Array(3))])).rejects.toMatchObject({
    code: 'bad_checkpoint',
    message: expect.stringMatching(/no model in the choice/),
  })
  await expect(openPicked(ember('e', (name) => name === 'tokenizer.json'))).rejects.toThrow(/tokenizer\.json/)
  await expect(openPicked(ember('e', (name) => name.endsWith('.safetensors')))).rejects.toThrow(/model\.safetensors/)
  await expect(openPicked([...ember('one'), ...ember('two')])).rejects.toThrow(/several folders \(one, two\)/)
  await expect(openPicked([gguf('a.gguf'), gguf('b.gguf')])).rejects.toThrow(/several GGUF models \(a\.gguf, b\.gguf\)/)
  const whole = new Uint8Array(readFileSync(GGUF))
  await expect(openPicked([gguf('a.gguf', whole.slice(0, whole.length - 100))])).rejects.toThrow(/a\.gguf is incomplete/)
  await expect(openPicked([gguf('a-00002-of-00002.gguf')])).rejects.toThrow(/first part/)
})
