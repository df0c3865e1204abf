/** Hostile payloads into every event of the signal server: typed refusals, and the server goes on for everyone else. */
import { expect, test } from 'vitest'
import { createTestPeer, emitUntyped, helloOf, isOnline, openSocket, startSignalServer, type RawSocket } from '../conformance/signal-fixture.ts'

const EVENTS = ['hello', 'update', 'negotiate', 'relay', 'announce', 'wish', 'unwish', 'leave', 'no-such-event', '__proto__', 'constructor'] as const

/** Linear congruential generator of Numerical Recipes: the same attacks in every run. */
function seeded(seed: number): () => number {
  let state = seed
  return () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32
}
const deep = (levels: number): unknown => (levels === 0 ? 'bottom' : { next: deep(levels - 1) })

const HOSTILE: readonly unknown[] = [
  null,
  '',
  0,
  -1,
  1e308,
  [],
  {},
  true,
  'x'.repeat(100_000),
  '../../etc/passwd',
  '<script>alert(1)</script>',
  '\u202egnp.exe',
  '\ud800',
  new Uint8Array(0),
  new Uint8Array(50_000).fill(255),
  deep(200),
  Array.from({ length: 20_000 }, (_, i) => i),
  JSON.parse('{"__proto__": {"polluted": true}, "constructor": {"prototype": {"polluted": true}}}'),
  helloOf('fuzzer'),
  { ...helloOf('fuzzer'), name: 'a\nb' },
  { ...helloOf('fuzzer'), capabilities: { memoryBytes: -1 } },
  { ...helloOf('fuzzer'), version: NaN },
  { peerId: 'peer-a', attempt: 'x', kind: 'offer', payload: 'y'.repeat(70_000) },
  { status: { state: 'serving', shards: [{}], links: 'many' }, capabilities: null },
  { _placeholder: true, num: 7 },
]

const ended = (socket: RawSocket): Promise<void> => new Promise((resolve) => socket.once('disconnect', () => resolve()))
const connected = (socket: RawSocket): Promise<void> => new Promise((resolve) => socket.once('connect', resolve))

test('33: 3000 hostile events crash nothing, pollute nothing and change nothing for others', async () => {
  const fixture = await startSignalServer()
  const witness = createTestPeer(fixture.url, helloOf('witness'))
  await witness.state(isOnline)
  const random = seeded(11)
  const pick = <T>(list: readonly T[]): T | undefined => list[Math.floor(random() * list.length)]
  for (let round = 0; round < 60; round++) {
    const socket = openSocket(fixture.url)
    socket.io.reconnection(false)
    socket.connect()
    await connected(socket)
    // Half of the attackers are members, so that their events pass the first gate.
    if (round % 2 === 0) await new Promise((resolve) => emitUntyped(socket, 'hello', helloOf(`attacker-${round}`), resolve))
    const end = ended(socket)
    for (let i = 0; i < 50 && socket.connected; i++) {
      const args = Array.from({ length: Math.floor(random() * 4) }, () => pick(HOSTILE))
      emitUntyped(socket, pick(EVENTS) ?? 'hello', ...args, ...(random() < 0.5 ? [() => undefined] : []))
    }
    emitUntyped(socket, 'leave')
    socket.disconnect()
    await end
  }
  expect(await witness.client.relay(witness.id, new Uint8Array(1))).toBeNull()
  expect(Reflect.get({}, 'polluted')).toBeUndefined()
  expect(fixture.server.wishes()).toEqual([])
  expect(fixture.server.placements()).toEqual([])
  await witness.seen((client) => [...client.view().peers.keys()].every((id) => id === witness.id))
  witness.close()
  await fixture.close()
}, 60_000)

test('34: raw garbage on the socket closes that socket only', async () => {
  const fixture = await startSignalServer()
  const witness = createTestPeer(fixture.url, helloOf('witness'))
  await witness.state(isOnline)
  const packets = [
    '2',
    '2[',
    '2["hello"',
    '51-["relay",{"_placeholder":true,"num":9}]',
    '29999999999999999999["hello",{}]',
    '42["hello"]',
    '9',
    'b4',
    '2[null]',
    '2{"a":1}',
    '3-1[]',
    '\u0000',
    '2' + '['.repeat(5000),
  ]
  for (const packet of packets) {
    const socket = openSocket(fixture.url)
    socket.io.reconnection(false)
    socket.connect()
    await connected(socket)
    const end = ended(socket)
    socket.io.engine.write(packet)
    socket.io.engine.write('1')
    socket.disconnect()
    await end
  }
  const tooLarge = openSocket(fixture.url)
  tooLarge.io.reconnection(false)
  tooLarge.connect()
  await connected(tooLarge)
  const end = ended(tooLarge)
  emitUntyped(tooLarge, 'hello', 'x'.repeat(2_000_000))
  await end
  expect(await witness.client.relay(witness.id, new Uint8Array(1))).toBeNull()
  witness.close()
  await fixture.close()
}, 30_000)
