/** `npm run dev`: the server, restarted when its sources change, over pages that are rebuilt when theirs do. */
import { spawn } from 'node:child_process'
import path from 'node:path'
import { become } from './bootstrap/child.mjs'
import { ensureBrowser, ensureDependencies, ensurePages, ROOT, runScript } from './bootstrap.mjs'

await runScript(async () => {
  await ensureDependencies()
  await ensurePages()
  if (process.argv.some((arg) => arg.startsWith('--devices'))) await ensureBrowser()
  const pages = spawn(process.execPath, [path.join(ROOT, 'node_modules/vite/bin/vite.js'), 'build', '--watch'], { cwd: ROOT, stdio: 'inherit' })
  try {
    await become(process.execPath, ['--watch', '--import', 'tsx', path.join(ROOT, 'api-gateway/main.ts'), ...process.argv.slice(2)])
  } finally {
    pages.kill()
  }
})
