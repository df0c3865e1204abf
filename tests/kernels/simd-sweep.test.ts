import { expect, test } from 'vitest'
import { sweep } from './simd-sweep.ts'

/** `KERNEL_CALLS=200000 npx vitest run tests/kernels/simd-sweep.test.ts` is the long run. */
const CALLS = Number(process.env['KERNEL_CALLS'] ?? 4000)
const SEED = Number(process.env['KERNEL_SEED'] ?? 1)

test(`${CALLS} random kernel calls hold their bounds, end whatever they are fed, and write nowhere else`, { timeout: 3_600_000 }, () => {
  const { worst, failures } = sweep(CALLS, SEED)
  expect(failures.slice(0, 10)).toEqual([])
  // Every kernel was reached, and none agrees by giving zeros.
  expect(Object.keys(worst).sort()).toEqual(
    expect.arrayContaining([
      'activate',
      'add',
      'attend',
      'attend, integers',
      'combine',
      'convolve',
      'log-sum-exp',
      'map',
      'norm',
      'rotate',
      'route',
      'shortlist ids',
    ]),
  )
  expect(Object.keys(worst).filter((name) => name.includes('product')).length).toBe(14)
  expect(worst['product f32']).toBeGreaterThan(0)
  expect(worst['rows alone']).toBe(0)
})
