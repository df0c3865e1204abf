/**
 * Makes a bare clone ready to run with nothing but Node: dependencies, built pages, a browser. Imports only `node:` modules,
 * for it runs before anything is installed. Each function does nothing when there is nothing to do.
 */
import path from 'node:path'
import { runScript, say, StepFailed, step } from './bootstrap/report.mjs'
import { findBrowser } from './bootstrap/find-browser.mjs'
import { installBrowser } from './bootstrap/install-browser.mjs'
import { areKernelsBuilt, buildKernels } from './bootstrap/kernel-build.mjs'
import { buildPages, isBuilt } from './bootstrap/page-build.mjs'
import { installDependencies, isInstalled, requireNode } from './bootstrap/dependencies.mjs'
import { withLock } from './bootstrap/lock.mjs'

export { runScript, say }

export const ROOT = path.resolve(import.meta.dirname, '..')
const LOCK = path.join(ROOT, '.cache/bootstrap.lock')

/** @throws {StepFailed} Node is too old, or npm fails. */
export async function ensureDependencies() {
  requireNode()
  if (isInstalled(ROOT)) return
  await withLock(LOCK, async () => {
    if (!isInstalled(ROOT)) await installDependencies(ROOT)
  })
}

/** Compiles the WebAssembly that pages and the server's own device run. @throws {StepFailed} when it does not compile. */
export async function ensureKernels() {
  if (areKernelsBuilt(ROOT)) return
  await withLock(LOCK, async () => {
    if (!areKernelsBuilt(ROOT)) await buildKernels(ROOT)
  })
}

/** @throws {StepFailed} when the build fails. */
export async function ensurePages() {
  await ensureKernels()
  if (isBuilt(ROOT)) return
  await withLock(LOCK, async () => {
    if (!isBuilt(ROOT)) await buildPages(ROOT)
  })
}

/**
 * Finds a Chromium, Chrome or Edge, installs one if there is none, and leaves its path in CHROMIUM_PATH for all children.
 * @returns {Promise<string>} path of the executable
 * @throws {StepFailed} when there is none and none can be installed.
 */
export async function ensureBrowser() {
  const found = (await findBrowser()) ?? (await withLock(LOCK, async () => (await findBrowser()) ?? (await installAndFind())))
  say(`Browser: ${found.path} (${found.version})`)
  process.env.CHROMIUM_PATH = found.path
  return found.path
}

async function installAndFind() {
  if (process.env.RINGLET_OFFLINE === '1') {
    throw new StepFailed(
      'No Chromium, Chrome or Edge was found, and RINGLET_OFFLINE=1 forbids downloading one. Install one, or set CHROMIUM_PATH to its executable.',
    )
  }
  const tried = await step('No browser found. Installing one', () => installBrowser({ root: ROOT, say }))
  const found = await findBrowser()
  if (found) return found
  const attempts = tried.length === 0 ? 'No package manager that I know was found.' : `Tried:\n${tried.map((line) => `  - ${line}`).join('\n')}`
  throw new StepFailed(
    `No Chromium, Chrome or Edge could be found or installed. ${attempts}\nInstall one yourself, or set CHROMIUM_PATH to its executable, and run the command again.`,
  )
}
