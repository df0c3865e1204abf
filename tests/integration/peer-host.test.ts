/** Two peer hosts in Node over a real signal server, with the test as their engines. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createNodePeerHost } from '../../api-gateway/transport/node-peer-host.ts'
import { IDLE_STATUS } from '../../protocol/cluster.ts'
import { peerId } from '../../protocol/ids.ts'
import type { PeerHost } from '../../runtime/ports/peer-host.ts'
import type { EngineToHost, HostToEngine } from '../../runtime/ports/peer-port.ts'
import { helloOf, startSignalServer, type SignalFixture } from '../conformance/signal-fixture.ts'

type Engine = {
  readonly host: PeerHost
  readonly post: (message: EngineToHost) => void
  /** The first message, past or future, that satisfies the condition; it is taken out. */
  readonly next: (isWanted: (message: HostToEngine) => boolean) => Promise<HostToEngine>
}

const DEVICE = {
  role: 'local-device',
  capabilities: { backend: 'wasm', weightFormats: ['f32'], floatType: 'f32', memoryBytes: 1e9, threads: 1, hardware: 'test' },
} as const
const [A, B] = [peerId('peer-a'), peerId('peer-b')]
let fixture: SignalFixture
const hosts: PeerHost[] = []
beforeEach(async () => void (fixture = await startSignalServer()))
afterEach(async () => {
  for (const host of hosts.splice(0)) host.leave()
  await fixture.close()
})

function startEngine(id: string): Engine {
  const inbox: HostToEngine[] = []
  let look = (): void => undefined
  let post: (message: EngineToHost) => void = () => undefined
  const host = createNodePeerHost({
    url: fixture.url,
    hello: helloOf(id, DEVICE),
    port: {
      post: (message) => {
        inbox.push(message)
        look()
      },
      onMessage: (listener) => void (post = listener),
    },
    onConnection: () => undefined,
  })
  hosts.push(host)
  return {
    host,
    post: (message) => post(message),
    next: (isWanted) =>
      new Promise((resolve) => {
        look = () => {
          const place = inbox.findIndex(isWanted)
          const [message] = place < 0 ? [] : inbox.splice(place, 1)
          if (!message) return
          look = () => undefined
          resolve(message)
        }
        look()
      }),
  }
}

async function startBoth(): Promise<[Engine, Engine]> {
  const engines: [Engine, Engine] = [startEngine('peer-a'), startEngine('peer-b')]
  await Promise.all(engines.map((engine) => engine.next((message) => message.type === 'welcome')))
  if (!engines[0].host.view().peers.has(B))
    await engines[0].next((message) => message.type === 'cluster' && message.event.type === 'peer-joined' && message.event.peer.id === B)
  return engines
}

test('passes frames by relay, answers each send, and shows path and round trip on the roster', async () => {
  const [a, b] = await startBoth()
  a.post({ type: 'status', status: { ...IDLE_STATUS, state: 'serving' }, capabilities: DEVICE.capabilities })
  a.post({ type: 'send', ticket: 9, to: B, bytes: Uint8Array.of(1, 2, 3) })
  expect(await a.next((message) => message.type === 'sent')).toEqual({ type: 'sent', ticket: 9, error: null })
  expect(await a.next((message) => message.type === 'link')).toEqual({ type: 'link', peerId: B, path: 'relay', reason: '' })
  expect(await b.next((message) => message.type === 'frame')).toEqual({ type: 'frame', from: A, bytes: Uint8Array.of(1, 2, 3) })
  const update = await b.next(
    (message) =>
      message.type === 'cluster' &&
      message.event.type === 'peer-updated' &&
      message.event.id === A &&
      message.event.status.links.some((link) => link.rttMs !== null),
  )
  expect(update).toMatchObject({ event: { status: { state: 'serving', links: [{ peerId: B, path: 'relay' }] } } })
})

test('says why a frame could not be sent, and that a peer left', async () => {
  const [a, b] = await startBoth()
  a.post({ type: 'send', ticket: 1, to: peerId('nobody'), bytes: new Uint8Array(1) })
  expect(await a.next((message) => message.type === 'sent')).toMatchObject({ ticket: 1, error: { code: 'link_closed' } })
  a.post({ type: 'send', ticket: 2, to: B, bytes: new Uint8Array(1) })
  await b.next((message) => message.type === 'frame')
  b.host.leave()
  expect(await a.next((message) => message.type === 'link' && message.path === null)).toMatchObject({ peerId: B })
  await a.next((message) => message.type === 'cluster' && message.event.type === 'peer-left')
  a.post({ type: 'send', ticket: 3, to: B, bytes: new Uint8Array(1) })
  expect(await a.next((message) => message.type === 'sent' && message.ticket === 3)).toMatchObject({ error: { code: 'link_closed' } })
})

test('passes 200 frames of 40 kB in order', async () => {
  const [a, b] = await startBoth()
  for (let i = 0; i < 200; i++) a.post({ type: 'send', ticket: i, to: B, bytes: new Uint8Array(40_000).fill(i) })
  for (let i = 0; i < 200; i++) {
    const message = await b.next((candidate) => candidate.type === 'frame')
    expect(message.type === 'frame' ? [message.bytes.length, message.bytes[39_999]] : null).toEqual([40_000, i % 256])
  }
})
