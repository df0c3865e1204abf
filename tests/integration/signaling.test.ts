/** The signal server over real sockets, through the client that peers use. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Placement, Wish } from '../../protocol/cluster.ts'
import { IDLE_STATUS } from '../../protocol/cluster.ts'
import type { WireError } from '../../protocol/errors.ts'
import { modelId } from '../../protocol/ids.ts'
import { LINK_HIGH_WATER_BYTES, MAX_MESSAGE_BYTES } from '../../protocol/limits.ts'
import type { Hello, HelloReply, Negotiation } from '../../protocol/signaling.ts'
import { PROTOCOL_VERSION } from '../../protocol/version.ts'
import {
  createTestPeer,
  emitUntyped,
  helloOf,
  isOnline,
  openSocket,
  startSignalServer,
  type RawSocket,
  type SignalFixture,
  type TestPeer,
} from '../conformance/signal-fixture.ts'

const EMBER = modelId('ember')
const DEVICE = {
  role: 'device',
  capabilities: { backend: 'wasm', weightFormats: ['f32'], floatType: 'f32', memoryBytes: 1e9, threads: 1, hardware: 'test' },
} as const
const wish: Wish = {
  model: EMBER,
  source: '/models/ember',
  strategy: 'memory-weighted',
  quality: 'balanced',
  minDevices: 1,
  maxDevices: 4,
  contextLength: null,
  localDevice: 'withdraw',
  state: 'serve',
}
const placementOf = (announcer: TestPeer, epoch: number): Placement => ({
  model: EMBER,
  source: '/models/ember',
  epoch,
  strategy: 'memory-weighted',
  quality: 'balanced',
  announcer: announcer.id,
  numLayers: 4,
  contextLength: 256,
  handoff: 'f32',
  shards: [{ peerId: announcer.id, startLayer: 0, endLayer: 4, first: true, last: true, weightFormat: 'f32' }],
  spares: [],
  explanation: [],
  problem: null,
})

let fixture: SignalFixture
let cleanups: (() => void | Promise<void>)[] = []
beforeEach(async () => {
  fixture = await startSignalServer({
    helloTimeoutMs: 200,
    authorize: (hello) => (hello.token === 'wrong' ? { code: 'invalid_join_token', message: 'ask the owner' } : null),
  })
  cleanups = [() => fixture.close()]
})
afterEach(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup()
})

function peer(id: string, more: Partial<Hello> = {}, handlers: Parameters<typeof createTestPeer>[2] = {}): TestPeer {
  const made = createTestPeer(fixture.url, helloOf(id, more), handlers)
  cleanups.push(made.close)
  return made
}
function rawSocket(): RawSocket {
  const socket = openSocket(fixture.url)
  cleanups.push(() => void socket.disconnect())
  return socket
}
const next = (socket: RawSocket, event: 'connect' | 'disconnect' | 'connect_error' | 'refused'): Promise<unknown> =>
  new Promise((resolve) => socket.once(event, resolve))
async function say(socket: RawSocket, hello: unknown): Promise<HelloReply> {
  socket.connect()
  await next(socket, 'connect')
  return new Promise((resolve) => emitUntyped(socket, 'hello', hello, resolve))
}

describe('hello', () => {
  test('11: of another protocol version is answered in words and closed', async () => {
    const socket = rawSocket()
    const closed = next(socket, 'disconnect')
    const reply = await say(socket, { version: PROTOCOL_VERSION + 1, anything: 'else' })
    expect(reply).toMatchObject({ ok: false, error: { code: 'protocol_version_mismatch', message: expect.stringContaining('reload') } })
    expect(await closed).toBe('io server disconnect')
  })
  test('with a wrong join token is refused for good', async () => {
    const refused = peer('peer-a', { token: 'wrong' })
    expect(await refused.state((state) => state.state === 'refused')).toMatchObject({
      error: { code: 'invalid_join_token', message: 'ask the owner' },
    })
    expect(refused.socket.connected).toBe(false)
  })
  test('must be the first event, and come in time', async () => {
    const [early, silent] = [rawSocket(), rawSocket()]
    early.connect()
    await next(early, 'connect')
    const refused = next(early, 'refused')
    early.emit('unwish', EMBER)
    expect(await refused).toMatchObject({ code: 'invalid_value', message: expect.stringContaining('before hello') })
    silent.connect()
    expect(await next(silent, 'refused')).toMatchObject({ code: 'deadline_exceeded' })
  })
  test('12: of an id that is taken is refused with another secret; with the same it replaces the old socket', async () => {
    const first = peer('peer-a')
    await first.state(isOnline)
    const thief = peer('peer-a', { secret: 'another secret'.padEnd(32, '.') })
    expect(await thief.state((state) => state.state === 'refused')).toMatchObject({ error: { code: 'peer_id_taken' } })
    const joined = fixture.server.peers()[0]?.joined
    const second = peer('peer-a')
    await second.state(isOnline)
    expect(await first.state((state) => state.state === 'refused')).toMatchObject({ error: { code: 'peer_id_taken' } })
    expect(fixture.server.peers()).toMatchObject([{ id: 'peer-a', joined }])
    expect(second.client.state().state).toBe('online')
  })
  test('said again turns a client into a device, in its new place in the order', async () => {
    const a = peer('peer-a')
    const b = peer('peer-b', DEVICE)
    await Promise.all([a, b].map((each) => each.state(isOnline)))
    a.client.rename(helloOf('peer-a', DEVICE))
    await b.seen((client) => client.view().peers.get(a.id)?.role === 'device')
    const [joinedA, joinedB] = [a.id, b.id].map((id) => fixture.server.peers().find((entry) => entry.id === id)?.joined)
    expect(joinedA).toBeGreaterThan(joinedB ?? Infinity)
  })
})

describe('roster', () => {
  test('tells joins, status and goodbyes as changes', async () => {
    const a = peer('peer-a')
    await a.state(isOnline)
    const b = peer('peer-b', DEVICE)
    await a.seen((client) => client.view().peers.has(b.id))
    b.client.publish({ ...IDLE_STATUS, sequences: 3 }, DEVICE.capabilities)
    await a.seen((client) => client.view().peers.get(b.id)?.status.sequences === 3)
    b.client.leave()
    await a.seen((client) => !client.view().peers.has(b.id))
  })
  test('tells at once that a connection broke, and that the peer is back', async () => {
    const [a, b] = [peer('peer-a'), peer('peer-b')]
    await Promise.all([a, b].map((each) => each.state(isOnline)))
    await a.seen((client) => client.view().peers.has(b.id))
    b.socket.io.engine.close()
    await a.seen((client) => !client.view().peers.has(b.id))
    await a.seen((client) => client.view().peers.has(b.id))
  })
})

describe('wishes and placements', () => {
  test("keep the newest; older epochs, strangers' names and clients are refused", async () => {
    const refusals: WireError[] = []
    const onRefused = (error: WireError): number => refusals.push(error)
    const [a, b] = [peer('peer-a', DEVICE, { onRefused }), peer('peer-b', {}, { onRefused })]
    await Promise.all([a, b].map((each) => each.state(isOnline)))
    b.client.wish(wish)
    await a.seen((client) => client.view().wishes.has(EMBER))
    a.client.announce(placementOf(a, 2))
    await b.seen((client) => client.view().placements.get(EMBER)?.epoch === 2)
    b.client.announce(placementOf(b, 3))
    a.client.announce(placementOf(b, 4))
    a.client.announce(placementOf(a, 1))
    a.client.announce(placementOf(a, 5))
    await Promise.all([a, b].map((each) => each.seen((client) => client.view().placements.get(EMBER)?.epoch === 5)))
    expect(refusals.map((error) => error.message).toSorted()).toEqual([
      'epoch 1 of ember is not newer than 2',
      'only devices announce placements',
      'the placement names peer-b as its announcer, peer-a sent it',
    ])
    b.client.unwish(EMBER)
    await a.seen((client) => !client.view().wishes.has(EMBER) && !client.view().placements.has(EMBER))
  })
  test('13: are stated anew by the peers after the server has restarted', async () => {
    const [a, b] = [peer('peer-a', DEVICE), peer('peer-b')]
    await Promise.all([a, b].map((each) => each.state(isOnline)))
    b.client.wish(wish)
    a.client.announce(placementOf(a, 7))
    a.client.publish({ ...IDLE_STATUS, state: 'serving' }, DEVICE.capabilities)
    await b.seen((client) => client.view().placements.has(EMBER) && client.view().peers.get(a.id)?.status.state === 'serving')
    const { port } = fixture
    await fixture.close()
    await b.state((state) => state.state === 'offline')
    const restarted = await startSignalServer({}, port)
    cleanups.push(() => restarted.close())
    const c = createTestPeer(restarted.url, helloOf('peer-c'))
    cleanups.push(c.close)
    await c.seen(
      (client) =>
        client.view().wishes.has(EMBER) &&
        client.view().placements.get(EMBER)?.epoch === 7 &&
        client.view().peers.get(a.id)?.status.state === 'serving',
    )
  })
})

describe('negotiation and relay', () => {
  test("35: a negotiation reaches the other peer under the sender's true id", async () => {
    const received: Negotiation[] = []
    let arrived = (): void => undefined
    const arrival = new Promise<void>((resolve) => (arrived = resolve))
    const a = peer('peer-a')
    const b = peer('peer-b', {}, { onNegotiation: (negotiation) => (received.push(negotiation), arrived()) })
    await Promise.all([a, b].map((each) => each.state(isOnline)))
    a.client.negotiate({ peerId: b.id, attempt: 'one', kind: 'offer', payload: '{}' })
    await arrival
    expect(received).toEqual([{ peerId: a.id, attempt: 'one', kind: 'offer', payload: '{}' }])
  })
  test('an unknown peer and an oversized message are refused by type', async () => {
    const [a, b] = [peer('peer-a'), peer('peer-b')]
    await Promise.all([a, b].map((each) => each.state(isOnline)))
    expect(await a.client.relay(helloOf('nobody').id, new Uint8Array(1))).toMatchObject({ code: 'link_closed' })
    expect(await a.client.relay(b.id, new Uint8Array(MAX_MESSAGE_BYTES + 1))).toMatchObject({ code: 'frame_too_large' })
    b.close()
    await a.seen((client) => !client.view().peers.has(b.id))
    expect(await a.client.relay(b.id, new Uint8Array(1))).toMatchObject({ code: 'link_closed' })
  })
  test('acknowledgements wait for a recipient that does not read', async () => {
    const total = 1000
    let received = 0
    let allReceived = (): void => undefined
    const arrival = new Promise<void>((resolve) => (allReceived = resolve))
    const onRelay = (): void => void (++received === total && allReceived())
    const [a, b] = [peer('peer-a'), peer('peer-b', {}, { onRelay })]
    await Promise.all([a, b].map((each) => each.state(isOnline)))
    // The TCP connection under the recipient's WebSocket stops reading.
    const tcp: { pause: () => void; resume: () => void } = Reflect.get(Reflect.get(b.socket.io.engine.transport, 'ws'), '_socket')
    tcp.pause()
    const slice = new Uint8Array(MAX_MESSAGE_BYTES)
    let acknowledged = 0
    const acks = Array.from({ length: total }, () => a.client.relay(b.id, slice).then((error) => void (acknowledged += error === null ? 1 : 0)))
    // What the sender asks the server next is answered behind what the server could acknowledge.
    await a.client.relay(helloOf('nobody').id, new Uint8Array(1))
    // Beyond the water mark only the kernel's socket buffers take more.
    const kernelBytes = 8 * 1024 * 1024
    expect(acknowledged * slice.length).toBeLessThan(LINK_HIGH_WATER_BYTES + kernelBytes)
    expect(acknowledged).toBeLessThan(total)
    tcp.resume()
    await Promise.all(acks)
    expect(acknowledged).toBe(total)
    await arrival
  })
})

describe('hostile pages and floods', () => {
  test.each([
    ['http://evil.example', 'refused'],
    ['null', 'refused'],
    ['own', 'let in'],
  ])('31: origin %s is %s', async (origin, expected) => {
    const socket = rawSocket()
    socket.io.opts.extraHeaders = { origin: origin === 'own' ? fixture.url : origin }
    const outcome = Promise.race([next(socket, 'connect').then(() => 'let in'), next(socket, 'connect_error').then(() => 'refused')])
    socket.connect()
    expect(await outcome).toBe(expected)
  })
  test('34: a flood of events is refused, then dismissed; others go on', async () => {
    const [a, flooder] = [peer('peer-a'), peer('flooder')]
    await Promise.all([a, flooder].map((each) => each.state(isOnline)))
    const gone = next(flooder.socket, 'disconnect')
    for (let i = 0; i < 2000; i++) flooder.socket.emit('negotiate', { peerId: a.id, attempt: 'x', kind: 'candidate', payload: '' })
    expect(await gone).toBe('io server disconnect')
    expect(await a.client.relay(a.id, new Uint8Array(1))).toBeNull()
  })
})
