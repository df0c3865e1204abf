import { existsSync, mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, test } from 'vitest'
import { memoryAccess } from '../../tests/harness/access.ts'
import { createAccess } from './access.ts'
import { expiryAfter, nameSchema, NO_LIMITS, type NewEntry } from './access-entry.ts'
import { openAccessFile } from './access-file.ts'

const NOW = new Date('2030-01-01T00:00:00Z')
const key = (more: Partial<NewEntry> = {}): NewEntry => ({
  kind: 'key',
  name: 'laptop',
  scopes: ['inference'],
  limits: NO_LIMITS,
  expires: null,
  ...more,
})
const newFile = (): string => path.join(mkdtempSync(path.join(tmpdir(), 'ringlet-access-')), 'home', 'access.json')

test('a server without keys is open to programs and devices, and writes no file', () => {
  const file = newFile()
  const access = createAccess({ file: openAccessFile(file), apiKeys: [], joinToken: null })
  expect([access.isClosed(), access.holderOf(null), access.holderOf('anything')]).toEqual([false, null, null])
  expect([access.refusal('device', null), access.refusal('client', null), access.joinToken()]).toEqual([null, null, null])
  expect(existsSync(file)).toBe(false)
})

test('the file keeps a digest and never the key, for its owner alone', () => {
  const file = newFile()
  const { secret } = createAccess({ file: openAccessFile(file), apiKeys: [], joinToken: null }).make(key())
  expect(secret).toMatch(/^rk_[\w-]{43}$/)
  expect(readFileSync(file, 'utf8')).not.toContain(secret)
  if (process.platform !== 'win32') expect(statSync(file).mode & 0o777).toBe(0o600)
})

test('what another process makes or revokes holds from the next call on', () => {
  const file = newFile()
  const server = createAccess({ file: openAccessFile(file), apiKeys: [], joinToken: null })
  const command = createAccess({ file: openAccessFile(file), apiKeys: [], joinToken: null })
  expect(server.isClosed()).toBe(false)
  const { entry, secret } = command.make(key())
  command.make(key({ name: 'other' }))
  expect(server.holderOf(secret)).toMatchObject({ id: entry.id, kind: 'key', scopes: ['inference'] })
  expect(command.revoke('key', entry.id)).toBe(true)
  expect(() => server.holderOf(secret)).toThrow(/not one of this server/)
  expect(command.revoke('key', entry.id)).toBe(false)
})

test('a broken file lets nobody in', () => {
  const file = newFile()
  const access = createAccess({ file: openAccessFile(file), apiKeys: [], joinToken: null })
  const { secret } = access.make(key())
  writeFileSync(file, '{"version":1,"entries":[')
  expect(() => access.holderOf(secret)).toThrow(/cannot be read/)
  expect(() => access.refusal('device', null)).toThrow(/cannot be read/)
})

test('with a key, devices need the token of the link, and clients the key, the token or an invitation', () => {
  const access = memoryAccess(['owner'])
  const joinToken = access.joinToken()
  const invite = access.make(key({ kind: 'invite', scopes: [] })).secret
  const metrics = access.make(key({ scopes: ['metrics'] })).secret
  expect(joinToken).not.toBeNull()
  expect(access.joinToken()).toBe(joinToken)
  for (const [role, token, code] of [
    ['device', null, 'invalid_join_token'],
    ['device', 'wrong', 'invalid_join_token'],
    ['device', 'owner', 'invalid_join_token'],
    ['device', joinToken, undefined],
    ['device', invite, undefined],
    ['client', null, 'invalid_api_key'],
    ['client', metrics, 'invalid_api_key'],
    ['client', 'owner', undefined],
    ['client', joinToken, undefined],
    ['client', invite, undefined],
  ] as const)
    expect([role, token, access.refusal(role, token)?.code]).toEqual([role, token, code])
  expect(access.holderOf(joinToken)).toMatchObject({ kind: 'invite', scopes: [] })
})

test('the first invitation closes the door to devices without one; it opens it until it expires or is revoked', () => {
  let now = NOW
  const access = memoryAccess([], () => now)
  const { entry, secret } = access.make(key({ kind: 'invite', scopes: [], expires: expiryAfter('1h', NOW) ?? null }))
  expect(access.refusal('device', null)?.code).toBe('invalid_join_token')
  expect([access.refusal('device', secret), access.refusal('client', null), access.isClosed()]).toEqual([null, null, false])
  now = new Date(NOW.getTime() + 3_600_000)
  expect(access.refusal('device', secret)?.message).toMatch(/expired/)
  now = NOW
  access.revoke('invite', entry.id)
  expect(access.refusal('device', null)).toBeNull()
})

test('an expired key is refused as such, also where it is the only one', () => {
  let now = NOW
  const access = memoryAccess([], () => now)
  const { secret } = access.make(key({ expires: expiryAfter('90m', NOW) ?? null }))
  expect(access.holderOf(secret)?.kind).toBe('key')
  now = new Date(NOW.getTime() + 90 * 60_000)
  expect(() => access.holderOf(secret)).toThrow(/has expired/)
  expect(() => access.holderOf(null)).toThrow(/needs an API key/)
})

test('spans and names: what they are and what they are not', () => {
  expect(expiryAfter('2d', NOW)).toBe('2030-01-03T00:00:00.000Z')
  expect(expiryAfter('never', NOW)).toBeNull()
  for (const text of ['', '0d', '-1d', '1y', '1.5h', '999999w', 'd', '1d ']) expect([text, expiryAfter(text, NOW)]).toEqual([text, undefined])
  for (const name of ['', ' ', 'a\nb', 'a\u202eb', 'a\u200bb', 'x'.repeat(65)])
    expect([name, nameSchema.safeParse(name).success]).toEqual([name, false])
  expect(nameSchema.parse(' Mum’s phone ')).toBe('Mum’s phone')
})
