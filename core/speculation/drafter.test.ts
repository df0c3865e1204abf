import { expect, test } from 'vitest'
import { createPromptLookup } from './drafter.ts'

const after = (...ids: number[]) => {
  const drafter = createPromptLookup()
  drafter.push(ids)
  return drafter
}

test('gives what followed the same ending before, the longest ending first', () => {
  expect(after(1, 2, 3, 4, 5, 6, 9, 3, 4, 7, 1, 2, 3, 4).draft(3)).toEqual({ ids: [5, 6, 9], matched: 4 })
  expect(after(8, 2, 3, 4, 5, 6, 9, 1, 2, 3, 4).draft(2)).toEqual({ ids: [5, 6], matched: 3 })
})

test('of several places the latest, and never the ending itself', () => {
  expect(after(3, 4, 5, 3, 4, 6, 3, 4).draft(1)).toEqual({ ids: [6], matched: 2 })
  expect(after(1, 2, 3, 4).draft(4)).toEqual({ ids: [], matched: 0 })
})

test('what repeats itself is drafted on and on', () => {
  expect(after(5, 5, 5, 5).draft(8)).toEqual({ ids: [5, 5, 5, 5, 5, 5, 5, 5], matched: 3 })
  const drafter = after(1, 2, 1, 2)
  drafter.push([1])
  expect(drafter.draft(3)).toEqual({ ids: [2, 1, 2], matched: 3 })
})

test('one token tells nothing, and none are drafted where none are wanted', () => {
  expect(after(7, 1, 7).draft(5)).toEqual({ ids: [], matched: 0 })
  expect(after(1, 2, 3, 1, 2).draft(0)).toEqual({ ids: [], matched: 0 })
})
