/** `node scripts/run.mjs FILE.ts …`: prepares a bare clone, browser included, and runs a TypeScript program with the rest as arguments. */
import path from 'node:path'
import { become } from './bootstrap/child.mjs'
import { ensureBrowser, ensureDependencies, ensurePages, ROOT, runScript } from './bootstrap.mjs'

await runScript(async () => {
  const [program = '', ...args] = process.argv.slice(2)
  await ensureDependencies()
  await ensurePages()
  await ensureBrowser()
  await become(process.execPath, ['--import', 'tsx', path.join(ROOT, program), ...args])
})
