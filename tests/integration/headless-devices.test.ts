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
  const devices = await launchDevices({
    count: 2,
    url,
    executablePath: chromiumPath(),
    backend: 'wasm',
    memoryMiB: 300,
    joinToken: 'secret',
    say: (line) => lines.push(line),
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
    const [first, second] = devices.pages()
    await first?.evaluate(() => localStorage.setItem('mark', 'first'))
    expect(await second?.evaluate(() => localStorage.getItem('mark'))).toBeNull()
    // Hidden pages must not be slowed down: the second page opened last, so the first is behind it.
    expect(await first?.evaluate(() => document.visibilityState)).toBe('visible')

    const again = new Promise<void>((resolve) => void visitors.push(resolve))
    await second?.goto('chrome://crash').catch(() => {})
    await again
    expect(visits.at(-1)?.searchParams.get('name')).toBe('Device 2')
    expect(lines).toContain('Device 2 crashed; opening it again')
  } finally {
    await devices.close()
    await devices.close()
  }
  expect(devices.browser.isConnected()).toBe(false)
})
