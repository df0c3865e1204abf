import { expect, test } from 'vitest'
import { findBrowser } from './find-browser.mjs'

type Machine = { platform: NodeJS.Platform; env: Record<string, string>; homeDir: string }
const LINUX: Machine = { platform: 'linux', env: { PATH: '/opt/bin:/usr/bin' }, homeDir: '/home/ann' }

/** A machine with these executables; those that end in `!` exist but do not run. */
function search(machine: Machine, files: readonly string[]): Promise<{ path: string; version: string } | null> {
  const present = new Set(files.map((file) => file.replace(/!$/, '')))
  const separator = machine.platform === 'win32' ? '\\' : '/'
  const list = (folder: string): string[] => {
    const prefix = folder + separator
    return [...new Set([...present].filter((file) => file.startsWith(prefix)).map((file) => file.slice(prefix.length).split(separator)[0] ?? ''))]
  }
  const version = (file: string): Promise<string | null> => Promise.resolve(files.includes(file) ? 'Chromium 150' : null)
  return findBrowser({ ...machine, exists: (file: string) => present.has(file), list, version })
}
const pathOf = async (machine: Machine, files: readonly string[]): Promise<string | undefined> => (await search(machine, files))?.path

test('obeys CHROMIUM_PATH before anything else', async () => {
  const machine = { ...LINUX, env: { ...LINUX.env, CHROMIUM_PATH: '/mine/chrome' } }
  expect(await pathOf(machine, ['/usr/bin/chromium', '/mine/chrome'])).toBe('/mine/chrome')
})

test('says so when CHROMIUM_PATH leads nowhere, and does not take another browser silently', async () => {
  const machine = { ...LINUX, env: { ...LINUX.env, CHROMIUM_PATH: '/mine/chrome' } }
  await expect(search(machine, ['/usr/bin/chromium'])).rejects.toThrow(/CHROMIUM_PATH is \/mine\/chrome/)
})

test('prefers PATH to fixed places, and Chromium to Chrome to Edge', async () => {
  expect(await pathOf(LINUX, ['/opt/bin/chromium', '/usr/bin/chromium'])).toBe('/opt/bin/chromium')
  expect(await pathOf(LINUX, ['/usr/bin/microsoft-edge', '/opt/bin/google-chrome', '/usr/bin/chromium'])).toBe('/usr/bin/chromium')
  expect(await pathOf(LINUX, ['/usr/bin/microsoft-edge', '/opt/bin/google-chrome'])).toBe('/opt/bin/google-chrome')
})

test('finds a browser that PATH does not name', async () => {
  expect(await pathOf({ ...LINUX, env: { PATH: '' } }, ['/snap/bin/chromium'])).toBe('/snap/bin/chromium')
})

test('passes over a stub that does not run', async () => {
  expect(await pathOf(LINUX, ['/usr/bin/chromium-browser!', '/usr/bin/google-chrome'])).toBe('/usr/bin/google-chrome')
  expect(await search(LINUX, ['/usr/bin/chromium-browser!'])).toBeNull()
})

test("takes the newest of Playwright's browsers when the system has none", async () => {
  const cache = '/home/ann/.cache/ms-playwright'
  const files = [
    `${cache}/chromium-999/chrome-linux/chrome`,
    `${cache}/chromium-1200/chrome-linux64/chrome`,
    `${cache}/chromium_headless_shell-1300/x/chrome-headless-shell`,
  ]
  expect(await pathOf(LINUX, files)).toBe(`${cache}/chromium-1200/chrome-linux64/chrome`)
  expect(await pathOf(LINUX, files.slice(2))).toBe(files[2])
  expect(await pathOf({ ...LINUX, env: { PLAYWRIGHT_BROWSERS_PATH: '/pw' } }, ['/pw/chromium-1/chrome-linux/chrome'])).toBe(
    '/pw/chromium-1/chrome-linux/chrome',
  )
})

test('knows where macOS and Windows keep browsers', async () => {
  const mac: Machine = { platform: 'darwin', env: { PATH: '/usr/bin' }, homeDir: '/Users/ann' }
  const chrome = 'Applications/Google Chrome.app/Contents/MacOS/Google Chrome'
  expect(await pathOf(mac, [`/Users/ann/${chrome}`])).toBe(`/Users/ann/${chrome}`)
  expect(await pathOf(mac, [`/Users/ann/${chrome}`, `/${chrome}`])).toBe(`/${chrome}`)
  const windows: Machine = {
    platform: 'win32',
    env: { Path: 'C:\\Windows', 'ProgramFiles(x86)': 'C:\\Program Files (x86)' },
    homeDir: 'C:\\Users\\ann',
  }
  const edge = 'C:\\Program Files (x86)\\Microsoft\\Edge\\Application\\msedge.exe'
  expect(await pathOf(windows, [edge])).toBe(edge)
})
