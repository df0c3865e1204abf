/** Compiles the kernels to WebAssembly when their source has changed since the last time. */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { lastLines, runCommand } from './child.mjs'
import { StepFailed, step } from './report.mjs'

const COMMON = [
  // What is not marked `inline` stays a function: 58 kB instead of 62, and loops take as long.
  '--optimizeLevel',
  '3',
  '--shrinkLevel',
  '1',
  '--noAssert',
  // No collector and no heap: kernels only see addresses they are given.
  '--runtime',
  'stub',
  '--use',
  'abort=',
  '--importMemory',
  '--initialMemory',
  '1',
  '--maximumMemory',
  '65536',
  // What the compiler keeps for itself lies between this and the first address of a shard.
  '--memoryBase',
  '1024',
  // Addresses have 32 bits here; vectors leave a function but never the module.
  '--disableWarning',
  '201,112',
]
const PLAIN = ['--enable', 'simd,threads,bulk-memory']
const RELAXED = ['--enable', 'simd,threads,bulk-memory,relaxed-simd']
/** One source, four modules: a memory that threads share is another type of import, and not every engine has relaxed SIMD. And what benches measure them against. */
const MODULES = {
  'kernels.wasm': ['index.ts', ...PLAIN],
  'kernels-shared.wasm': ['index.ts', ...PLAIN, '--sharedMemory'],
  'kernels-relaxed.wasm': ['index.ts', ...RELAXED],
  'kernels-relaxed-shared.wasm': ['index.ts', ...RELAXED, '--sharedMemory'],
  'roof.wasm': ['roof.ts', ...PLAIN],
}

const outputFolder = (root) => path.join(root, 'dist/kernels')
const stampFile = (root) => path.join(outputFolder(root), 'fingerprint')

function kernelsFingerprint(root) {
  const hash = createHash('sha256').update(JSON.stringify([COMMON, MODULES]))
  const sources = readdirSync(path.join(root, 'kernels/assembly')).map((file) => `kernels/assembly/${file}`)
  for (const file of [...sources.sort(), 'kernels/opcodes.ts', 'node_modules/assemblyscript/package.json']) {
    const content = readFileSync(path.join(root, file))
    hash.update(`${file}\0${content.length}\0`).update(content)
  }
  return hash.digest('hex')
}

export function areKernelsBuilt(root) {
  try {
    const areThere = Object.keys(MODULES).every((name) => existsSync(path.join(outputFolder(root), name)))
    return areThere && readFileSync(stampFile(root), 'utf8') === kernelsFingerprint(root)
  } catch {
    return false
  }
}

/** @throws {StepFailed} when they do not compile. */
export async function buildKernels(root) {
  await step('Compiling the kernels', async () => {
    const fingerprint = kernelsFingerprint(root)
    const compiler = path.join(root, 'node_modules/assemblyscript/bin/asc.js')
    mkdirSync(outputFolder(root), { recursive: true })
    for (const [name, [entry, ...own]] of Object.entries(MODULES)) {
      const args = [compiler, path.join('kernels/assembly', entry), '--outFile', path.join('dist/kernels', name), ...COMMON, ...own]
      const { code, output } = await runCommand(process.execPath, args, { cwd: root })
      if (code !== 0) throw new StepFailed(`The kernels could not be compiled. AssemblyScript said:\n${lastLines(output, 30)}`)
    }
    writeFileSync(stampFile(root), fingerprint)
  })
}
