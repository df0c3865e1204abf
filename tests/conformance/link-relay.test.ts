import { afterAll, beforeAll, describe, test } from 'vitest'
import { decodeRelayPacket } from '../../core/link/relay-packet.ts'
import { createRelayChannel, type RelayChannel } from '../../core/link/relay-channel.ts'
import { createSlicedLink } from '../../core/link/sliced-link.ts'
import { systemClock } from '../../runtime/system-clock.ts'
import { createLinkEnd } from './link-end.ts'
import { linkCases, type LinkPairUnderTest } from './link-suite.ts'
import { createTestPeer, helloOf, isOnline, startSignalServer, type SignalFixture } from './signal-fixture.ts'

let fixture: SignalFixture
beforeAll(async () => void (fixture = await startSignalServer()))
afterAll(() => fixture.close())

let pairs = 0

async function openPair(): Promise<LinkPairUnderTest> {
  const number = ++pairs
  const channels: RelayChannel[] = []
  const peers = ['a', 'b'].map((letter, side) =>
    createTestPeer(fixture.url, helloOf(`peer-${letter}-${number}`), {
      onRelay: (_, bytes) => {
        const packet = decodeRelayPacket(bytes)
        if (packet.kind === 'close') channels[side]?.fail('closed by the other side')
        else channels[side]?.receive(packet.payload)
      },
    }),
  )
  const [a, b] = peers
  if (!a || !b) throw new Error('two peers were made')
  await Promise.all(peers.map((peer) => peer.state(isOnline)))
  await Promise.all(peers.map((peer) => peer.seen((client) => [a.id, b.id].every((id) => client.view().peers.has(id)))))
  const [toB, toA] = [
    createRelayChannel(1, (packet) => a.client.relay(b.id, packet)),
    createRelayChannel(1, (packet) => b.client.relay(a.id, packet)),
  ]
  channels.push(toB, toA)
  const links = [
    createSlicedLink({ remote: b.id, channel: toB, clock: systemClock, beatMs: 300 }),
    createSlicedLink({ remote: a.id, channel: toA, clock: systemClock, beatMs: 300 }),
  ] as const
  return {
    a: createLinkEnd(links[0]),
    b: createLinkEnd(links[1]),
    killB: async () => void b.socket.disconnect(),
    close: async () => {
      for (const link of links) link.close()
      for (const peer of peers) peer.close()
    },
  }
}

describe('link by relay through a real signal server', () => {
  for (const { name, run } of linkCases) {
    test(
      name,
      async () => {
        const pair = await openPair()
        try {
          await run(pair)
        } finally {
          await pair.close()
        }
      },
      30_000,
    )
  }
})
