import { expect, test } from '@playwright/test'
import { openHarness, type Harness } from '../harness/browser.ts'
import type { PackResult, TopKCase, TopKResult } from './kernels.page.ts'

const PAGE = 'tests/kernels/kernels.page.ts'
const VOCABULARIES = [1, 2, 127, 128, 129, 255, 257, 426, 4096, 49_152, 151_936]
let harness: Harness

test.beforeAll(async () => {
  harness = await openHarness()
  const { adapter } = await harness.call<{ adapter: string | null }>('tests/harness/self-check.page.ts', 'describePage')
  test.skip(adapter === null, 'this browser has no WebGPU adapter')
})
test.afterAll(() => harness.close())

test('top-k gives the 128 largest logits in order and the log-sum-exp over vocabularies from 1 to 151 936', async () => {
  const cases: TopKCase[] = [
    ...VOCABULARIES.map((vocab, seed): TopKCase => ({ vocab, fill: 'noise', seed })),
    ...(['ties', 'equal', 'infinite', 'zeros'] as const).map((fill): TopKCase => ({ vocab: 4099, fill, seed: 7 })),
  ]
  const results = await harness.call<TopKResult[]>(PAGE, 'topK', cases)
  expect(results).toHaveLength(cases.length)
  for (const [i, { ids, logits, logSumExp, expected }] of results.entries()) {
    const label = JSON.stringify(cases[i])
    expect(ids, label).toEqual(expected.ids)
    expect(
      logits.map((logit) => logit + 0),
      label,
    ).toEqual(expected.logits.map((logit) => logit + 0))
    expect(Math.abs(logSumExp - expected.logSumExp), label).toBeLessThanOrEqual(1e-5 * Math.max(1, Math.abs(expected.logSumExp)))
  }
  expect(results.filter(({ expected }) => expected.logits.some((logit) => Math.abs(logit) > 5)).length).toBeGreaterThan(8)
})

test('pack-f16 rounds every half, midpoint and neighbour to nearest even, odd counts included', async () => {
  const results = await harness.call<PackResult[]>(PAGE, 'packF16', [1, 2, 3, 64, 511, 513, 12_289])
  expect(results).toHaveLength(8)
  for (const { count, wrong, nonZero } of results) {
    expect(wrong, `${count} values`).toEqual([])
    expect(nonZero).toBeGreaterThanOrEqual(count / 3)
  }
})
