/** Faults of docs/faults.md that a signal server has to do with, by number, where no other test here has them. */
import { afterEach, expect, test } from 'vitest'
import { placementSchema } from '../../protocol/cluster.ts'
import { createTestPeer, emitUntyped, helloOf, isOnline, openSocket, startSignalServer, type SignalFixture } from '../conformance/signal-fixture.ts'

let fixture: SignalFixture | null = null
afterEach(() => fixture?.close())

const replyTo = async (url: string, hello: unknown): Promise<unknown> => {
  const socket = openSocket(url)
  socket.io.reconnection(false)
  const connected = new Promise<void>((resolve) => socket.once('connect', () => resolve()))
  socket.connect()
  await connected
  const reply = await new Promise((resolve) => emitUntyped(socket, 'hello', hello, resolve))
  socket.disconnect()
  return reply
}

test('28: names and ids that could break a page or a log are refused by rule; any other name is taken as the text it is', async () => {
  fixture = await startSignalServer()
  const { url, server } = fixture
  const refusedNames = ['<img src=x onerror=alert(1)>', 'a\u202egnp.exe', 'line\nbreak', '\u0000', '\u200e', 'x'.repeat(10_000), '']
  for (const name of refusedNames)
    expect(await replyTo(url, { ...helloOf('peer-a'), name })).toMatchObject({ ok: false, error: { code: 'invalid_value' } })
  for (const id of ['../../etc/passwd', '__proto__', 'Peer A', 'a', 'x'.repeat(65), 'constructor\n'])
    expect(await replyTo(url, { ...helloOf('peer-a'), id })).toMatchObject({ ok: false, error: { code: 'invalid_value' } })
  expect(server.peers()).toEqual([])
  for (const [i, name] of ['__proto__', '../..', 'Ärger & Söhne', '机器'].entries()) {
    const peer = createTestPeer(url, helloOf(`peer-${i}`, { name }))
    await peer.state(isOnline)
    expect(server.peers().find(({ id }) => id === peer.id)?.name).toBe(name)
    peer.close()
  }
})

test('38: a token that was revoked lets nobody back in: a connection that comes again is asked for it again', async () => {
  const revoked = new Set<string>()
  fixture = await startSignalServer({
    authorize: ({ token = '' }) => (revoked.has(token) ? { code: 'invalid_join_token', message: 'it was revoked' } : null),
  })
  const peer = createTestPeer(fixture.url, helloOf('peer-a', { token: 'rk_one' }))
  await peer.state(isOnline)
  revoked.add('rk_one')
  // What runs goes on; the connection breaks by itself.
  expect(peer.client.state().state).toBe('online')
  peer.socket.io.engine.close()
  expect(await peer.state(({ state }) => state === 'refused')).toMatchObject({ error: { code: 'invalid_join_token' } })
  expect(fixture.server.peers()).toEqual([])
  peer.close()
})

test('10: an event larger than the server takes closes its socket, and nothing of it is kept', async () => {
  fixture = await startSignalServer()
  const peer = createTestPeer(fixture.url, helloOf('peer-a', { role: 'device' }))
  await peer.state(isOnline)
  const closed = new Promise((resolve) => peer.socket.once('disconnect', resolve))
  emitUntyped(peer.socket, 'announce', { explanation: ['x'.repeat(600 * 1024)] })
  await closed
  expect(placementSchema.safeParse(fixture.server.placements()[0]).success).toBe(false)
  peer.close()
})
