import { X509Certificate } from 'node:crypto'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { loadCertificate } from './certificate.ts'

const HOSTS = ['localhost', '127.0.0.1', '::1', '192.168.7.9']
const NOW = new Date('2030-03-01T00:00:00Z')
let home = ''
beforeEach(async () => {
  home = await mkdtemp(path.join(os.tmpdir(), 'ringlet-home-'))
})
afterEach(() => rm(home, { recursive: true }))

test('serves a request that verifies the certificate for name and address', async () => {
  const certificate = await loadCertificate(home, HOSTS)
  const server = https.createServer(certificate, (_request, response) => void response.end('hello'))
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const get = (servername: string) =>
    new Promise<string>((resolve, reject) => {
      const request = https.get({ host: '127.0.0.1', port, servername, ca: certificate.ca, agent: false }, (response) => {
        response.setEncoding('utf8')
        response.on('data', resolve)
      })
      request.on('error', reject)
    })
  try {
    await expect(get('localhost')).resolves.toBe('hello')
    await expect(get('other.example')).rejects.toThrow(/altnames/)
  } finally {
    server.close()
  }
})

test('keeps the certificate over restarts, readable by its owner only', async () => {
  const first = await loadCertificate(home, HOSTS, NOW)
  expect((await loadCertificate(home, HOSTS, NOW)).cert.trim()).toBe(first.cert.trim())
  for (const name of ['server.pem', 'authority.pem']) {
    const file = path.join(home, 'tls', name)
    expect(await readFile(file, 'utf8')).toContain('PRIVATE KEY')
    if (process.platform !== 'win32') expect((await stat(file)).mode & 0o077).toBe(0)
  }
})

test('makes a new one for a new address, near its end, and when the file is damaged', async () => {
  const first = await loadCertificate(home, HOSTS, NOW)
  const moved = await loadCertificate(home, [...HOSTS, '10.0.0.2'], NOW)
  expect(moved.cert).not.toBe(first.cert)
  // What devices were asked to trust stays the same.
  expect(moved.ca.trim()).toBe(first.ca.trim())
  const later = await loadCertificate(home, HOSTS, new Date(NOW.getTime() + 370 * 86_400_000))
  expect(later.cert).not.toBe(moved.cert)
  expect(later.ca.trim()).toBe(first.ca.trim())
  await writeFile(path.join(home, 'tls/server.pem'), 'rubbish')
  expect((await loadCertificate(home, HOSTS, NOW)).cert).toContain('BEGIN CERTIFICATE')
})

test('an authority that is damaged or ends soon is made anew, and the server’s certificate with it', async () => {
  const first = await loadCertificate(home, HOSTS, NOW)
  await writeFile(path.join(home, 'tls/authority.pem'), 'rubbish')
  const second = await loadCertificate(home, HOSTS, NOW)
  expect(second.ca).not.toBe(first.ca)
  expect(new X509Certificate(second.cert).verify(new X509Certificate(second.ca).publicKey)).toBe(true)
  const old = await loadCertificate(home, HOSTS, new Date(NOW.getTime() + 9.5 * 365 * 86_400_000))
  expect(old.ca.trim()).not.toBe(second.ca.trim())
})
