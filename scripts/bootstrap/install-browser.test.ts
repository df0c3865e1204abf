import { expect, test } from 'vitest'
import { installBrowser } from './install-browser.mjs'

type Setup = { platform?: NodeJS.Platform; isRoot?: boolean; commands: readonly string[]; fails?: (line: string) => boolean; worksAfter?: string }

/** Runs the installer on a machine that has `commands` and gains a browser once a command line contains `worksAfter`. */
async function install({
  platform = 'linux',
  isRoot = true,
  commands,
  fails = () => false,
  worksAfter,
}: Setup): Promise<{ ran: string[]; tried: string[] }> {
  const ran: string[] = []
  const run = (command: string, args: readonly string[]): Promise<{ code: number; output: string }> => {
    const line = [command === process.execPath ? 'node' : command, ...args].join(' ')
    ran.push(line)
    return Promise.resolve(fails(line) ? { code: 1, output: 'noise\nthe reason' } : { code: 0, output: '' })
  }
  const find = (): Promise<object | null> => Promise.resolve(worksAfter && ran.some((line) => line.includes(worksAfter)) ? {} : null)
  const has = (command: string): boolean => commands.includes(command)
  const tried = await installBrowser({ root: '/repo', say: () => {}, platform, isRoot, env: {}, has, run, find })
  return { ran, tried }
}
const PLAYWRIGHT = /^node \/repo\/node_modules\/playwright-core\/cli\.js install --no-shell chromium$/

test('as root on Debian: apt-get update, install, done', async () => {
  const { ran, tried } = await install({ commands: ['apt-get'], worksAfter: 'install' })
  expect(ran).toEqual(['apt-get update', 'apt-get install -y --no-install-recommends chromium'])
  expect(tried).toEqual([])
})

test('as a user it asks sudo without a question', async () => {
  const { ran } = await install({ commands: ['apt-get', 'sudo'], isRoot: false, worksAfter: 'install' })
  expect(ran).toEqual(['sudo -n apt-get update', 'sudo -n apt-get install -y --no-install-recommends chromium'])
})

test("as a user without sudo it goes on to Playwright's download", async () => {
  const { ran, tried } = await install({ commands: ['apt-get'], isRoot: false, worksAfter: 'playwright' })
  expect(ran).toEqual([expect.stringMatching(PLAYWRIGHT)])
  expect(tried).toEqual(['apt-get: needs administrator rights, and there is no sudo'])
})

test('says why each attempt failed', async () => {
  const { ran, tried } = await install({ commands: ['apt-get', 'dnf'], fails: () => true })
  expect(ran).toEqual(['apt-get update', 'dnf install -y chromium', expect.stringMatching(PLAYWRIGHT)])
  expect(tried).toEqual(['apt-get update: the reason', 'dnf install -y chromium: the reason', expect.stringContaining("Playwright's download")])
})

test('goes on when a package brings no browser that runs, as on Ubuntu without snap', async () => {
  const { ran, tried } = await install({ commands: ['apt-get'], worksAfter: 'playwright' })
  expect(ran.at(-1)).toMatch(PLAYWRIGHT)
  expect(tried).toEqual(['apt-get: installed a package, but no browser that runs came of it'])
})

test.each([
  ['dnf', 'linux', 'dnf install -y chromium'],
  ['pacman', 'linux', 'pacman -Sy --noconfirm chromium'],
  ['apk', 'linux', 'apk add --no-cache chromium'],
  ['brew', 'darwin', 'brew install --cask google-chrome'],
  ['winget', 'win32', 'winget install --id Google.Chrome --exact --silent'],
] as const)('knows %s', async (manager, platform, line) => {
  const { ran } = await install({ platform, commands: [manager], worksAfter: manager })
  expect(ran).toEqual([expect.stringContaining(line)])
})
