import { expect, test } from 'vitest'
import type { LinkPath } from '../../protocol/cluster.ts'
import { ClusterError, type WireError } from '../../protocol/errors.ts'
import { peerId, type PeerId } from '../../protocol/ids.ts'
import type { Negotiation } from '../../protocol/signaling.ts'
import type { StartDirect } from './direct-path.ts'
import { createLinkHub, type LinkHub } from './link-hub.ts'
import { createManualClock, type ManualClock } from './manual-clock.ts'
import { createMemoryChannels, type ChannelPair } from './memory-link.ts'

const [A, B] = [peerId('peer-a'), peerId('peer-b')]
const frame = (...bytes: readonly number[]): Uint8Array => Uint8Array.from(bytes)

type World = {
  readonly clock: ManualClock
  readonly hubs: ReadonlyMap<PeerId, LinkHub>
  /** What happened, as `peer-b < peer-a: 1,2` and `peer-a path peer-b: webrtc`. */
  readonly log: string[]
  readonly channels: ChannelPair[]
  readonly offers: () => number
  readonly drop: (peer: PeerId) => void
  readonly advance: (ms: number) => Promise<void>
}

/** Two hubs; signaling takes 1 ms. `direct`: whether direct paths form, silently fail, or are missing at a peer. */
function createWorld(direct: 'forms' | 'blocked' | 'missing at b', role: 'direct' | 'relay' = 'direct'): World {
  const clock = createManualClock()
  const hubs = new Map<PeerId, LinkHub>()
  const log: string[] = []
  const channels: ChannelPair[] = []
  const gone = new Set<PeerId>()
  let offers = 0
  const startDirect: StartDirect = ({ initiator, onSignal, onOpen }) => {
    let pair: ChannelPair | undefined
    if (initiator) {
      pair = createMemoryChannels({ clock, delayMs: 1 })
      offers++
      clock.timer(0, () => onSignal('offer', String(channels.push(pair ?? createMemoryChannels({ clock })) - 1)))
    }
    return {
      signal: (kind, payload) => {
        if (direct === 'blocked') return
        pair = channels[Number(payload)]
        if (kind === 'offer') onSignal('answer', payload)
        if (pair) onOpen(initiator ? pair.a : pair.b)
      },
      abandon: () => undefined,
    }
  }
  for (const self of [A, B]) {
    const other = (id: PeerId): LinkHub | undefined => (gone.has(id) || gone.has(self) ? undefined : hubs.get(id))
    let counter = self === A ? 0.1 : 0.2
    hubs.set(
      self,
      createLinkHub({
        self,
        clock,
        random: () => (counter = (counter * 7.3) % 1),
        startDirect: direct === 'missing at b' && self === B ? null : startDirect,
        reach: (peer) => (hubs.has(peer) && !gone.has(peer) ? role : 'unknown'),
        iceServers: () => [],
        negotiate: (negotiation: Negotiation) =>
          void clock.timer(1, () => other(negotiation.peerId)?.handleNegotiation({ ...negotiation, peerId: self })),
        relay: (to, packet): Promise<WireError | null> => {
          if (!other(to)) return Promise.resolve({ code: 'link_closed', message: 'no such peer' })
          clock.timer(1, () => other(to)?.handleRelay(self, packet))
          return Promise.resolve(null)
        },
        onFrame: (from, bytes) => log.push(`${self} < ${from}: ${bytes.join()}`),
        onPath: (peer, path: LinkPath | null) => log.push(`${self} path ${peer}: ${path}`),
      }),
    )
  }
  return {
    clock,
    hubs,
    log,
    channels,
    offers: () => offers,
    drop: (peer) => {
      gone.add(peer)
      for (const hub of hubs.values()) hub.forget(peer)
    },
    advance: async (ms) => {
      for (let passed = 0; passed < ms; passed += 5) {
        clock.advance(5)
        for (let turn = 0; turn < 8; turn++) await Promise.resolve()
      }
    },
  }
}

const hubOf = (world: World, id: PeerId): LinkHub => {
  const hub = world.hubs.get(id)
  if (!hub) throw new Error(`no hub ${id}`)
  return hub
}
const codeOf = (sending: Promise<void>): Promise<string> =>
  sending.then(
    () => 'sent',
    (thrown: unknown) => (thrown instanceof ClusterError ? thrown.code : 'untyped'),
  )
const framesOf = (world: World): readonly string[] => world.log.filter((line) => line.includes('<'))

test('the first frame opens a direct path, further ones use it, in order', async () => {
  const world = createWorld('forms')
  void hubOf(world, A).send(B, frame(1))
  void hubOf(world, A).send(B, frame(2))
  await world.advance(50)
  void hubOf(world, B).send(A, frame(3))
  await world.advance(50)
  expect(framesOf(world)).toEqual(['peer-b < peer-a: 1', 'peer-b < peer-a: 2', 'peer-a < peer-b: 3'])
  expect(world.offers()).toBe(1)
  expect(hubOf(world, A).reports()).toMatchObject([{ peerId: B, path: 'local' }])
})

test.each(['forms', 'blocked'] as const)('when both dial at once one link remains and no frame is lost (direct path %s)', async (direct) => {
  const world = createWorld(direct)
  const sent = [hubOf(world, A).send(B, frame(1)), hubOf(world, B).send(A, frame(2))]
  await world.advance(6_500)
  await Promise.all(sent)
  expect(framesOf(world).toSorted()).toEqual(['peer-a < peer-b: 2', 'peer-b < peer-a: 1'])
  for (const id of [A, B]) expect(hubOf(world, id).reports()).toHaveLength(1)
  expect(world.log.filter((line) => line.endsWith('null'))).toEqual([])
})

test('3: takes the relay when no direct path forms in 5 s, and at once the next time', async () => {
  const world = createWorld('blocked')
  const first = hubOf(world, A).send(B, frame(1))
  await world.advance(4_900)
  expect(framesOf(world)).toEqual([])
  await world.advance(200)
  await first
  expect(world.log).toContain('peer-a path peer-b: relay')
  hubOf(world, A).signalingLost()
  await world.advance(10)
  void hubOf(world, A).send(B, frame(2))
  await world.advance(20)
  expect(framesOf(world)).toEqual(['peer-b < peer-a: 1', 'peer-b < peer-a: 2'])
})

test('takes the relay at once to a peer that cannot connect directly', async () => {
  const world = createWorld('forms', 'relay')
  void hubOf(world, A).send(B, frame(1))
  await world.advance(20)
  expect(framesOf(world)).toEqual(['peer-b < peer-a: 1'])
  expect(world.offers()).toBe(0)
})

test('takes the relay at once when the other side has no direct paths at all', async () => {
  const world = createWorld('missing at b')
  void hubOf(world, A).send(B, frame(1))
  await world.advance(20)
  expect(framesOf(world)).toEqual(['peer-b < peer-a: 1'])
  expect(world.log).toContain('peer-a path peer-b: relay')
})

test('39: a peer that came back dials anew and replaces what is left of the old link', async () => {
  const world = createWorld('forms', 'relay')
  void hubOf(world, A).send(B, frame(1))
  await world.advance(20)
  // B loses its link without A noticing, as a page that reloads does.
  hubOf(world, B).signalingLost()
  void hubOf(world, B).send(A, frame(2))
  await world.advance(20)
  void hubOf(world, A).send(B, frame(3))
  await world.advance(20)
  expect(framesOf(world)).toEqual(['peer-b < peer-a: 1', 'peer-a < peer-b: 2', 'peer-b < peer-a: 3'])
})

test('data for a session that the other side has lost closes the link at the sender', async () => {
  const world = createWorld('forms', 'relay')
  void hubOf(world, A).send(B, frame(1))
  await world.advance(20)
  hubOf(world, B).signalingLost()
  void hubOf(world, A).send(B, frame(2))
  await world.advance(20)
  expect(world.log.filter((line) => line.startsWith('peer-a path'))).toEqual(['peer-a path peer-b: relay', 'peer-a path peer-b: null'])
})

test("a relayed link ends when the peer leaves; a direct one outlives the peer's signaling", async () => {
  for (const [role, expected] of [
    ['relay', 'link_closed'],
    ['direct', 'sent'],
  ] as const) {
    const world = createWorld('forms', role)
    void hubOf(world, A).send(B, frame(1))
    await world.advance(20)
    world.drop(B)
    expect(await codeOf(hubOf(world, A).send(B, frame(2)))).toBe(expected)
  }
})

test('fails with link_closed for a peer that nobody knows, and for one that leaves while dialed', async () => {
  const world = createWorld('blocked')
  expect(await codeOf(hubOf(world, A).send(peerId('nobody'), frame(1)))).toBe('link_closed')
  const dialing = codeOf(hubOf(world, A).send(B, frame(1)))
  await world.advance(100)
  world.drop(B)
  expect(await dialing).toBe('link_closed')
})

test('a frame to itself comes straight back', async () => {
  const world = createWorld('forms')
  await hubOf(world, A).send(A, frame(5))
  expect(world.log).toEqual(['peer-a < peer-a: 5'])
})

test('closing undoes every timer and link', async () => {
  const world = createWorld('forms')
  void hubOf(world, A).send(B, frame(1))
  await world.advance(50)
  hubOf(world, A).close()
  await world.advance(20)
  expect(world.log.filter((line) => line.endsWith('null'))).toEqual(['peer-a path peer-b: null', 'peer-b path peer-a: null'])
  hubOf(world, B).close()
  world.clock.advance(10)
  expect(world.clock.pendingTimers()).toBe(0)
})
