/** Where a Chromium, Chrome or Edge may be on this machine, in order of preference. */
import { existsSync, readdirSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { runCommand } from './child.mjs'
import { StepFailed } from './report.mjs'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome', 'chrome', 'microsoft-edge-stable', 'microsoft-edge']

/** What the search sees of the machine; tests pass another one. */
const THIS_MACHINE = {
  platform: process.platform,
  env: process.env,
  homeDir: os.homedir(),
  exists: existsSync,
  list: (folder) => (existsSync(folder) ? readdirSync(folder) : []),
  /** Version line of an executable, or null when it does not run. */
  version: async (file) => {
    // Chrome on Windows opens a window instead of printing its version.
    if (process.platform === 'win32') return 'version not asked on Windows'
    const { code, output } = await runCommand(file, ['--version'], { timeoutMs: 20_000 })
    return code === 0 ? (output.trim().split('\n').at(-1) ?? '') : null
  },
}

/** Joins paths as `platform` writes them, which need not be the platform of this process. */
const joining = (platform) => (platform === 'win32' ? (...parts) => path.win32.join(...parts) : (...parts) => path.posix.join(...parts))

function onPath({ platform, env }) {
  const windows = platform === 'win32'
  const folders = (env.PATH ?? env.Path ?? '').split(windows ? ';' : ':').filter((folder) => folder !== '')
  const join = joining(platform)
  const names = windows ? ['chrome.exe', 'msedge.exe', 'chromium.exe'] : NAMES
  return names.flatMap((name) => folders.map((folder) => join(folder, name)))
}

function installPlaces({ platform, env, homeDir }) {
  if (platform === 'darwin') {
    const apps = ['Google Chrome', 'Chromium', 'Microsoft Edge'].map((app) => `Applications/${app}.app/Contents/MacOS/${app}`)
    return ['/', `${homeDir}/`].flatMap((root) => apps.map((app) => root + app))
  }
  if (platform === 'win32') {
    const roots = [env.ProgramFiles, env['ProgramFiles(x86)'], env.LOCALAPPDATA].filter((root) => root !== undefined)
    const apps = ['Google\\Chrome\\Application\\chrome.exe', 'Chromium\\Application\\chrome.exe', 'Microsoft\\Edge\\Application\\msedge.exe']
    return roots.flatMap((root) => apps.map((app) => path.win32.join(root, app)))
  }
  const binaries = ['/usr/bin', '/usr/local/bin', '/snap/bin'].flatMap((folder) => NAMES.map((name) => `${folder}/${name}`))
  return [...binaries, '/usr/lib/chromium/chromium', '/opt/google/chrome/chrome', '/opt/microsoft/msedge/msedge']
}

function playwrightCache({ platform, env, homeDir }) {
  if (env.PLAYWRIGHT_BROWSERS_PATH) return env.PLAYWRIGHT_BROWSERS_PATH
  if (platform === 'darwin') return path.posix.join(homeDir, 'Library/Caches/ms-playwright')
  if (platform === 'win32') return path.win32.join(env.LOCALAPPDATA ?? path.win32.join(homeDir, 'AppData\\Local'), 'ms-playwright')
  return path.posix.join(env.XDG_CACHE_HOME ?? path.posix.join(homeDir, '.cache'), 'ms-playwright')
}

/** Playwright's folders are `chromium-<revision>/<platform folder>/<executable>`; the newest whole browser first, then the newest shell. */
function playwrightPlaces(machine) {
  const join = joining(machine.platform)
  const cache = playwrightCache(machine)
  const inside = {
    linux: [['chrome'], ['chrome-headless-shell'], ['headless_shell']],
    darwin: [
      ['Google Chrome for Testing.app', 'Contents/MacOS/Google Chrome for Testing'],
      ['Chromium.app', 'Contents/MacOS/Chromium'],
      ['chrome-headless-shell'],
      ['headless_shell'],
    ],
    win32: [['chrome.exe'], ['chrome-headless-shell.exe'], ['headless_shell.exe']],
  }[machine.platform] ?? [['chrome']]
  const revision = (name) => Number(name.split('-').at(-1))
  const versions = ['chromium-', 'chromium_headless_shell-'].flatMap((kind) =>
    machine
      .list(cache)
      .filter((name) => name.startsWith(kind) && Number.isFinite(revision(name)))
      .sort((a, b) => revision(b) - revision(a)),
  )
  return versions.flatMap((version) =>
    machine.list(join(cache, version)).flatMap((folder) => inside.map((parts) => join(cache, version, folder, ...parts))),
  )
}

/**
 * The first browser that exists and runs. Ubuntu, for one, ships a `chromium-browser` that only says to install a snap.
 * @returns {Promise<{path: string, version: string} | null>}
 * @throws {StepFailed} when CHROMIUM_PATH is set but no browser is there: a wish is not overruled.
 */
export async function findBrowser(overrides = {}) {
  const machine = { ...THIS_MACHINE, ...overrides }
  const wished = machine.env.CHROMIUM_PATH
  if (wished) {
    const version = machine.exists(wished) ? await machine.version(wished) : null
    if (version === null)
      throw new StepFailed(`CHROMIUM_PATH is ${wished}, but there is no browser there that runs. Correct it, or unset it to let one be found.`)
    return { path: wished, version }
  }
  const places = [...onPath(machine), ...installPlaces(machine), ...playwrightPlaces(machine)]
  for (const place of new Set(places)) {
    const version = machine.exists(place) ? await machine.version(place) : null
    if (version !== null) return { path: place, version }
  }
  return null
}
