// Copies a small part of the golden data into tests/fixtures/text, so that a bare clone tests against it.
// Usage: node --import tsx scripts/make-text-fixtures.mjs [GOLDEN_DIR]; without the golden data the fixtures stay as they are.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { folderSource } from '../api-gateway/folder-source.ts'
import { readGguf } from '../core/model/gguf.ts'

const golden = process.argv[2] ?? fileURLToPath(new URL('../../shared/golden/', import.meta.url))
if (!existsSync(golden)) {
  console.log(`no golden data at ${golden}: the fixtures of texts stay as they are`)
  process.exit(0)
}
const target = fileURLToPath(new URL('../tests/fixtures/text/', import.meta.url))
const read = (...path) => JSON.parse(readFileSync(join(golden, ...path), 'utf8'))
const write = (path, value) => writeFileSync(join(target, path), `${JSON.stringify(value)}\n`)
// Written and not copied: a copy keeps the read-only mode of its source.
const copyText = (from, to) => writeFileSync(to, readFileSync(from))
const every = (list, step) => list.filter((_, i) => i % step === 0)

for (const folder of ['sampling', 'chat-templates/templates', 'tokenizers/llama2', 'tokenizers/smollm2'])
  mkdirSync(join(target, folder), { recursive: true })
const sampling = read('sampling', 'cases.json')
write('sampling/cases.json', { ...sampling, cases: every(sampling.cases, 7) })
for (const name of ['llama2', 'smollm2']) {
  for (const file of ['tokenizer.json', 'tokenizer_config.json'])
    copyText(join(golden, 'tokenizers', name, file), join(target, 'tokenizers', name, file))
  const cases = read('tokenizers', name, 'cases.json')
  write(`tokenizers/${name}/cases.json`, { ...cases, cases: every(cases.cases, 5) })
}
const templates = ['chatml', 'gemma', 'llama3', 'zephyr']
for (const name of templates)
  copyText(join(golden, 'chat-templates/templates', `${name}.jinja`), join(target, 'chat-templates/templates', `${name}.jinja`))
const chats = ['user', 'system_multi_turn', 'continue_assistant', 'unicode', 'quotes']
write('chat-templates/cases.json', {
  cases: read('chat-templates', 'cases.json').cases.filter((one) => templates.includes(one.template) && chats.includes(one.name)),
})

// Of GGUF files only the header: all that concerns text is in it.
for (const name of ['gemma3', 'llama', 'qwen2']) {
  const folder = join(golden, 'gguf', name)
  const { tensors } = await readGguf(folderSource(folder), 'model.gguf')
  const header = readFileSync(join(folder, 'model.gguf')).subarray(0, Math.min(...[...tensors.values()].map(({ start }) => start)))
  const { tokenizer_cases } = read('gguf', name, 'golden.json')
  mkdirSync(join(target, 'gguf', name), { recursive: true })
  writeFileSync(join(target, 'gguf', name, 'model.gguf'), header)
  write(`gguf/${name}/golden.json`, { tokenizer_cases })
  const cases = read(tokenizer_cases)
  mkdirSync(dirname(join(target, tokenizer_cases)), { recursive: true })
  write(tokenizer_cases, { ...cases, cases: every(cases.cases, 5) })
}
