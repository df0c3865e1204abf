/** A table under its title of the third level. */
export type Titled = { readonly title: string; readonly text: string }

/** `page` with each table in the place of the one that follows its title there, and those without a title at the end. All else stays. */
export function withTables(page: string, tables: readonly Titled[]): string {
  return tables.reduce((text, { title, text: table }) => {
    const lines = text.split('\n')
    const at = lines.indexOf(`### ${title}`)
    if (at < 0) return `${text.trimEnd()}${text.trim() === '' ? '' : '\n\n'}### ${title}\n\n${table}\n`
    const first = lines.findIndex((line, i) => i > at && line.startsWith('|'))
    const end = lines.findIndex((line, i) => i > first && !line.startsWith('|'))
    return [...lines.slice(0, first), ...table.split('\n'), ...lines.slice(end)].join('\n')
  }, page)
}
