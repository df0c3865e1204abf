/** `npm run fixtures`: makes every fixture anew, by the `make-*` scripts beside what they make and in scripts/. */
import { readdirSync } from 'node:fs'
import path from 'node:path'
import { ensureDependencies, ROOT, runScript, say } from './bootstrap.mjs'
import { lastLines, runCommand } from './bootstrap/child.mjs'
import { StepFailed } from './bootstrap/report.mjs'

const MAKER = /^make-[a-z0-9-]+\.(ts|mjs)$/

const makersIn = (folder) =>
  readdirSync(path.join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && MAKER.test(entry.name))
    .map((entry) => path.join(entry.parentPath ?? entry.path, entry.name))

await runScript(async () => {
  await ensureDependencies()
  for (const maker of [...makersIn('tests/fixtures'), ...makersIn('scripts')]) {
    say(path.relative(ROOT, maker))
    const { code, output } = await runCommand(process.execPath, ['--import', 'tsx', maker], { cwd: ROOT })
    if (code !== 0) throw new StepFailed(`${path.relative(ROOT, maker)} failed:\n${lastLines(output)}`)
  }
})
