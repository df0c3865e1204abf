import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'

const ROOT = path.join(import.meta.dirname, '..')
const TABLE = readFileSync(path.join(ROOT, 'docs/api-conformance.md'), 'utf8')
/** Beside the repository where the specification is at hand. */
const SPECIFICATION = path.join(ROOT, '../shared/design/api.md')

/** Tests that the table names: a file, and beginnings or parts of titles behind it. */
const named = [...TABLE.matchAll(/`([\w./-]+\.(?:test|spec|suite)\.ts)`((?: “[^”]+”)*)/g)].map(([, file = '', titles = '']) => ({
  file,
  titles: [...titles.matchAll(/“([^”]+)”/g)].map(([, title]) => title ?? ''),
}))

test('every test that docs/api-conformance.md names is there', () => {
  expect(named.length).toBeGreaterThan(100)
  const missing = named.flatMap(({ file, titles }) => {
    const place = path.join(ROOT, file)
    if (!existsSync(place)) return [file]
    const source = readFileSync(place, 'utf8')
    // What opens a test, or stands alone on the line after its opening; nothing that a body says.
    const found = [...source.matchAll(/(?:\btest\(|\)\(|^)\s*(['"`])(.+?)\1,/gm)].map(([, , title]) => title ?? '').join('\n')
    return titles.filter((title) => !found.includes(title)).map((title) => `${file} “${title}”`)
  })
  expect(missing).toEqual([])
})

const plain = (cell: string): string => cell.replaceAll(/[`*]/g, '').trim()
const firstCells = (text: string): readonly string[] =>
  text
    .split('\n')
    .filter((line) => line.startsWith('| ') && !line.startsWith('|---'))
    .map((line) => plain(line.split(' | ')[0]?.slice(2) ?? ''))

test('every row of the specification is in docs/api-conformance.md', ({ skip }) => {
  skip(!existsSync(SPECIFICATION), 'the specification (../shared/design/api.md) is not beside the repository')
  const rows = firstCells(TABLE)
  const text = readFileSync(SPECIFICATION, 'utf8')
  const sections = text.slice(text.indexOf('### 1.1'), text.indexOf('### Error table'))
  const wanted = firstCells(sections).filter((row) => !['Field or case', 'Field', 'Case', 'Extension', 'Endpoint'].includes(row))
  expect(wanted.length).toBeGreaterThan(70)
  expect(wanted.filter((row) => !rows.some((own) => row === own || row.startsWith(`${own},`) || row.startsWith(`${own}:`)))).toEqual([])
})
