import { expect, test } from 'vitest'
import { withTables } from './with-tables.ts'

test('tables take the places of those under their titles; words stay, and new ones come last', () => {
  const page = '# Page\n\n### One\n\nWords.\n\n| a |\n|---|\n| 1 |\n\nMore words.\n\n### Two\n\n| b |\n'
  expect(withTables(page, [{ title: 'One', text: '| A |\n|---|\n| 2 |\n| 3 |' }])).toBe(
    page.replace('| a |\n|---|\n| 1 |', '| A |\n|---|\n| 2 |\n| 3 |'),
  )
  expect(withTables(page, [{ title: 'Two', text: '| c |' }])).toBe(page.replace('| b |', '| c |'))
  expect(withTables(page, [{ title: 'Three', text: '| d |' }])).toBe(`${page}\n### Three\n\n| d |\n`)
  expect(withTables('', [{ title: 'One', text: '| d |' }])).toBe('### One\n\n| d |\n')
})
