/** A mismatch is found, in the case that has it and in no other. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { checkpointCases, choose, meaningless } from './find-cases.ts'
import { groupResults, groupStatus } from './text-cases.ts'

const root = mkdtempSync(path.join(tmpdir(), 'ringlet-conformance-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))
const FIXTURES = path.join(import.meta.dirname, '../fixtures')
cpSync(path.join(FIXTURES, 'text'), root, { recursive: true })
cpSync(path.join(FIXTURES, 'quant'), path.join(root, 'quant'), { recursive: true })

const statuses = async (): Promise<Record<string, string>> => Object.fromEntries((await groupResults(root)).map((one) => [one.id, groupStatus(one)]))
const failedIds = async (): Promise<string[]> =>
  Object.entries(await statuses())
    .filter(([, status]) => status === 'failed')
    .map(([id]) => id)

test('every section of the layout is run, and passes', async () => {
  const all = await statuses()
  expect(Object.values(all).filter((status) => status !== 'passed')).toEqual([])
  expect(Object.keys(all)).toEqual(
    expect.arrayContaining(['quant/q4_k', 'gguf/gemma3/tokenizer', 'tokenizers/llama2', 'chat-templates/llama3', 'sampling']),
  )
})

/** Of each section one value, as text of the file that has it. */
const CHANGES: readonly { readonly file: string; readonly from: RegExp; readonly to: string; readonly failed: readonly string[] }[] = [
  { file: 'chat-templates/cases.json', from: /"rendered":"<.im_start/, to: '"rendered":"<:im_start', failed: ['chat-templates/chatml'] },
  { file: 'tokenizers/llama2/cases.json', from: /"ids":\[(\d+),/, to: '"ids":[$1,7,', failed: ['tokenizers/llama2'] },
  { file: 'tokenizers/gemma/cases.json', from: /"stream":\["/, to: '"stream":["x', failed: ['gguf/gemma3/tokenizer'] },
  { file: 'sampling/cases.json', from: /"logprob":-1/, to: '"logprob":-2', failed: ['sampling'] },
  { file: 'quant/manifest.json', from: /"block_bytes": 144/, to: '"block_bytes": 145', failed: ['quant/q4_k'] },
  { file: 'sampling/cases.json', from: /\{/, to: '', failed: ['sampling'] },
]
for (const { file, from, to, failed } of CHANGES) {
  test(`${String(from)} changed in ${file} fails ${failed.join(', ')} and nothing else`, async () => {
    const whole = path.join(root, file)
    const text = readFileSync(whole, 'utf8')
    expect(from.test(text)).toBe(true)
    writeFileSync(whole, text.replace(from, to))
    try {
      const found = await failedIds()
      expect(found).toEqual(failed)
    } finally {
      writeFileSync(whole, text)
    }
  })
}

test('a name means a section, a case, or both; one that means nothing is told', () => {
  const ids = ['arch/llama', 'gguf/llama', 'gguf/llama/tokenizer', 'tokenizers/llama2', 'sampling']
  const chosen = (...only: readonly string[]): string[] => choose(ids, (id) => id, only)
  expect(chosen('gguf')).toEqual(['gguf/llama', 'gguf/llama/tokenizer'])
  expect(chosen('llama')).toEqual(['arch/llama', 'gguf/llama', 'gguf/llama/tokenizer'])
  expect(chosen('gguf/llama', 'sampling')).toEqual(['gguf/llama', 'gguf/llama/tokenizer', 'sampling'])
  expect(choose(ids, (id) => id, undefined)).toEqual(ids)
  expect(meaningless(ids, ['llama', 'nothing', 'lla'])).toEqual(['nothing', 'lla'])
})

test('checkpoints are found in their sections, or in a folder of cases alone', () => {
  expect(checkpointCases(path.join(FIXTURES, 'golden'))).toEqual(expect.arrayContaining(['gemma2', 'llama', 'mixtral', 'qwen3']))
  expect(checkpointCases(FIXTURES)).toEqual(['gguf/llama'])
})
