import { existsSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { folderSource } from '../../api-gateway/folder-source.ts'
import { loadKernels } from '../../api-gateway/local-device-kernels.ts'
import { describeModel } from '../../core/model/describe-model.ts'
import { loadOrt } from '../../runtime/engines/ort.ts'
import { runCase } from './run-case.ts'

const folder = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
/** Cases in the repository. */
const FIXTURES: readonly string[] = ['gguf/llama', 'gguf-families/mixtral', 'gguf-families/phi3_longrope']
const WHOLE = folder('../../../shared/golden/gguf')
const others = existsSync(WHOLE) ? readdirSync(WHOLE).filter((name) => !FIXTURES.includes(`gguf/${name}`)) : []

async function expectAgreement(path: string, backend: 'wasm' | 'simd'): Promise<void> {
  const runtime = backend === 'wasm' ? { ort: await loadOrt({ backend, numThreads: 1 }) } : { simd: await loadKernels() }
  const source = { ...folderSource(path), gguf: 'model.gguf' }
  const { numLayers } = (await describeModel(source)).config
  const { checks } = await runCase({ source, backend, ...runtime })
  expect(checks.filter((check) => !check.passed)).toEqual([])
  expect(checks.length).toBe(6 + (numLayers - 1) * 6 + ((numLayers - 1) * (numLayers - 2) * 3) / 2)
}

for (const name of FIXTURES) {
  for (const backend of ['wasm', 'simd'] as const) {
    test(
      `the GGUF file of the ${name} case agrees with transformers on node-${backend}, whole and in every two and three parts`,
      { timeout: 60_000 },
      async () => expectAgreement(folder(`../fixtures/${name}`), backend),
    )
  }
}

if (others.length === 0) test('the other GGUF files agree', ({ skip }) => skip('the whole golden set is not beside the repository'))
for (const name of others) {
  for (const backend of ['wasm', 'simd'] as const) {
    test(`the GGUF file of the ${name} case of the whole set agrees with transformers on node-${backend}`, { timeout: 60_000 }, async () =>
      expectAgreement(`${WHOLE}/${name}`, backend),
    )
  }
}
