import { existsSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { folderSource } from '../../api-gateway/folder-source.ts'
import { loadKernels } from '../../api-gateway/local-device-kernels.ts'
import { runEmber } from './ember.ts'
import { runCase } from './run-case.ts'

const folder = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const EMBER = folder('../../models/ember')
const casesIn = (root: string): readonly string[] =>
  existsSync(root) ? readdirSync(root).flatMap((name) => (existsSync(`${root}/${name}/golden.json`) ? [`${root}/${name}`] : [])) : []

const WHOLE = folder('../../../shared/golden/arch')
const stored = casesIn(folder('../fixtures/golden'))
const storedNames = new Set(stored.map((path) => path.split('/').at(-1)))
const cases = [...stored, ...casesIn(WHOLE).filter((path) => !storedNames.has(path.split('/').at(-1)))]
if (!existsSync(WHOLE)) test('every architecture case agrees on simd', ({ skip }) => skip('the whole golden set is not beside the repository'))

test.each(cases)('%s agrees with transformers on simd, whole and split, in f32', async (path) => {
  const { checks } = await runCase({ source: folderSource(path), backend: 'simd', simd: await loadKernels() })
  expect(checks.filter((check) => !check.passed)).toEqual([])
  expect(checks.length).toBeGreaterThanOrEqual(18)
})

test('all 30 stored answers of the embedded model come back token for token from f32 weights on simd, split in two', async () => {
  const report = await runEmber({ source: folderSource(EMBER), backend: 'simd', simd: await loadKernels(), weightFormat: 'f32', cuts: [4] })
  expect(report.different).toEqual([])
  expect(report.total).toBe(30)
})

test('of the 30 stored answers all survive int8 weights on simd, and at least 26 int4', async () => {
  const ember = { source: folderSource(EMBER), backend: 'simd', simd: await loadKernels() } as const
  expect(await runEmber({ ...ember, weightFormat: 'int8' })).toMatchObject({ equal: 30, total: 30 })
  expect((await runEmber({ ...ember, weightFormat: 'int4' })).equal).toBeGreaterThanOrEqual(26)
})

test.each([2, 3])('%i threads over shared memory give the stored answers, and end with the shard', async (threads) => {
  const simd = await loadKernels(threads, 2 ** 28)
  const report = await runEmber({ source: folderSource(EMBER), backend: 'simd', simd, weightFormat: 'f32', limit: 4 })
  expect(report.different).toEqual([])
  expect(report.tokens).toBeGreaterThan(10)
})

test.each(stored)('%s agrees on two threads, whichever of them does what', async (path) => {
  const { checks } = await runCase({ source: folderSource(path), backend: 'simd', simd: await loadKernels(2, 2 ** 28), splits: 'none' })
  expect(checks.filter((check) => !check.passed)).toEqual([])
  expect(checks.length).toBeGreaterThan(3)
})

test.each(['int8', 'int4'] as const)('two threads answer as one does in %s', async (weightFormat) => {
  const ember = { source: folderSource(EMBER), backend: 'simd', weightFormat, limit: 6 } as const
  const [one, two] = [await runEmber({ ...ember, simd: await loadKernels() }), await runEmber({ ...ember, simd: await loadKernels(2, 2 ** 28) })]
  expect(two.different).toEqual(one.different)
  expect(two.tokens).toBe(one.tokens)
})
