/** Ten thousand mutated events of signaling, half of them to the server and half from it: typed refusals, counted, and no state changes. */
import { expect, test } from 'vitest'
import type { z } from 'zod'
import { createSignalClient, type SignalSocket } from '../../core/cluster/signal-client.ts'
import { createManualClock } from '../../core/link/manual-clock.ts'
import { IDLE_STATUS, modelIdSchema, placementSchema, wishSchema, type Placement, type Wish } from '../../protocol/cluster.ts'
import { modelId, peerId } from '../../protocol/ids.ts'
import { clusterEventsSchema, negotiationSchema, selfUpdateSchema, type ClusterEvent, type Welcome } from '../../protocol/signaling.ts'
import { createTestPeer, emitUntyped, helloOf, isOnline, openSocket, startSignalServer } from '../conformance/signal-fixture.ts'
import { mutateJson } from '../harness/mutate-json.ts'
import { seededRandom } from '../simulator/seeded-random.ts'

const EACH_WAY = 5_000
const EMBER = modelId('ember')
const WISH: Wish = {
  model: EMBER,
  source: '/models/ember',
  strategy: 'memory-weighted',
  quality: 'balanced',
  minDevices: 1,
  maxDevices: 3,
  contextLength: null,
  localDevice: 'withdraw',
  state: 'serve',
}
const placementOf = (announcer: string): Placement => ({
  model: EMBER,
  source: '/models/ember',
  epoch: 7,
  strategy: 'memory-weighted',
  quality: 'balanced',
  announcer: peerId(announcer),
  numLayers: 8,
  contextLength: 512,
  handoff: 'f16',
  shards: [{ peerId: peerId(announcer), startLayer: 0, endLayer: 8, first: true, last: true, weightFormat: 'int8' }],
  spares: [],
  explanation: ['by memory'],
  problem: null,
})
const CAPABILITIES = { backend: 'simd', weightFormats: ['int8'], floatType: 'f32', memoryBytes: 1000, threads: 1, hardware: 'x' }
const NEGOTIATION = { peerId: 'witness', attempt: 'a-1', kind: 'offer', payload: '{}' }

/** What a member may send, and what the server's schema makes of it: what still passes after a change is no attack. */
const SENT: readonly (readonly [event: string, message: unknown, schema: z.ZodType])[] = [
  ['update', { status: { ...IDLE_STATUS, state: 'serving' }, capabilities: CAPABILITIES }, selfUpdateSchema],
  ['negotiate', NEGOTIATION, negotiationSchema],
  ['announce', placementOf('attacker'), placementSchema],
  ['wish', WISH, wishSchema],
  ['unwish', 'ember', modelIdSchema],
]

test(`34: ${EACH_WAY} mutated events to the server are refused, counted, and change nothing`, { timeout: 120_000 }, async () => {
  const fixture = await startSignalServer()
  const witness = createTestPeer(fixture.url, helloOf('witness', { role: 'device' }))
  await witness.state(isOnline)
  witness.client.wish(WISH)
  witness.client.announce(placementOf('witness'))
  await witness.seen((client) => client.view().placements.has(EMBER))
  const before = JSON.stringify([fixture.server.wishes(), fixture.server.placements()])
  const random = seededRandom(5)
  let [sent, unknown] = [0, 0]
  for (let round = 0; sent < EACH_WAY; round++) {
    const socket = openSocket(fixture.url)
    socket.io.reconnection(false)
    const ended = new Promise<void>((resolve) => socket.once('disconnect', () => resolve()))
    const connected = new Promise<void>((resolve) => socket.once('connect', resolve))
    socket.connect()
    await connected
    await new Promise((resolve) => emitUntyped(socket, 'hello', helloOf(`attacker-${round}`), resolve))
    // A socket is dismissed after a hundred refusals: each sends fewer, so that every event is answered.
    for (let i = 0; i < 90 && sent < EACH_WAY;) {
      const [event, message, schema] = SENT[Math.floor(random() * SENT.length)] ?? SENT[0] ?? ['wish', WISH, wishSchema]
      const mutated = mutateJson(message, random)
      const isUnknown = random() < 0.05
      if (!isUnknown && schema.safeParse(mutated).success) continue
      emitUntyped(socket, isUnknown ? `${event}-x` : event, mutated)
      unknown += Number(isUnknown)
      sent += 1
      i += 1
    }
    emitUntyped(socket, 'leave')
    await ended
  }
  expect(fixture.server.refusals()).toBe(EACH_WAY)
  expect(unknown).toBeGreaterThan(100)
  expect(JSON.stringify([fixture.server.wishes(), fixture.server.placements()])).toBe(before)
  await witness.seen((client) => client.view().peers.size === 1)
  expect(await witness.client.relay(witness.id, new Uint8Array(1))).toBeNull()
  expect(Reflect.get({}, 'polluted')).toBeUndefined()
  witness.close()
  await fixture.close()
})

/** A socket whose other end is the test. */
function scriptedSocket(welcome: Welcome) {
  const listeners = new Map<string, ((...args: readonly unknown[]) => void)[]>()
  const fire = (event: string, ...args: readonly unknown[]): void => listeners.get(event)?.forEach((listener) => listener(...args))
  const socket: SignalSocket = {
    connect: () => fire('connect'),
    disconnect: () => fire('disconnect', 'io client disconnect'),
    on: (event, listener) => void listeners.set(event, [...(listeners.get(event) ?? []), listener]),
    emit: (event, ...args: readonly unknown[]) => {
      const reply = args.at(-1)
      if (event === 'hello' && typeof reply === 'function') reply(welcome)
    },
  }
  return { socket, fire }
}

test(`34: ${EACH_WAY} mutated events from the server change nothing that a peer sees, and are counted`, () => {
  const witness = { id: peerId('witness'), name: 'w', role: 'device', joined: 0, capabilities: null, status: IDLE_STATUS } as const
  const welcome: Welcome = { ok: true, server: 'run-1', peers: [witness], wishes: [WISH], placements: [placementOf('witness')], iceServers: [] }
  const events: readonly ClusterEvent[] = [
    { type: 'peer-joined', peer: { ...witness, id: peerId('other') } },
    { type: 'peer-updated', id: peerId('witness'), status: { ...IDLE_STATUS, state: 'serving' }, capabilities: null },
    { type: 'peer-left', id: peerId('witness') },
    { type: 'wish-set', wish: { ...WISH, maxDevices: 2 } },
    { type: 'wish-dropped', model: EMBER },
    { type: 'placement', placement: { ...placementOf('witness'), epoch: 8 } },
    { type: 'crowd', unseen: 3 },
  ]
  const { socket, fire } = scriptedSocket(welcome)
  let heard = 0
  const hear = (): void => void (heard += 1)
  const client = createSignalClient({
    socket,
    hello: helloOf('self-1'),
    clock: createManualClock(),
    onState: () => undefined,
    onWelcome: () => undefined,
    onEvent: hear,
    onNegotiation: hear,
    onRelay: hear,
    onRefused: () => undefined,
  })
  socket.connect()
  const before = client.view()
  const random = seededRandom(6)
  let sent = 0
  while (sent < EACH_WAY) {
    const kind = Math.floor(random() * 9)
    if (kind < events.length) {
      const mutated = mutateJson([events[kind], events[(kind + 1) % events.length]], random)
      if (clusterEventsSchema.safeParse(mutated).success) continue
      fire('cluster', mutated)
    } else if (kind === events.length) {
      const mutated = mutateJson(NEGOTIATION, random)
      if (negotiationSchema.safeParse(mutated).success) continue
      fire('negotiate', mutated)
    } else fire('relay', mutateJson('witness', random), mutateJson({ bytes: [1, 2] }, random))
    sent += 1
  }
  expect(client.view()).toBe(before)
  expect([heard, client.malformed(), client.state().state]).toEqual([0, EACH_WAY, 'online'])
  fire('cluster', [events[0]])
  expect([heard, client.view().peers.size]).toEqual([1, 2])
  client.leave()
})

test('every mutated answer to hello is refused in words, or is still a welcome', () => {
  const welcome: Welcome = { ok: true, server: 'run-1', peers: [], wishes: [WISH], placements: [], iceServers: [{ urls: 'stun:a.example' }] }
  const random = seededRandom(7)
  const states = new Set<string>()
  for (let i = 0; i < 1_000; i++) {
    const { socket } = scriptedSocket(welcome)
    const broken: SignalSocket = {
      ...socket,
      emit: (event, ...args: readonly unknown[]) => {
        const reply = args.at(-1)
        if (event === 'hello' && typeof reply === 'function') reply(mutateJson(welcome, random))
      },
    }
    const client = createSignalClient({
      socket: broken,
      hello: helloOf('self-1'),
      clock: createManualClock(),
      onState: (state) => states.add(state.state),
      onWelcome: () => undefined,
      onEvent: () => undefined,
      onNegotiation: () => undefined,
      onRelay: () => undefined,
      onRefused: () => undefined,
    })
    socket.connect()
    expect(['online', 'refused']).toContain(client.state().state)
    client.leave()
  }
  expect(states).toContain('refused')
})
