/** The grammar engine in Node. Its package is a script of the UMD kind that calls itself a module, which Node loads as neither; so it is run as the function it is. */
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { compileFunction } from 'node:vm'
import { isXgrammar, type Xgrammar } from '../core/constrain/xgrammar.ts'

/** @throws when the package is not what it was */
export async function loadXgrammar(): Promise<Xgrammar> {
  const require = createRequire(import.meta.url)
  const filename = require.resolve('@mlc-ai/web-xgrammar')
  const exports: unknown = {}
  // Its one dynamic import would need an experimental option of Node's, for what `require` gives as well.
  const source = (await readFile(filename, 'utf8')).replace("await import('module')", "require('module')")
  const run = compileFunction(source, ['exports', 'module', 'require', '__filename'], { filename })
  run(exports, { exports }, require, filename)
  if (!isXgrammar(exports)) throw new Error('@mlc-ai/web-xgrammar has other exports than this was written for')
  return exports
}
