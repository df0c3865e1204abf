import { expect, test } from 'vitest'
import { createDraftWindow } from './draft-window.ts'

/** A window that knows the plain lap. */
function warm(ms = 60) {
  const window = createDraftWindow()
  window.lap(0, 0, ms)
  return window
}

test('drafts nothing before a plain lap is measured, and nothing on a match of two', () => {
  expect(createDraftWindow().size(4)).toBe(0)
  expect(warm().size(2)).toBe(0)
  expect(warm().size(3)).toBe(2)
})

test('doubles from 2 to 8 while all drafts hold, then goes on from a match of two', () => {
  const window = warm()
  const sizes = [4, 2, 2, 2].map((matched) => {
    const size = window.size(matched)
    window.lap(size, size, 65)
    return size
  })
  expect(sizes).toEqual([2, 4, 8, 8])
})

test('halves when few hold; two such in a row end it for 16 laps, and for 32 the next time', () => {
  const window = warm()
  const untilNext = (): number => {
    let laps = 0
    for (; window.size(4) === 0; laps++) window.lap(0, 0, 60)
    return laps
  }
  window.lap(2, 2, 61)
  window.lap(4, 4, 61)
  expect(window.size(4)).toBe(8)
  window.lap(8, 1, 61)
  expect(window.size(4)).toBe(4)
  window.lap(4, 0, 61)
  expect(untilNext()).toBe(16)
  window.lap(2, 0, 61)
  window.lap(2, 0, 61)
  expect(untilNext()).toBe(32)
})

test('laps that take longer than what they bring are not worth it, however many drafts hold', () => {
  const window = warm(10)
  window.lap(2, 2, 40)
  expect(window.size(4)).toBe(0)
})

test('on text that never repeats no more than 3 laps in 100 are spent on drafts that fail', () => {
  const window = warm()
  let failed = 0
  for (let lap = 0; lap < 1000; lap++) {
    const size = window.size(3)
    if (size > 0) failed += 1
    window.lap(size, 0, size > 0 ? 75 : 60)
  }
  expect(failed).toBeLessThan(30)
})
