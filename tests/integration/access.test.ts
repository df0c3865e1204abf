/** Keys from the command line and from the running server, against the whole server: they are one file. */
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterAll, expect, test } from 'vitest'
import { createLog } from '../../api-gateway/log.ts'
import { parseOptions } from '../../api-gateway/options.ts'
import { startServer } from '../../api-gateway/serve.ts'

const ROOT = path.join(import.meta.dirname, '../..')
const homes = mkdtempSync(path.join(tmpdir(), 'ringlet-keys-'))
const home = path.join(homes, 'keyed')
afterAll(() => rmSync(homes, { recursive: true, force: true }))

/** `npm run keys -- …` without the check of dependencies. */
async function keys(...args: readonly string[]): Promise<string> {
  const command = ['--import', 'tsx', path.join(ROOT, 'api-gateway/access/main.ts'), ...args]
  const { stdout } = await promisify(execFile)(process.execPath, command, { cwd: ROOT, env: { ...process.env, RINGLET_HOME: home } })
  return stdout
}

/** The status of a WebSocket upgrade with these headers. */
const upgrade = (url: string, headers: Record<string, string>): Promise<number> =>
  new Promise((resolve, reject) => {
    const request = httpRequest(`${url}/socket.io/?EIO=4&transport=websocket`, {
      headers: {
        connection: 'Upgrade',
        upgrade: 'websocket',
        'sec-websocket-version': '13',
        'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
        ...headers,
      },
    })
    request.on('upgrade', (response, socket) => {
      socket.destroy()
      resolve(response.statusCode ?? 0)
    })
    request.on('response', (response) => {
      response.resume()
      resolve(response.statusCode ?? 0)
    })
    request.on('error', reject)
    request.end()
  })

test('npm run keys: made, used at once by the running server, and revoked; --help and mistakes say what to do', { timeout: 60_000 }, async () => {
  expect(await keys('list')).toContain('open to everybody')
  const server = await startServer(parseOptions(['--port', '0', '--no-local-device'], { RINGLET_HOME: home }), { log: createLog('silent') })
  const models = async (key: string): Promise<number> =>
    (await fetch(`${server.url}/v1/models`, { headers: { authorization: `Bearer ${key}` } })).status
  try {
    expect(await models('')).toBe(200)
    const [first = '', secret = ''] = (await keys('make', '--name', 'owner')).trim().split('\n')
    expect([await models(''), await models(secret)]).toEqual([401, 200])
    expect(await keys('list')).toMatch(/owner +inference,cluster,metrics,access +does not expire/)
    expect(await keys('invite', '--name', 'Mum', '--expires', '1d')).toMatch(/\/contribute\?token=rj_/)
    expect(await keys('revoke', first.split(' ')[0] ?? '')).toMatch(/^revoked/)
    expect(await models(secret)).toBe(200)
    await expect(keys('make', '--name', 'x', '--scopes', 'inference,all')).resolves.toContain('rk_')
    await expect(keys('make', '--name', 'x', '--scopes', 'inference,all')).rejects.toThrow(/--scopes expects some of/)
    await expect(keys('make')).rejects.toThrow(/--name expects/)
    await expect(keys('revoke', 'nothing')).rejects.toThrow(/there is no key or invitation nothing/)
  } finally {
    await server.close()
  }
})

test('faults 31: a WebSocket upgrade from a foreign origin, or to a foreign host that names itself, is refused', async () => {
  const server = await startServer(
    parseOptions(['--port', '0', '--no-local-device', '--allow-origin', 'https://chat.example'], { RINGLET_HOME: path.join(homes, 'open') }),
    {
      log: createLog('silent'),
    },
  )
  const { host } = new URL(server.url)
  try {
    expect(await upgrade(server.url, { host, origin: server.url })).toBe(101)
    expect(await upgrade(server.url, { host })).toBe(101)
    expect(await upgrade(server.url, { host, origin: 'https://evil.example' })).toBe(400)
    expect(await upgrade(server.url, { host: 'evil.example', origin: 'http://evil.example' })).toBe(400)
    expect(await upgrade(server.url, { host: 'evil.example' })).toBe(400)
    // --allow-origin opens the API to a page, and not the ring.
    expect(await upgrade(server.url, { host, origin: 'https://chat.example' })).toBe(400)
    const statusFor = async (origin: string): Promise<number> => (await fetch(`${server.url}/v1/models`, { headers: { origin } })).status
    expect([await statusFor('https://chat.example'), await statusFor('https://evil.example')]).toEqual([200, 403])
  } finally {
    await server.close()
  }
})
