/** Installs a browser with the package managers that are present, never asking a question. */
import path from 'node:path'
import { existsSync } from 'node:fs'
import { findBrowser } from './find-browser.mjs'
import { runCommand } from './child.mjs'

const INSTALL_TIMEOUT_MS = 10 * 60_000

/** `root`: needs administrator rights. Each plan is a list of commands; the first whose result is a browser ends the search. */
const PLANS = [
  { manager: 'apt-get', platform: 'linux', root: true, commands: [['update'], ['install', '-y', '--no-install-recommends', 'chromium']] },
  { manager: 'dnf', platform: 'linux', root: true, commands: [['install', '-y', 'chromium']] },
  { manager: 'pacman', platform: 'linux', root: true, commands: [['-Sy', '--noconfirm', 'chromium']] },
  { manager: 'apk', platform: 'linux', root: true, commands: [['add', '--no-cache', 'chromium']] },
  { manager: 'zypper', platform: 'linux', root: true, commands: [['--non-interactive', 'install', 'chromium']] },
  { manager: 'brew', platform: 'darwin', root: false, commands: [['install', '--cask', 'google-chrome']] },
  {
    manager: 'winget',
    platform: 'win32',
    root: false,
    commands: [
      [
        'install',
        '--id',
        'Google.Chrome',
        '--exact',
        '--silent',
        '--disable-interactivity',
        '--accept-package-agreements',
        '--accept-source-agreements',
      ],
    ],
  },
]

const THIS_MACHINE = {
  platform: process.platform,
  env: process.env,
  isRoot: process.getuid?.() === 0,
  has: (command) => {
    const windows = process.platform === 'win32'
    const folders = (process.env.PATH ?? '').split(path.delimiter)
    return folders.some((folder) => existsSync(path.join(folder, windows ? `${command}.exe` : command)))
  },
  run: (command, args, env) => runCommand(command, args, { env, timeoutMs: INSTALL_TIMEOUT_MS }),
  find: () => findBrowser(),
}

/** Runs one plan. @returns null when every command succeeded, else a sentence about the one that did not. */
async function follow(plan, machine, say) {
  const sudo = plan.root && !machine.isRoot
  if (sudo && !machine.has('sudo')) return `${plan.manager}: needs administrator rights, and there is no sudo`
  for (const args of plan.commands) {
    // -n: sudo fails instead of asking for a password.
    const [command, ...rest] = [...(sudo ? ['sudo', '-n'] : []), plan.manager, ...args]
    say(`  ${command} ${rest.join(' ')}`)
    const { code, output } = await machine.run(command, rest, { ...machine.env, DEBIAN_FRONTEND: 'noninteractive', HOMEBREW_NO_AUTO_UPDATE: '1' })
    if (code !== 0) return `${[command, ...rest].join(' ')}: ${output.trim().split('\n').at(-1) || `ended with code ${code}`}`
  }
  return null
}

/**
 * Tries the package managers of this platform, then Playwright's own download, until a browser is found.
 * @returns {Promise<string[]>} what was tried without success, a sentence each
 */
export async function installBrowser({ root, say, ...overrides }) {
  const machine = { ...THIS_MACHINE, ...overrides }
  const tried = []
  for (const plan of PLANS.filter(({ platform, manager }) => platform === machine.platform && machine.has(manager))) {
    const problem = await follow(plan, machine, say)
    if (problem === null && (await machine.find()) !== null) return tried
    tried.push(problem ?? `${plan.manager}: installed a package, but no browser that runs came of it`)
  }
  const playwright = path.join(root, 'node_modules/playwright-core/cli.js')
  say("  no system package brought a browser: downloading Playwright's Chromium")
  const { code, output } = await machine.run(process.execPath, [playwright, 'install', '--no-shell', 'chromium'], machine.env)
  if (code !== 0)
    tried.push(
      `Playwright's download: ${
        output
          .trim()
          .split('\n')
          .find((line) => /error|fail/i.test(line)) ?? `ended with code ${code}`
      }`,
    )
  else if ((await machine.find()) === null)
    tried.push("Playwright's download: the browser is there but does not start; libraries of the system are missing")
  return tried
}
