import { existsSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { folderSource } from '../../api-gateway/folder-source.ts'
import { describeModel } from '../../core/model/describe-model.ts'
import { loadOrt } from '../../runtime/engines/ort.ts'
import { runEmber } from './ember.ts'
import { runCase, type CaseOptions } from './run-case.ts'

const folder = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const EMBER = folder('../../models/ember')

/** Cases in the repository. */
const FIXTURES = ['llama', 'qwen3', 'gemma2', 'mixtral', 'phi3_crossing', 'deepseek_v3_groups']
/** The whole set, where it is at hand: it is too large for the repository. */
const WHOLE = folder('../../../shared/golden/arch')
const others = existsSync(WHOLE) ? readdirSync(WHOLE).filter((name) => !FIXTURES.includes(name)) : []

async function expectAgreement(path: string, parts: Pick<CaseOptions, 'leastPartBytes'> = {}): Promise<void> {
  const ort = await loadOrt({ backend: 'wasm', numThreads: 1 })
  const source = folderSource(path)
  const { numLayers } = (await describeModel(source)).config
  const { checks } = await runCase({ source, backend: 'wasm', ort, ...parts })
  expect(checks.filter((check) => !check.passed)).toEqual([])
  // Whole, every split in two, every split in three.
  expect(checks.length).toBe(6 + (numLayers - 1) * 6 + ((numLayers - 1) * (numLayers - 2) * 3) / 2)
}

for (const name of FIXTURES) {
  test(`the ${name} case agrees with transformers on node-wasm, whole and in every two and three parts`, { timeout: 60_000 }, async () =>
    expectAgreement(folder(`../fixtures/golden/${name}`)),
  )
}

for (const name of FIXTURES) {
  test(`the ${name} case agrees when every layer and every piece of the head is a graph of its own`, { timeout: 60_000 }, async () =>
    expectAgreement(folder(`../fixtures/golden/${name}`), { leastPartBytes: 1 }),
  )
}

if (others.length === 0) test('the other architecture cases agree', ({ skip }) => skip('the whole golden set is not beside the repository'))
for (const name of others) {
  test(`the ${name} case of the whole set agrees with transformers on node-wasm`, { timeout: 60_000 }, async () =>
    expectAgreement(`${WHOLE}/${name}`),
  )
}

test('all 30 stored answers of the embedded model come back token for token from f32 weights split in three', { timeout: 60_000 }, async () => {
  const ort = await loadOrt({ backend: 'wasm', numThreads: 1 })
  const report = await runEmber({ source: folderSource(EMBER), backend: 'wasm', ort, weightFormat: 'f32', cuts: [3, 6] })
  expect(report.different).toEqual([])
  expect(report.total).toBe(30)
})

test('at least 27 of 30 stored answers survive int8 weights', { timeout: 60_000 }, async () => {
  const ort = await loadOrt({ backend: 'wasm', numThreads: 1 })
  const report = await runEmber({ source: folderSource(EMBER), backend: 'wasm', ort, weightFormat: 'int8' })
  expect(report.total).toBe(30)
  expect(report.equal).toBeGreaterThanOrEqual(27)
})
