import { existsSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { folderSource } from '../../api-gateway/folder-source.ts'
import { describeModel } from '../../core/model/describe-model.ts'
import { loadOrt } from '../../runtime/ort.ts'
import { runCase } from './run-case.ts'

const folder = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
/** Cases in the repository. */
const FIXTURES: readonly string[] = ['llama']
const WHOLE = folder('../../../shared/golden/gguf')
const others = existsSync(WHOLE) ? readdirSync(WHOLE).filter((name) => !FIXTURES.includes(name)) : []

async function expectAgreement(path: string): Promise<void> {
  const ort = await loadOrt({ backend: 'wasm', numThreads: 1 })
  const source = { ...folderSource(path), gguf: 'model.gguf' }
  const { numLayers } = (await describeModel(source)).config
  const { checks } = await runCase({ source, backend: 'wasm', ort })
  expect(checks.filter((check) => !check.passed)).toEqual([])
  expect(checks.length).toBe(6 + (numLayers - 1) * 6 + ((numLayers - 1) * (numLayers - 2) * 3) / 2)
}

for (const name of FIXTURES) {
  test(
    `the GGUF file of the ${name} case agrees with transformers on node-wasm, whole and in every two and three parts`,
    { timeout: 60_000 },
    async () => expectAgreement(folder(`../fixtures/gguf/${name}`)),
  )
}

if (others.length === 0) test.skip('the other GGUF files agree: the whole golden set is not beside the repository', () => undefined)
for (const name of others) {
  test(`the GGUF file of the ${name} case of the whole set agrees with transformers on node-wasm`, { timeout: 60_000 }, async () =>
    expectAgreement(`${WHOLE}/${name}`),
  )
}
