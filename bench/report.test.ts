import { expect, test } from 'vitest'
import { median, renderTable } from './report.ts'

test('the median of an even count lies between the middle two', () => {
  expect(median([9, 1, 5])).toBe(5)
  expect(median([9, 1, 5, 6])).toBe(5.5)
  expect(median([])).toBeNaN()
  expect(median([Number.NaN, 3, Number.NaN, 5])).toBe(4)
})

test('a table is Markdown, with three significant digits and a dash for what was not measured', () => {
  expect(
    renderTable({
      title: 'Rates',
      columns: ['tabs', 'tok/s'],
      rows: [
        [1, 123.456],
        [2, 0.98765],
        [3, null],
      ],
    }),
  ).toBe(['Rates\n', '| tabs | tok/s |', '|------|-------|', '| 1    | 123   |', '| 2    | 0.988 |', '| 3    | –     |', ''].join('\n'))
})
