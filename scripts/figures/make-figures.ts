/** Draws docs/figures/*.svg from the JSON beside them, which `npm run bench -- ring --json FILE` and `hops` have written. */
import { readdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { figuresOf } from './bench-figures.ts'
import { renderFigure } from './render-figure.ts'

const FOLDER = path.resolve(import.meta.dirname, '../../docs/figures')

for (const file of (await readdir(FOLDER)).filter((name) => name.endsWith('.json')).toSorted()) {
  const json: unknown = JSON.parse(await readFile(path.join(FOLDER, file), 'utf8'))
  for (const figure of figuresOf(json)) await writeFile(path.join(FOLDER, `${figure.name}.svg`), renderFigure(figure))
}
