import { once } from 'node:events'
import http from 'node:http'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { launchDevices } from '../../scripts/headless-devices.ts'
import { chromiumPath } from '../harness/browser.ts'

const visits: URL[] = []
const visitors: (() => void)[] = []
const server = http.createServer((request, response) => {
  visits.push(new URL(request.url ?? '/', 'http://server'))
  response.setHeader('content-type', 'text/html')
  response.end('<!doctype html><title>device</title><link rel="icon" href="data:,">')
  for (const visitor of visitors.splice(0)) visitor()
})
let url = ''
beforeAll(async () => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  url = typeof address === 'object' && address ? `http://127.0.0.1:${address.port}` : ''
})
afterAll(() => void server.close())

test('opens 2 devices that keep nothing in common, and opens again the one that crashes', { timeout: 60_000 }, async () => {
  const lines: string[] = []
  let onLine = (): void => undefined
  const said = (line: string): Promise<void> =>
    new Promise((resolve) => {
      onLine = () => (lines.some((one) => one.startsWith(line)) ? resolve() : undefined)
    })
  const devices = await launchDevices({
    count: 2,
    url,
    executablePath: chromiumPath(),
    backend: 'wasm',
    memoryMiB: 300,
    joinToken: 'secret',
    say: (line) => {
      lines.push(line)
      onLine()
    },
  })
  try {
    expect(visits.map((visit) => `${visit.pathname} ${visit.searchParams.get('name')}`)).toEqual(['/contribute Device 1', '/contribute Device 2'])
    expect(Object.fromEntries(visits[0]?.searchParams ?? [])).toEqual({
      auto: '1',
      name: 'Device 1',
      backend: 'wasm',
      threads: '1',
      memory: '300',
      token: 'secret',
      weights: 'auto',
    })
    const [first, second] = devices.tabs()
    await first?.evaluate(`localStorage.setItem('mark', 'first')`)
    expect(await second?.evaluate(`localStorage.getItem('mark')`)).toBeNull()
    // Hidden pages must not be slowed down: the second page opened last, so the first is behind it.
    expect(await first?.evaluate('document.visibilityState')).toBe('visible')

    const thrown = said('Device 1: Error: nobody catches this')
    await first?.evaluate(`void setTimeout(() => { throw new Error('nobody catches this') })`)
    await thrown
    await expect(first?.evaluate('missing()')).rejects.toThrow('missing is not defined')

    const again = new Promise<void>((resolve) => void visitors.push(resolve))
    const neverAnswered = second?.evaluate('new Promise(() => {})')
    await Promise.all([
      expect(neverAnswered).rejects.toThrow('the page crashed'),
      expect(second?.navigate('chrome://crash')).rejects.toThrow('chrome://crash'),
    ])
    await again
    expect(visits.at(-1)?.searchParams.get('name')).toBe('Device 2')
    expect(lines).toContain('Device 2 crashed; opening it again')
  } finally {
    await devices.close()
    await devices.close()
  }
  expect(devices.browser.isRunning()).toBe(false)
})

test('says why no browser starts and why its first page does not', { timeout: 60_000 }, async () => {
  await expect(launchDevices({ count: 1, url, executablePath: '/no/such/browser' })).rejects.toThrow(/the browser ended \(.*ENOENT/)
  // A program that is no browser, and its last words.
  await expect(launchDevices({ count: 1, url, executablePath: process.execPath })).rejects.toThrow(/the browser ended \(9\): .*bad option/)
  const closed = 'http://127.0.0.1:9'
  await expect(launchDevices({ count: 1, url: closed, executablePath: chromiumPath() })).rejects.toThrow(`${closed}/contribute`)
})
