import { mkdtemp, rm } from 'node:fs/promises'
import https from 'node:https'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { secureListener, type Listener } from './listener.ts'

let home = ''
let listener: Listener
let port = 0
beforeEach(async () => {
  home = await mkdtemp(path.join(os.tmpdir(), 'ringlet-listener-'))
  const hosts = { isLoopbackOnly: false, names: ['ringlet.local'] }
  listener = await secureListener({ headersTimeout: 300 }, { home, hosts, names: () => ['localhost', '127.0.0.1'] })
  listener.server.on('request', (request, response) => void response.end(`secure ${request.url} from ${request.socket.remoteAddress}`))
  port = await listener.listen(0, '127.0.0.1')
})
afterEach(async () => {
  await listener.close()
  await rm(home, { recursive: true })
})

/** What comes back for raw bytes, until the other side ends. */
const say = (text: string): Promise<string> =>
  new Promise((resolve) => {
    let heard = ''
    const socket = net.connect(port, '127.0.0.1', () => text !== '' && socket.write(text))
    socket.setEncoding('utf8')
    socket.on('data', (chunk: string) => (heard += chunk))
    socket.on('close', () => resolve(heard))
  })
const plain = (method: string, url: string, host = `192.0.2.7:${port}`): Promise<string> =>
  say(`${method} ${url} HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`)

test('one port speaks TLS to whom begins so, with a certificate that the authority vouches for and the address of who asks', async () => {
  const body = await new Promise<string>((resolve, reject) => {
    const request = https.get({ host: '127.0.0.1', port, path: '/x', ca: listener.ca ?? '', agent: false }, (response) => {
      response.setEncoding('utf8')
      response.on('data', resolve)
    })
    request.on('error', reject)
  })
  expect(body).toBe('secure /x from 127.0.0.1')
})

test('plain http leads to https by method, path and query, and shows how to trust', async () => {
  expect(await plain('POST', '/v1/chat/completions?a=b')).toMatch(
    new RegExp(`^HTTP/1.1 307 [^]*location: https://192.0.2.7:${port}/v1/chat/completions\\?a=b`, 'i'),
  )
  const page = await plain('GET', '/trust')
  expect(page).toMatch(/^HTTP\/1.1 200 [^]*content-security-policy: default-src 'none'/i)
  expect(page).not.toMatch(/<script>|\sstyle=|\son\w+=/)
  expect(await plain('GET', '/ringlet-ca.crt')).toContain(listener.ca?.trim())
  expect(await plain('GET', '/ringlet-ca.crt')).not.toContain('PRIVATE KEY')
  expect(await plain('GET', '/trust.js')).toContain('text/javascript')
})

test('a name that is not this server’s is led nowhere', async () => {
  for (const host of ['evil.example', 'ringlet.local.evil.example', '']) {
    const answer = await plain('GET', '/trust', host)
    expect([host, /^HTTP\/1.1 40[03]/.test(answer), answer.includes('location:')]).toEqual([host, true, false])
  }
  expect(await plain('GET', '/', `ringlet.local:${port}`)).toContain(`https://ringlet.local:${port}/`)
})

test('a connection that says nothing is closed', async () => {
  expect(await say('')).toBe('')
})

test('bytes that are neither get no further than a bad request', async () => {
  expect(await say('\u0001\u0002\u0003\r\n\r\n')).toMatch(/^(HTTP\/1.1 400|$)/)
})
