import { expect, test } from '@playwright/test'
import { openHarness, type Harness } from '../harness/browser.ts'
import type { PackResult } from './kernels.page.ts'

const PAGE = 'tests/kernels/kernels.page.ts'
let harness: Harness
let adapter: string | null = null

test.beforeAll(async () => {
  harness = await openHarness()
  adapter = (await harness.call<{ adapter: string | null }>('tests/harness/self-check.page.ts', 'describePage')).adapter
})
test.afterAll(() => harness.close())
// Each test says why, not only the first.
test.beforeEach(() => test.skip(adapter === null, 'this browser has no WebGPU adapter'))

test('pack-f16 rounds every half, midpoint and neighbour to nearest even, odd counts included', async () => {
  const results = await harness.call<PackResult[]>(PAGE, 'packF16', [1, 2, 3, 64, 511, 513, 12_289])
  expect(results).toHaveLength(8)
  for (const { count, wrong, nonZero } of results) {
    expect(wrong, `${count} values`).toEqual([])
    expect(nonZero).toBeGreaterThanOrEqual(count / 3)
  }
})
