import { expect, test } from 'vitest'
import { createPassCost } from './pass-cost.ts'

test('what a pass takes is known by its size, and between sizes by what a row adds', () => {
  const cost = createPassCost()
  expect([cost.of(4), cost.rowsIn(10)]).toEqual([null, null])
  for (let i = 0; i < 20; i++) {
    cost.add(1, 10)
    cost.add(65, 74)
  }
  expect(cost.of(1)).toBe(10)
  expect(cost.of(33)).toBeCloseTo(42, 6)
  expect(cost.rowsIn(16)).toBe(16)
})

test('steps go together as far as that is faster: two that take longer than one after the other do not', () => {
  const cost = createPassCost()
  expect(cost.bestBatch(4)).toBe(4)
  cost.add(1, 5)
  cost.add(2, 13)
  cost.add(4, 14)
  expect([1, 2, 4].map(cost.bestBatch)).toEqual([1, 1, 4])
  // Never measured: tried.
  expect(cost.bestBatch(3)).toBe(3)
})
