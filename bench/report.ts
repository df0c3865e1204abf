/** What a bench says: tables for people, and the same as JSON with the place and time it was measured. */
import { cpus, loadavg } from 'node:os'

export type Cell = string | number | null
export type Table = { readonly title: string; readonly columns: readonly string[]; readonly rows: readonly (readonly Cell[])[] }
export type BenchReport = { readonly browser: string; readonly tables: readonly Table[]; readonly measurements: unknown }

/** Where and when, beside every figure. `load`: runnable processes over the last minute, ours among them. */
export const surroundings = (browser: string) => ({
  date: new Date().toISOString(),
  cpu: cpus()[0]?.model.trim() ?? 'unknown',
  cores: cpus().length,
  load: loadavg()[0] ?? null,
  node: process.version,
  browser,
})

/** Of those that could be measured; NaN without any. */
export const median = (values: readonly number[]): number => {
  const sorted = values.filter((value) => !Number.isNaN(value)).sort((a, b) => a - b)
  const [low, high] = [sorted[Math.floor((sorted.length - 1) / 2)], sorted[Math.floor(sorted.length / 2)]]
  return low === undefined || high === undefined ? Number.NaN : (low + high) / 2
}

/** Three significant digits: what repeated runs agree on at best. */
const textOf = (cell: Cell): string =>
  cell === null || Number.isNaN(cell) ? '–' : typeof cell === 'string' ? cell : String(Number(cell.toPrecision(3)))

/** As Markdown: the same text is for the terminal and for the document. */
export function renderTable({ title, columns, rows }: Table): string {
  const lines = [columns, ...rows.map((row) => row.map(textOf))]
  const widths = columns.map((_, i) => Math.max(...lines.map((line) => (line[i] ?? '').length)))
  const render = (line: readonly string[]): string => `| ${line.map((text, i) => text.padEnd(widths[i] ?? 0)).join(' | ')} |`
  const [head = [], ...body] = lines
  return [`${title}\n`, render(head), `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`, ...body.map(render), ''].join('\n')
}
