/** `node scripts/run.mjs [--pages] [--browser] FILE.ts …`: prepares what the program needs in a bare clone, and runs it with the rest as arguments. */
import path from 'node:path'
import { become } from './bootstrap/child.mjs'
import { ensureBrowser, ensureDependencies, ensureKernels, ensurePages, ROOT, runScript } from './bootstrap.mjs'

/** Backends called `node-…` run in this process: whoever names only such needs no browser. */
function namesOnlyNode(args) {
  const at = args.findLastIndex((arg) => arg === '--backend' || arg.startsWith('--backend='))
  const names = (at === -1 ? '' : (args[at]?.split('=')[1] ?? args[at + 1] ?? '')).split(',')
  return names.every((name) => name.startsWith('node-'))
}

await runScript(async () => {
  const argv = process.argv.slice(2)
  const at = argv.findIndex((arg) => arg.endsWith('.ts'))
  const [needs, program, args] = [argv.slice(0, at), argv[at] ?? '', argv.slice(at + 1)]
  await ensureDependencies()
  await ensureKernels()
  if (needs.includes('--pages')) await ensurePages()
  if (needs.includes('--browser') && !namesOnlyNode(args)) await ensureBrowser()
  await become(process.execPath, ['--import', 'tsx', path.join(ROOT, program), ...args])
})
