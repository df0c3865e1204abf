/** The gates must go red: each is shown code that it has to refuse, beside code that it has to let pass. */
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { GATES, runGate } from './gates.mjs'

const REPOSITORY = path.resolve(import.meta.dirname, '..')
const SETTINGS = [
  '.dependency-cruiser.mjs',
  '.oxlintrc.json',
  'tsconfig.base.json',
  'tsconfig.json',
  'scripts/tsconfig',
  'protocol/globals.d.ts',
  'runtime/globals.d.ts',
  'runtime/web-assembly.d.ts',
]
let root = ''
beforeEach(() => {
  root = mkdtempSync(path.join(os.tmpdir(), 'ringlet-gates-'))
  for (const file of SETTINGS) cpSync(path.join(REPOSITORY, file), path.join(root, file), { recursive: true })
  symlinkSync(path.join(REPOSITORY, 'node_modules'), path.join(root, 'node_modules'), 'junction')
  for (const folder of ['protocol', 'core', 'runtime', 'web', 'api-gateway', 'signal-server', 'shaders'])
    write(`${folder}/fine.ts`, 'export const fine = 1\n')
})
afterEach(() => rmSync(root, { recursive: true }))

function write(file: string, text: string): void {
  mkdirSync(path.dirname(path.join(root, file)), { recursive: true })
  writeFileSync(path.join(root, file), text)
}
async function run(name: string): Promise<{ passed: boolean; output: string }> {
  const gate = GATES.find((candidate) => candidate.name.includes(name))
  if (!gate) throw new Error(`no gate ${name}`)
  return runGate(gate, root)
}

test.each([
  ['protocol-imports-only-itself', 'protocol/bad.ts', "export type { A } from '../core/a.ts'"],
  ['core-imports-only-protocol-kernels', 'core/bad.ts', "import '../runtime/fine.ts'"],
  ['runtime-imports-only-core-protocol-kernels-shaders', 'runtime/bad.ts', "import '../web/fine.ts'"],
  ['api-gateway-imports-only-protocol-core', 'api-gateway/bad.ts', "import '../runtime/fine.ts'"],
  ['signal-server-imports-only-protocol', 'signal-server/bad.ts', "import '../core/fine.ts'"],
  ['pure-folders-have-no-effects', 'core/bad.ts', "import 'node:fs'"],
  ['express-lives-in-api-gateway', 'signal-server/bad.ts', "import 'express'"],
  ['simple-peer-lives-in-web-transport', 'web/ui/bad.ts', "import 'simple-peer'"],
  ['no-tests-in-programs', 'web/bad.ts', "import '../tests/fine.ts'"],
  ['no-tests-in-programs', 'core/bad.ts', "import './a.test.ts'"],
  ['resolvable', 'web/bad.ts', "import './missing.ts'"],
])('import arrows: %s is red for %s', async (rule, file, text) => {
  write('core/a.ts', 'export type A = 1\n')
  write('core/a.test.ts', 'using a = b()\n')
  write('tests/fine.ts', 'export const fine = 1\n')
  write(file, `${text}\n`)
  const { passed, output } = await run('import arrows')
  expect(output).toContain(`error ${rule}: ${file}`)
  expect(passed).toBe(false)
})

test('import arrows: files in a circle are red, even by types only', async () => {
  write('core/a.ts', "import type { B } from './b.ts'\nexport type A = B\n")
  write('core/b.ts', "import type { A } from './a.ts'\nexport type B = A\n")
  expect((await run('import arrows')).output).toContain('error no-cycles')
})

test('import arrows: what the map allows is green', async () => {
  write('web/ok.ts', "import '../runtime/fine.ts'\nimport '../core/fine.ts'\nimport '../protocol/fine.ts'\nimport '../shaders/fine.ts'\n")
  write('web/transport/ok.ts', "import 'simple-peer'\nimport 'socket.io-client'\n")
  write('api-gateway/main.ts', "import '../signal-server/fine.ts'\nimport '../runtime/fine.ts'\nimport 'express'\n")
  expect(await run('import arrows')).toMatchObject({ passed: true })
})

test.each([
  ['no-floating-promises', 'const work = async (): Promise<void> => {}\nexport const start = (): void => {\n  work()\n}\n'],
  ['switch-exhaustiveness-check', "export function f(x: 'a' | 'b'): void {\n  switch (x) {\n    case 'a':\n      break\n  }\n}\n"],
  ['no-explicit-any', 'export const f = (x: any): void => void x\n'],
  ['no-console', "export const f = (): void => console.log('x')\n"],
  ['no-default-export', 'export default 1\n'],
])('lint: %s is red', async (rule, text) => {
  write('core/bad.ts', text)
  const { passed, output } = await run('lint')
  expect(output).toContain(`(${rule})`)
  expect(passed).toBe(false)
})

test.each([
  ['protocol, core, shaders', 'core/bad.ts', 'export const clock = (): number => performance.now()\n', 'performance'],
  ['protocol, core, shaders', 'core/bad.ts', 'setTimeout(() => {}, 1)\n', 'setTimeout'],
  ['runtime', 'runtime/bad.ts', 'export const title = (): string => document.title\n', 'document'],
  ['runtime', 'runtime/bad.ts', "export const home = process.env['HOME']\n", 'process'],
  ['pages', 'web/bad.ts', "export const home = process.env['HOME']\n", 'process'],
  ['servers', 'api-gateway/bad.ts', 'export const title = (): string => document.title\n', 'document'],
])('types: %s refuses %s with %j', async (name, file, text, global) => {
  expect(await run(name)).toMatchObject({ passed: true, output: '' })
  write(file, text)
  const { passed, output } = await run(name)
  expect(output).toContain(`'${global}'`)
  expect(passed).toBe(false)
})
