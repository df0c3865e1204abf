import { existsSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { isInstalled, requireNode } from './dependencies.mjs'
import { withLock } from './lock.mjs'
import { isBuilt, sourcesFingerprint } from './page-build.mjs'

let root = ''
beforeEach(() => {
  root = mkdtempSync(path.join(os.tmpdir(), 'ringlet-bootstrap-'))
})
afterEach(() => rmSync(root, { recursive: true }))
function write(file: string, content: string | object): void {
  mkdirSync(path.dirname(path.join(root, file)), { recursive: true })
  writeFileSync(path.join(root, file), typeof content === 'string' ? content : JSON.stringify(content))
}

test('refuses Node 20.18 and 18 in a plain sentence, takes 20.19 and 24', () => {
  expect(() => requireNode('20.18.3')).toThrow(/needs Node 20.19 or newer; this is Node 20.18.3/)
  expect(() => requireNode('18.20.0')).toThrow(/nodejs.org/)
  requireNode('20.19.0')
  requireNode('24.1.0')
})

test('dependencies are installed when npm has recorded exactly what the lock file asks for', () => {
  const lock = {
    '': { name: 'ringlet' },
    'node_modules/a': { version: '1.0.0', integrity: 'x' },
    'node_modules/b-darwin': { version: '2.0.0', integrity: 'y', optional: true },
  }
  write('package-lock.json', { packages: lock })
  expect(isInstalled(root)).toBe(false)
  write('node_modules/.package-lock.json', { packages: { 'node_modules/a': { version: '1.0.0', integrity: 'x' } } })
  expect(isInstalled(root)).toBe(true)
  write('package-lock.json', { packages: { ...lock, 'node_modules/a': { version: '1.0.1', integrity: 'z' } } })
  expect(isInstalled(root)).toBe(false)
  write('package-lock.json', { packages: { ...lock, 'node_modules/c': { version: '3.0.0', integrity: 'w' } } })
  expect(isInstalled(root)).toBe(false)
})

test('pages count as built until a source changes; tests and file times do not matter', () => {
  write('web/index.html', '<!doctype html>')
  write('core/a.ts', 'export const a = 1')
  expect(isBuilt(root)).toBe(false)
  write('dist/web/index.html', 'built')
  write('dist/web.fingerprint', sourcesFingerprint(root))
  expect(isBuilt(root)).toBe(true)
  write('core/a.test.ts', 'a test')
  utimesSync(path.join(root, 'core/a.ts'), new Date(0), new Date(0))
  expect(isBuilt(root)).toBe(true)
  write('core/a.ts', 'export const a = 2')
  expect(isBuilt(root)).toBe(false)
})

test('two holders of one lock work one after the other, and a failure frees it', async () => {
  const lock = path.join(root, '.cache/lock')
  const order: string[] = []
  let release = (): void => {}
  let inside = (): void => {}
  const entered = new Promise<void>((resolve) => (inside = resolve))
  const first = withLock(lock, async () => {
    order.push('first in')
    inside()
    await new Promise<void>((resolve) => (release = resolve))
    order.push('first out')
    throw new Error('failed inside')
  })
  await entered
  const second = withLock(lock, () => Promise.resolve(void order.push('second in')))
  expect(existsSync(lock)).toBe(true)
  release()
  await expect(first).rejects.toThrow('failed inside')
  await second
  expect(order).toEqual(['first in', 'first out', 'second in'])
  expect(existsSync(lock)).toBe(false)
})

test('takes over a lock whose holder died 20 s ago', async () => {
  const lock = path.join(root, 'lock')
  const past = new Date(Date.now() - 20_000)
  writeFileSync(lock, '')
  utimesSync(lock, past, past)
  expect(await withLock(lock, () => Promise.resolve('mine'))).toBe('mine')
})
