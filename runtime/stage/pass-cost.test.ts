import { expect, test } from 'vitest'
import { createPassCost } from './pass-cost.ts'

test('what a pass takes is known by its size, between sizes by a straight line, and beyond as if no row were free', () => {
  const cost = createPassCost()
  expect([cost.of(4), cost.rowsIn(10, 1), cost.msPerRow()]).toEqual([null, null, null])
  for (let i = 0; i < 20; i++) {
    cost.add(1, 10)
    cost.add(65, 74)
  }
  expect([cost.of(1), cost.of(33)].map((ms) => ms?.toFixed(6))).toEqual(['10.000000', '42.000000'])
  expect(cost.of(130)).toBeCloseTo(148, 6)
  expect(cost.rowsIn(16, 1)).toBe(16)
  expect(cost.rowsIn(64.1, 1)).toBe(64)
  expect(cost.msPerRow()).toBeCloseTo(74 / 65, 6)
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

test('a pass of all that waits is compared with what all of it takes in smaller ones, not with the fastest of them', () => {
  const cost = createPassCost()
  for (const [rows, ms] of [
    [1, 13],
    [3, 13],
    [4, 18],
    [8, 40],
  ] as const)
    cost.add(rows, ms)
  // Three take less a row, but the fourth would go alone.
  expect(cost.bestBatch(4)).toBe(4)
  expect(cost.bestBatch(8)).toBe(4)
})

test('rows share a pass where others have read the weights for them anyway; up to twice as many as ever ran are tried', () => {
  const cost = createPassCost()
  expect(cost.isShared(4, 4)).toBe(false)
  for (const [rows, ms] of [
    [1, 12.8],
    [2, 13.4],
    [4, 15.6],
    [8, 30],
  ] as const)
    cost.add(rows, ms)
  expect([cost.isShared(2, 2), cost.isShared(4, 4), cost.isShared(4, 0)]).toEqual([true, false, false])
  expect([cost.isShared(8, 8), cost.isShared(9, 8)]).toEqual([true, false])
})

test('what lost in a bad moment is tried again, and then believed', () => {
  const cost = createPassCost()
  cost.add(1, 10)
  cost.add(4, 100)
  expect(cost.bestBatch(4)).toBe(1)
  let singles = 0
  while (cost.bestBatch(4) === 1 && singles < 1000) {
    cost.add(1, 10)
    singles += 1
  }
  expect([singles, cost.bestBatch(4)]).toEqual([33, 4])
  cost.add(4, 20)
  expect([cost.of(4), cost.bestBatch(4)]).toEqual([20, 4])
})

test('what is slow is slow again: one pass in thirty-four is lost by asking', () => {
  const cost = createPassCost()
  cost.add(1, 5)
  const sizes = Array.from({ length: 340 }, () => {
    const size = cost.bestBatch(2)
    cost.add(size, size === 1 ? 5 : 13)
    return size
  })
  expect(sizes.filter((size) => size === 2).length).toBe(10)
})
