/** The gates of `npm run check`: each a tool and its arguments, run from the repository's root with plain Node. */
import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'

const ROOT = path.resolve(import.meta.dirname, '..')
const FOLDERS = ['protocol', 'core', 'shaders', 'kernels', 'runtime', 'web', 'signal-server', 'api-gateway', 'tests', 'bench', 'scripts']

/** The JavaScript file behind a package's command. */
function binary(packageName, command) {
  const folder = path.join(ROOT, 'node_modules', packageName)
  const { bin } = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'))
  return path.join(folder, typeof bin === 'string' ? bin : bin[command])
}

const tsc = (name, project) => ({ name: `types: ${name}`, file: () => binary('typescript', 'tsc'), args: ['--project', project] })

export const GATES = [
  // The longest first: the others run beside it.
  { name: 'format', file: () => binary('prettier', 'prettier'), args: ['--check', '--log-level', 'warn', '.'] },
  tsc('everything', 'tsconfig.json'),
  tsc('protocol, core, shaders know no DOM and no Node', 'scripts/tsconfig/pure.json'),
  tsc('runtime knows no DOM and no Node', 'scripts/tsconfig/runtime.json'),
  tsc('pages know no Node', 'scripts/tsconfig/web.json'),
  tsc('servers know no DOM', 'scripts/tsconfig/node.json'),
  { name: 'lint', file: () => binary('oxlint', 'oxlint'), args: ['--type-aware', '--deny-warnings'] },
  {
    name: 'import arrows',
    file: () => binary('dependency-cruiser', 'depcruise'),
    args: (cwd) => ['--config', '.dependency-cruiser.mjs', ...FOLDERS.filter((folder) => existsSync(path.join(cwd, folder)))],
  },
  { name: 'unused code', file: () => binary('knip', 'knip'), args: ['--no-progress', '--no-config-hints'] },
]

/** Runs one gate. Resolves with its success, its output and how long it took. */
export function runGate(gate, cwd = ROOT) {
  const started = performance.now()
  return new Promise((resolve) => {
    const args = typeof gate.args === 'function' ? gate.args(cwd) : gate.args
    const child = spawn(process.execPath, [gate.file(), ...args], { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
    const output = []
    child.stdout.on('data', (chunk) => output.push(chunk))
    child.stderr.on('data', (chunk) => output.push(chunk))
    const finish = (passed) =>
      resolve({ name: gate.name, passed, output: Buffer.concat(output).toString('utf8').trim(), seconds: (performance.now() - started) / 1000 })
    child.on('error', (error) => {
      output.push(Buffer.from(error.message))
      finish(false)
    })
    child.on('close', (code) => finish(code === 0))
  })
}

/** Runs all gates, two at a time, printing a line for each when it ends. */
export async function runGates(print) {
  const results = []
  const waiting = [...GATES]
  const lane = async () => {
    for (let gate = waiting.shift(); gate; gate = waiting.shift()) {
      const result = await runGate(gate)
      results.push(result)
      print(`${result.passed ? 'ok    ' : 'FAILED'} ${result.name} (${result.seconds.toFixed(1)} s)`)
    }
  }
  await Promise.all([lane(), lane()])
  return results
}
