import { expect, test } from 'vitest'
import { peerId } from '../../protocol/ids.ts'
import type { Hello } from '../../protocol/signaling.ts'
import { PROTOCOL_VERSION } from '../../protocol/version.ts'
import { memoryAccessFile } from '../../tests/harness/access.ts'
import { createAccess } from './access.ts'
import { createDeviceGate } from './device-gate.ts'
import { createDoor, shownDevice } from './door.ts'

const hello = (id: string, change: Partial<Hello> = {}): Hello => ({
  version: PROTOCOL_VERSION,
  id: peerId(`tab-${id}`),
  secret: `${id}-secret`.padEnd(40, 's'),
  name: id,
  role: 'device',
  capabilities: null,
  ...change,
})

function played({ asksFirst = false, joinToken = null }: { readonly asksFirst?: boolean; readonly joinToken?: string | null } = {}) {
  let now = new Date('2030-01-01T00:00:00Z')
  const file = memoryAccessFile()
  const gate = createDeviceGate({ file, asksFirst, now: () => now })
  const access = createAccess({ file, apiKeys: [], joinToken, now: () => now, isSpent: gate.isSpent })
  const door = createDoor(access, gate, 'internal')
  return { gate, access, pass: (time: number) => (now = new Date(now.getTime() + time)), codeOf: (one: Hello) => door(one)?.code ?? null }
}

test('a removed device cannot return with the same token, under another name neither; who came with it before goes on', () => {
  const { gate, access, codeOf } = played({ joinToken: 'sesame' })
  const [bad, good] = [hello('bad', { token: 'sesame' }), hello('good', { token: 'sesame' })]
  expect([codeOf(bad), codeOf(good)]).toEqual([null, null])
  expect(gate.remove(shownDevice(bad), [shownDevice(good)])).toBe(true)
  expect(codeOf(bad)).toBe('device_removed')
  expect(codeOf(hello('another', { token: 'sesame' }))).toBe('device_removed')
  expect(codeOf(hello('bad', { secret: 'x'.repeat(40), token: 'sesame' }))).toBe('device_removed')
  expect(codeOf(good)).toBe(null)
  // Links have a new token, which lets new devices in, but not the one that was removed.
  const fresh = access.joinToken() ?? ''
  expect(fresh).not.toBe('sesame')
  expect([codeOf(hello('guest', { token: fresh })), codeOf({ ...bad, token: fresh })]).toEqual([null, 'device_removed'])
})

test('an invitation is spent with the device that came by it', () => {
  const { gate, access, codeOf } = played()
  const { secret } = access.make({
    kind: 'invite',
    name: 'Guest',
    scopes: [],
    limits: { requestsPerMinute: null, tokensPerMinute: null },
    expires: null,
  })
  const guest = hello('guest', { token: secret })
  expect(codeOf(guest)).toBe(null)
  gate.remove(shownDevice(guest), [])
  expect(codeOf(hello('again', { token: secret }))).toBe('device_removed')
  expect(codeOf(hello('other', { token: access.joinToken() ?? '' }))).toBe(null)
})

test('on an open server only the device itself is kept out', () => {
  const { gate, codeOf } = played()
  expect(gate.remove(shownDevice(hello('bad')), [])).toBe(false)
  expect([codeOf(hello('bad')), codeOf(hello('other'))]).toEqual(['device_removed', null])
})

test('a server that asks first lets a device wait until it is approved, remembers it, and forgets who does not come back', () => {
  const { gate, codeOf, pass } = played({ asksFirst: true })
  expect([codeOf(hello('new')), codeOf(hello('page', { role: 'client' })), codeOf(hello('own', { token: 'internal' }))]).toEqual([
    'device_waiting',
    null,
    null,
  ])
  expect(gate.waiting().map(({ name }) => name)).toEqual(['new'])
  expect([gate.approve('tab-new'), gate.approve('tab-nobody')]).toEqual([true, false])
  expect(codeOf(hello('new'))).toBe(null)
  // The id alone opens nothing.
  expect(codeOf(hello('new', { secret: 'y'.repeat(40) }))).toBe('device_waiting')
  pass(60_000)
  expect(gate.waiting()).toEqual([])
  expect(codeOf(hello('new'))).toBe(null)
})
