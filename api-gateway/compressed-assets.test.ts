import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, request } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import express from 'express'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { pageRoutes } from './routes/pages.ts'

const SCRIPT = 'export const ring = 1\n'
const folder = mkdtempSync(path.join(tmpdir(), 'ringlet-pages-'))
const server = createServer(express().use(pageRoutes({ staticDir: folder, weightOrigins: [] })))
beforeAll(async () => {
  mkdirSync(path.join(folder, 'assets'))
  writeFileSync(path.join(folder, 'assets/a-1.js'), SCRIPT)
  writeFileSync(path.join(folder, 'assets/a-1.js.gz'), gzipSync(SCRIPT))
  writeFileSync(path.join(folder, 'assets/b-2.css'), 'p {}')
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})
afterAll(() => {
  server.close()
  rmSync(folder, { recursive: true, force: true })
})

function get(file: string, encoding?: string): Promise<{ readonly headers: Record<string, unknown>; readonly body: Buffer }> {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server has no port')
  return new Promise((resolve, reject) => {
    const asked = request({ port: address.port, path: file, headers: encoding === undefined ? {} : { 'accept-encoding': encoding } }, (response) => {
      const pieces: Buffer[] = []
      response.on('data', (piece: Buffer) => pieces.push(piece))
      response.on('end', () => resolve({ headers: response.headers, body: Buffer.concat(pieces) }))
    })
    asked.on('error', reject)
    asked.end()
  })
}

test('who takes gzip gets the compressed script, with the type, policy and age of the plain one', async () => {
  const { headers, body } = await get('/assets/a-1.js', 'gzip, br')
  expect(headers).toMatchObject({ 'content-encoding': 'gzip', 'content-type': 'text/javascript; charset=utf-8', vary: 'accept-encoding' })
  expect(headers['cache-control']).toBe('public, max-age=31536000, immutable')
  expect(headers['content-security-policy']).toContain("script-src 'self'")
  expect(gunzipSync(body).toString()).toBe(SCRIPT)
})

test('who does not, and what the build has not compressed, gets the plain file', async () => {
  for (const encoding of [undefined, 'identity', 'gzip;q=0']) {
    const { headers, body } = await get('/assets/a-1.js', encoding)
    expect([headers['content-encoding'], body.toString(), headers['vary']]).toEqual([undefined, SCRIPT, 'accept-encoding'])
  }
  const { headers, body } = await get('/assets/b-2.css', 'gzip')
  expect([headers['content-encoding'], body.toString()]).toEqual([undefined, 'p {}'])
})
