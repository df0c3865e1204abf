/** What whoever runs the cluster asks of a device, over HTTP and signaling: paused, removed, let in; and a device that has gone without a word. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { io, type Socket } from 'socket.io-client'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createLog } from '../../api-gateway/log.ts'
import { parseOptions } from '../../api-gateway/options.ts'
import { startServer, type RunningServer } from '../../api-gateway/serve.ts'
import { peerId } from '../../protocol/ids.ts'
import { PROTOCOL_VERSION } from '../../protocol/version.ts'
import { HEARTBEAT } from '../../signal-server/signal-server.ts'
import { createTestPeer, helloOf, startSignalServer } from '../conformance/signal-fixture.ts'

let home = ''
const closers: (() => unknown)[] = []
beforeEach(() => (home = mkdtempSync(path.join(tmpdir(), 'ringlet-devices-'))))
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
  rmSync(home, { recursive: true, force: true })
})

async function start(...args: readonly string[]): Promise<RunningServer> {
  const server = await startServer(parseOptions(['--port', '0', '--no-local-device', ...args], { RINGLET_HOME: home }), { log: createLog('silent') })
  closers.push(server.close)
  return server
}

type Reply = { readonly ok: boolean; readonly error?: { readonly code: string } }
async function join(url: string, name: string, token?: string): Promise<{ readonly socket: Socket; readonly reply: Reply }> {
  const socket = io(url, { transports: ['websocket'], forceNew: true, reconnection: false })
  closers.push(() => socket.disconnect())
  const hello = {
    version: PROTOCOL_VERSION,
    id: peerId(`tab-${name}`),
    secret: name.padEnd(40, 's'),
    name,
    role: 'device',
    capabilities: null,
    ...(token ? { token } : {}),
  }
  const reply = await new Promise<Reply>((resolve) => socket.emit('hello', hello, resolve))
  return { socket, reply }
}
const heard = (socket: Socket, event: string): Promise<unknown> => new Promise((resolve) => socket.once(event, resolve))
const call = async (url: string, method: string, route: string, body?: unknown, key?: string) => {
  const response = await fetch(url + route, {
    method,
    headers: { ...(body ? { 'content-type': 'application/json' } : {}), ...(key ? { authorization: `Bearer ${key}` } : {}) },
    ...(body ? { body: JSON.stringify(body) } : {}),
  })
  const answer = (await response.json()) as { readonly error?: { readonly code: string } }
  return { status: response.status, code: answer.error?.code ?? null }
}

test('O10: a device is told to pause, and to go on; one that is not here is refused by name', async () => {
  const { url } = await start()
  const { socket } = await join(url, 'phone')
  const order = heard(socket, 'order')
  expect(await call(url, 'PATCH', '/v1/cluster/devices/tab-phone', { state: 'paused' })).toEqual({ status: 200, code: null })
  expect(await order).toEqual({ type: 'pause', paused: true })
  const next = heard(socket, 'order')
  await call(url, 'PATCH', '/v1/cluster/devices/tab-phone', { state: 'lending' })
  expect(await next).toEqual({ type: 'pause', paused: false })
  expect(await call(url, 'PATCH', '/v1/cluster/devices/tab-nobody', { state: 'paused' })).toEqual({ status: 404, code: 'route_not_found' })
  expect(await call(url, 'PATCH', '/v1/cluster/devices/tab-phone', { state: 'asleep' })).toEqual({ status: 400, code: 'invalid_value' })
  expect(await call(url, 'PATCH', '/v1/cluster/devices/tab-phone', { state: 'approved' })).toEqual({ status: 404, code: 'route_not_found' })
})

test('O11: a removed device is dismissed and cannot return with the same token, as another device neither; the others stay', async () => {
  const server = await start('--join-token', 'sesame')
  const { url } = server
  const [bad, good] = [await join(url, 'bad', 'sesame'), await join(url, 'good', 'sesame')]
  const dismissal = heard(bad.socket, 'refused')
  expect(await call(url, 'DELETE', '/v1/cluster/devices/tab-bad')).toEqual({ status: 200, code: null })
  expect(await dismissal).toMatchObject({ code: 'device_removed' })
  expect([...server.view().peers.keys()].some((id) => id === 'tab-bad')).toBe(false)
  for (const name of ['bad', 'fresh']) expect((await join(url, name, 'sesame')).reply).toMatchObject({ ok: false, error: { code: 'device_removed' } })
  good.socket.disconnect()
  expect((await join(url, 'good', 'sesame')).reply.ok).toBe(true)
  expect(server.joinToken()).not.toBe('sesame')
  expect((await join(url, 'guest', server.joinToken() ?? '')).reply.ok).toBe(true)
})

test('O11: with --approve a device waits until it is let in', async () => {
  const { url } = await start('--approve')
  expect((await join(url, 'new')).reply).toMatchObject({ ok: false, error: { code: 'device_waiting' } })
  const { waiting } = (await (await fetch(`${url}/v1/cluster/devices`)).json()) as {
    readonly waiting: readonly { readonly id: string; readonly name: string }[]
  }
  expect(waiting).toMatchObject([{ id: 'tab-new', name: 'new' }])
  expect(await call(url, 'PATCH', '/v1/cluster/devices/tab-new', { state: 'approved' })).toEqual({ status: 200, code: null })
  expect((await join(url, 'new')).reply.ok).toBe(true)
})

test('O8, O10, O11: these need the scope of the cluster', async () => {
  const { url } = await start('--api-key', 'owner')
  const made = (await (
    await fetch(`${url}/v1/keys`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: 'Bearer owner' },
      body: JSON.stringify({ name: 'chat', scopes: ['inference'] }),
    })
  ).json()) as { readonly secret: string }
  for (const [method, route, body] of [
    ['GET', '/v1/cluster/devices', undefined],
    ['GET', '/v1/cluster/addresses', undefined],
    ['PATCH', '/v1/cluster/devices/tab-x', { state: 'paused' }],
    ['DELETE', '/v1/cluster/devices/tab-x', undefined],
  ] as const) {
    expect([route, await call(url, method, route, body)]).toEqual([route, { status: 401, code: 'invalid_api_key' }])
    expect([route, await call(url, method, route, body, made.secret)]).toEqual([route, { status: 403, code: 'insufficient_scope' }])
  }
})

test('O6: a device whose machine has gone without a word vanishes from the roster, within 30 s', async () => {
  expect(HEARTBEAT.pingInterval + HEARTBEAT.pingTimeout).toBeLessThanOrEqual(30_000)
  const fixture = await startSignalServer({ heartbeat: { pingInterval: 50, pingTimeout: 50 } })
  closers.push(fixture.close)
  const { socket } = await join(fixture.url, 'ghost')
  const watcher = createTestPeer(fixture.url, helloOf('tab-watcher'))
  closers.push(watcher.close)
  await watcher.seen((client) => client.view().peers.has(peerId('tab-ghost')))
  // Its socket stays open and nothing of it answers, as of a machine that sleeps.
  Reflect.set(socket.io.engine, '_sendPacket', () => undefined)
  await watcher.seen((client) => !client.view().peers.has(peerId('tab-ghost')))
  expect([...watcher.client.view().peers.keys()]).toEqual(['tab-watcher'])
})
