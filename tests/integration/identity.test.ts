/** A peer that has a key is named by it: nobody plays it, neither to the server nor, as the server, to other peers. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { helloText, negotiationText } from '../../protocol/identity.ts'
import { peerId, type PeerId } from '../../protocol/ids.ts'
import type { Hello, Negotiation } from '../../protocol/signaling.ts'
import { createVouchedNegotiation, type Vouching } from '../../runtime/ports/vouched-negotiation.ts'
import { idOfKey, makeKey, openVouching } from '../../web/engine/identity-key.ts'
import { createTestPeer, helloOf, isOnline, startSignalServer, type SignalFixture } from '../conformance/signal-fixture.ts'

const { subtle } = crypto
type Person = { readonly id: PeerId; readonly key: string; readonly vouching: Vouching; readonly hello: Hello }

async function person(): Promise<Person> {
  const kept = await makeKey(subtle)
  const [id, vouching] = [await idOfKey(subtle, kept.publicKey), await openVouching(subtle, kept)]
  const plain = helloOf(id)
  return { id, key: kept.publicKey, vouching, hello: { ...plain, key: kept.publicKey, proof: await vouching.sign(helloText(plain)) } }
}

let fixture: SignalFixture
beforeEach(async () => (fixture = await startSignalServer()))
afterEach(() => fixture.close())

test('35: a hello that is signed by the key of its id joins, and everyone learns the key', async () => {
  const ann = await person()
  const peer = createTestPeer(fixture.url, ann.hello)
  await peer.state(isOnline)
  await peer.seen(({ view }) => view().peers.get(ann.id)?.key === ann.key)
  peer.close()
})

test('35: a hello in the name of a key is refused without its signature: another secret, another key, another id, none at all', async () => {
  const [ann, eve] = [await person(), await person()]
  const { key: _, ...keyless } = ann.hello
  const forged: readonly Hello[] = [
    { ...ann.hello, secret: 'a secret of eve'.padEnd(32, '.') },
    { ...eve.hello, id: ann.id },
    { ...ann.hello, key: eve.key },
    { ...ann.hello, proof: eve.hello.proof ?? '' },
    { ...ann.hello, key: 'A'.repeat(120) },
    keyless,
  ]
  for (const hello of forged) {
    const peer = createTestPeer(fixture.url, hello)
    expect(await peer.state(({ state }) => state === 'refused')).toMatchObject({
      error: { code: 'invalid_value', message: expect.stringContaining('signed') },
    })
    peer.close()
  }
  expect(fixture.server.peers()).toEqual([])
})

const OFFER = { attempt: 'one', kind: 'offer', payload: '{"sdp":"a=fingerprint:sha-256 AA:BB"}' } as const

/** What Bob takes of what comes in Ann's name, with what the roster says of her key. */
async function taken(bob: Person, keyOf: (peer: PeerId) => string | undefined, come: readonly Negotiation[]) {
  const received: Negotiation[] = []
  const forged: PeerId[] = []
  await new Promise<void>((resolve) => {
    const settle = (): void => {
      if (received.length + forged.length === come.length) resolve()
    }
    const negotiation = createVouchedNegotiation({
      self: bob.id,
      vouching: bob.vouching,
      keyOf,
      send: () => undefined,
      receive: (one) => (received.push(one), settle()),
      onForged: (from) => (forged.push(from), settle()),
    })
    for (const one of come) negotiation.receive(one)
  })
  return { received, forged }
}
const signedBy = async ({ vouching }: Person, from: PeerId, to: PeerId, negotiation: Omit<Negotiation, 'peerId'>): Promise<Negotiation> => {
  const sent = { ...negotiation, peerId: from }
  return { ...sent, signature: await vouching.sign(negotiationText(from, to, sent)) }
}

test('35: an offer whose fingerprint was changed on the way, that is meant for another, or that nobody signed, opens nothing', async () => {
  const [ann, bob, eve] = [await person(), await person(), await person()]
  const right = await signedBy(ann, ann.id, bob.id, OFFER)
  const { signature: _, ...unsigned } = right
  const forged = [
    { ...right, payload: OFFER.payload.replace('AA', 'EE') },
    { ...right, attempt: 'two' },
    { ...right, kind: 'answer' as const },
    await signedBy(eve, ann.id, bob.id, OFFER),
    await signedBy(ann, ann.id, eve.id, OFFER),
    unsigned,
  ]
  const result = await taken(bob, () => ann.key, [...forged, right])
  expect(result.received).toEqual([right])
  expect(result.forged).toHaveLength(forged.length)
})

test('35: a server that names its own key for a peer, or none, is not believed: the id is made of the key', async () => {
  const [ann, bob, server] = [await person(), await person(), await person()]
  const forged = await signedBy(server, ann.id, bob.id, OFFER)
  const right = await signedBy(ann, ann.id, bob.id, OFFER)
  expect((await taken(bob, () => server.key, [forged])).received).toEqual([])
  expect((await taken(bob, () => undefined, [right])).received).toEqual([])
  // Who has no key is taken as it comes: a page over plain http, a program.
  const plain = { ...OFFER, peerId: peerId('tab-0123') }
  expect((await taken(bob, () => undefined, [plain])).received).toEqual([plain])
})

test('35: what is signed leaves and arrives in its order', async () => {
  const [ann, bob] = [await person(), await person()]
  const payloads = Array.from({ length: 20 }, (_, i) => String(i))
  const arrived: string[] = []
  await new Promise<void>((resolve) => {
    const receiver = createVouchedNegotiation({
      self: bob.id,
      vouching: bob.vouching,
      keyOf: () => ann.key,
      send: () => undefined,
      receive: ({ payload }) => {
        arrived.push(payload)
        if (arrived.length === payloads.length) resolve()
      },
      onForged: () => undefined,
    })
    const sender = createVouchedNegotiation({
      self: ann.id,
      vouching: ann.vouching,
      keyOf: () => bob.key,
      send: (sent) => receiver.receive({ ...sent, peerId: ann.id }),
      receive: () => undefined,
      onForged: () => undefined,
    })
    for (const payload of payloads) sender.send({ peerId: bob.id, attempt: 'one', kind: 'candidate', payload })
  })
  expect(arrived).toEqual(payloads)
})
