/** Hundreds of lending pages at once, over real sockets: what each is told does not grow with how many others there are. */
import { expect, test } from 'vitest'
import { IDLE_STATUS, type PeerStatus } from '../../protocol/cluster.ts'
import { modelId, peerId } from '../../protocol/ids.ts'
import { SEEN_OF_EACH } from '../../signal-server/crowd.ts'
import { createTestPeer, helloOf, isOnline, openSocket, startSignalServer, type RawSocket } from '../conformance/signal-fixture.ts'

const DEVICE = {
  role: 'device',
  capabilities: { backend: 'wasm', weightFormats: ['f32'], floatType: 'f32', memoryBytes: 1e9, threads: 1, hardware: 'test' },
} as const
const STATUSES = 3

/** `lines`: what is said of one peer each. */
type Page = { readonly socket: RawSocket; readonly heard: { messages: number; lines: number }; readonly peers: Set<string> }

async function openPage(url: string, name: string): Promise<Page> {
  const socket = openSocket(url)
  const page: Page = { socket, heard: { messages: 0, lines: 0 }, peers: new Set() }
  const count = (lines: readonly unknown[]): void => {
    page.heard.messages += 1
    page.heard.lines += lines.length
  }
  socket.on('cluster', (events) => {
    if (!Array.isArray(events)) throw new Error('events come in lists')
    count(events)
    for (const event of events) if (event.type === 'peer-joined') page.peers.add(event.peer.id)
  })
  socket.connect()
  await new Promise<void>((resolve) => socket.once('connect', () => resolve()))
  await new Promise<void>((resolve) =>
    socket.emit('hello', helloOf(name, DEVICE), (reply) => {
      if (!reply.ok) throw new Error(reply.error.message)
      count(reply.peers)
      for (const { id } of reply.peers) page.peers.add(id)
      resolve()
    }),
  )
  return page
}

/** As many pages connect at once, and each tells its status a few times. */
async function crowdOf(size: number) {
  const fixture = await startSignalServer()
  const gateway = createTestPeer(fixture.url, helloOf('gateway', { role: 'gateway' }))
  await gateway.state(isOnline)
  const pages = await Promise.all(Array.from({ length: size }, (_, i) => openPage(fixture.url, `page-${i}`)))
  for (let round = 1; round <= STATUSES; round++) {
    const status: PeerStatus = { ...IDLE_STATUS, framesHandled: round }
    for (const { socket } of pages) socket.emit('update', { status, capabilities: DEVICE.capabilities })
    await gateway.seen(({ view }) => pages.every((_, i) => view().peers.get(peerId(`page-${i}`))?.status.framesHandled === round))
  }
  return { fixture, gateway, pages }
}
type OpenCrowd = Awaited<ReturnType<typeof crowdOf>>

async function close({ fixture, gateway, pages }: OpenCrowd): Promise<void> {
  for (const { socket } of pages) socket.disconnect()
  gateway.close()
  await fixture.close()
}
test('22: what 300 lending pages at once are told grows with their number, not with its square', { timeout: 120_000 }, async () => {
  const size = 300
  const crowd = await crowdOf(size)
  const isInSight = ({ peers }: Page): boolean => peers.size > 2 * SEEN_OF_EACH + 2
  const others = crowd.pages.filter((page) => !isInSight(page))
  expect(others.length).toBe(size - SEEN_OF_EACH)
  // Of itself and of each in sight: that it is there, that it came, each status; and how many more there are, once a second.
  const most = (SEEN_OF_EACH + 2) * (2 + STATUSES) + 30
  for (const { heard } of others) expect(heard.lines).toBeLessThan(most)
  // Told one by one, a page would have had 1200 messages and more.
  for (const { heard } of crowd.pages) expect(heard.messages).toBeLessThan(200)
  const total = crowd.pages.reduce((sum, { heard }) => sum + heard.lines, 0)
  expect(total).toBeLessThan((size * size * (1 + STATUSES)) / 4)
  await close(crowd)
})

test(
  '22: a page in a crowd sees whom a placement names and how many more there are, and comes into sight when others leave',
  { timeout: 60_000 },
  async () => {
    const size = SEEN_OF_EACH + 20
    const fixture = await startSignalServer()
    const peers = []
    for (let i = 0; i < size; i++) {
      const peer = createTestPeer(fixture.url, helloOf(`page-${i}`, DEVICE))
      await peer.state(isOnline)
      peers.push(peer)
    }
    const [first, last, beforeLast] = [peers[0], peers.at(-1), peers.at(-2)]
    if (!first || !last || !beforeLast) throw new Error('no peers')
    await last.seen(({ view }) => view().unseen === 20 && view().peers.size === SEEN_OF_EACH + 1)
    expect(last.client.view().peers.has(beforeLast.id)).toBe(false)
    await first.seen(({ view }) => view().unseen === 0 && view().peers.size === size)
    first.client.announce({
      model: modelId('ember'),
      source: '/models/ember',
      epoch: 1,
      strategy: 'memory-weighted',
      quality: 'balanced',
      announcer: first.id,
      numLayers: 4,
      contextLength: 256,
      handoff: 'f32',
      shards: [{ peerId: beforeLast.id, startLayer: 0, endLayer: 4, first: true, last: true, weightFormat: 'f32' }],
      spares: [],
      explanation: [],
      problem: null,
    })
    await last.seen(({ view }) => view().peers.has(beforeLast.id) && view().placements.size === 1)
    await beforeLast.seen(({ view }) => view().peers.size === size && view().unseen === 0)
    for (const peer of peers.slice(0, 30)) peer.close()
    await last.seen(({ view }) => view().peers.size === size - 30 && view().unseen === 0)
    for (const peer of peers) peer.close()
    await fixture.close()
  },
)
