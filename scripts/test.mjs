/** `npm test`: everything on a fresh machine. The last line is `N passed, N failed`; the exit code is 0 only if nothing failed. */
import { ensureBrowser, ensureDependencies, ensurePages, ROOT, say } from './bootstrap.mjs'
import { StepFailed } from './bootstrap/report.mjs'
import { runGates } from './gates.mjs'
import { runSuite } from './suites/run-suite.mjs'
import { summary } from './suites/summary.mjs'

const VITEST = ['node_modules/vitest/vitest.mjs', 'run', '--reporter=default', '--reporter=./scripts/suites/vitest-results.mjs', '--passWithNoTests']
const PLAYWRIGHT = [
  'node_modules/@playwright/test/cli.js',
  'test',
  '--reporter=list,./scripts/suites/playwright-results.mjs',
  '--pass-with-no-tests',
  '--retries=1',
]
/** What runs in browsers and across processes is run once more when it fails, and named: docs/decisions/0020. Unit tests are not. */
const SUITES = [
  { name: 'unit tests', args: [...VITEST, '--exclude', 'tests/**'] },
  // Two files at a time: some wait for their programs, and more would make these miss their deadlines.
  { name: 'tests of whole programs', args: [...VITEST, '--dir', 'tests', '--maxWorkers=2', '--retry=1'] },
  { name: 'tests of the pages', args: [...PLAYWRIGHT, '--project=pages', '--workers=2'] },
  { name: 'tests of rings of pages', args: [...PLAYWRIGHT, '--project=rings'] },
]

/** A step of the preparation as a row: its failure is a result like any other, and the suites after it still say what they can. */
async function preparation(name, work) {
  try {
    await work()
    return []
  } catch (error) {
    if (!(error instanceof StepFailed)) throw error
    say(error.message)
    return [{ name, state: 'failed', reason: error.message }]
  }
}

async function gateRows() {
  say('\nchecks')
  const results = await runGates(say)
  return results.map(({ name, passed, output }) => ({ name: `check: ${name}`, state: passed ? 'passed' : 'failed', reason: output }))
}

async function suiteRows() {
  const rows = [
    ...(await preparation('building the pages', ensurePages)),
    ...(await preparation('finding a browser', ensureBrowser)),
    ...(await gateRows()),
  ]
  for (const suite of SUITES) {
    say(`\n${suite.name}`)
    rows.push(...(await runSuite({ ...suite, cwd: ROOT })))
  }
  return rows
}

const started = performance.now()
const unprepared = await preparation('installing dependencies', ensureDependencies)
const rows = unprepared.length > 0 ? unprepared : await suiteRows()
say(`\nAll of it took ${((performance.now() - started) / 1000).toFixed(0)} s.`)
for (const line of summary(rows)) say(line)
process.exitCode = rows.some((row) => row.state === 'failed') || !rows.some((row) => row.state === 'passed') ? 1 : 0
