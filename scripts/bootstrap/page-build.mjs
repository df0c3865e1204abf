/** Builds the pages when a source has changed since the last build. */
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { lastLines, runCommand } from './child.mjs'
import { StepFailed, step } from './report.mjs'

const SOURCE_FOLDERS = ['protocol', 'core', 'shaders', 'kernels', 'runtime', 'web']
const SOURCE_FILES = ['vite.config.ts', 'package-lock.json', 'tsconfig.json', 'tsconfig.base.json']
const NOT_BUILT = /\.(test|spec)\.ts$/

function sourceFiles(root) {
  const inFolders = SOURCE_FOLDERS.flatMap((folder) => {
    try {
      return readdirSync(path.join(root, folder), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile() && !NOT_BUILT.test(entry.name))
        .map((entry) => path.relative(root, path.join(entry.parentPath ?? entry.path, entry.name)))
    } catch (error) {
      if (error.code === 'ENOENT') return []
      throw error
    }
  })
  return [...inFolders, ...SOURCE_FILES].sort()
}

/** A hash over names and contents of all that goes into the pages: times of files mean nothing after a clone. */
export function sourcesFingerprint(root) {
  const hash = createHash('sha256')
  for (const file of sourceFiles(root)) {
    let content = Buffer.alloc(0)
    try {
      content = readFileSync(path.join(root, file))
    } catch (error) {
      if (error.code !== 'ENOENT') throw error
    }
    hash.update(`${file.split(path.sep).join('/')}\0${content.length}\0`).update(content)
  }
  return hash.digest('hex')
}

const stampFile = (root) => path.join(root, 'dist/web.fingerprint')

export function isBuilt(root) {
  try {
    readFileSync(path.join(root, 'dist/web/index.html'))
    return readFileSync(stampFile(root), 'utf8') === sourcesFingerprint(root)
  } catch {
    return false
  }
}

/** @throws {StepFailed} when the build fails. */
export async function buildPages(root) {
  await step('Building the pages', async () => {
    const fingerprint = sourcesFingerprint(root)
    const vite = path.join(root, 'node_modules/vite/bin/vite.js')
    const { code, output } = await runCommand(process.execPath, [vite, 'build', '--logLevel', 'warn'], { cwd: root })
    if (code !== 0) throw new StepFailed(`The pages could not be built. vite said:\n${lastLines(output, 30)}`)
    mkdirSync(path.dirname(stampFile(root)), { recursive: true })
    writeFileSync(stampFile(root), fingerprint)
  })
}
