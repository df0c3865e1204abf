import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { folderSource } from '../../api-gateway/folder-source.ts'
import { loadOrt } from '../../runtime/ort.ts'
import { runEmber } from './ember.ts'
import { runCase } from './run-case.ts'

const folder = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const EMBER = folder('../../models/ember')

test('the llama case agrees with transformers on node-wasm, whole and split at every cut', { timeout: 60_000 }, async () => {
  const ort = await loadOrt({ backend: 'wasm', numThreads: 1 })
  const { checks } = await runCase({ source: folderSource(folder('../fixtures/golden/llama')), backend: 'wasm', ort })
  expect(checks.filter((check) => !check.passed)).toEqual([])
  expect(checks.length).toBe(6 + 4 * 6)
})

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
