/** Several signal servers and gateways of one cluster, behind one real Redis. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { createLog } from '../../api-gateway/log.ts'
import { parseOptions } from '../../api-gateway/options.ts'
import { startServer, type RunningServer } from '../../api-gateway/serve.ts'
import type { Hello, Negotiation } from '../../protocol/signaling.ts'
import { openRedisLog } from '../../signal-server/redis-log.ts'
import {
  createTestPeer,
  emitUntyped,
  helloOf,
  isOnline,
  startSignalServer,
  type SignalFixture,
  type TestPeer,
} from '../conformance/signal-fixture.ts'
import { hasRedis, redisForEach } from '../harness/redis.ts'

const { current: redis, cleanups } = redisForEach()

async function server(): Promise<SignalFixture> {
  const fixture = await startSignalServer({ openLog: (name, reader) => openRedisLog({ url: redis().url, log: () => undefined }, name, reader) })
  cleanups.push(fixture.close)
  return fixture
}
function peer({ url }: SignalFixture, id: string, more: Partial<Hello> = {}, handlers: Parameters<typeof createTestPeer>[2] = {}): TestPeer {
  const made = createTestPeer(url, helloOf(id, more), handlers)
  cleanups.push(made.close)
  return made
}
const knows =
  (...ids: readonly string[]) =>
  ({ view }: TestPeer['client']): boolean =>
    JSON.stringify([...view().peers.keys()].map(String).sort()) === JSON.stringify([...ids].sort())

describe.skipIf(!hasRedis())('two servers behind one Redis (needs redis-server on the PATH)', { timeout: 60_000 }, () => {
  test('have one roster: who joins one is seen through the other, in one order, and who leaves is gone from both', async () => {
    const [one, two] = [await server(), await server()]
    const a = peer(one, 'peer-a')
    await a.state(isOnline)
    const b = peer(two, 'peer-b')
    await b.state(isOnline)
    const c = peer(one, 'peer-c')
    for (const each of [a, b, c]) await each.seen(knows('peer-a', 'peer-b', 'peer-c'))
    const order = (of: TestPeer): readonly string[] => [...of.client.view().peers.values()].sort((x, y) => x.joined - y.joined).map(({ id }) => id)
    expect([order(a), order(b)]).toEqual([
      ['peer-a', 'peer-b', 'peer-c'],
      ['peer-a', 'peer-b', 'peer-c'],
    ])
    c.close()
    for (const each of [a, b]) await each.seen(knows('peer-a', 'peer-b'))
  })

  test('a negotiation and a relayed slice reach a peer of the other server, and the sender hears that they did', async () => {
    const [one, two] = [await server(), await server()]
    const slices: Uint8Array[] = []
    let heard: (negotiation: Negotiation) => void = () => undefined
    const negotiated = new Promise<Negotiation>((resolve) => (heard = resolve))
    const b = peer(
      two,
      'peer-b',
      {},
      { onNegotiation: (negotiation) => heard(negotiation), onRelay: (_from, slice) => void slices.push(new Uint8Array(slice)) },
    )
    const a = peer(one, 'peer-a')
    await a.seen(knows('peer-a', 'peer-b'))
    await b.seen(knows('peer-a', 'peer-b'))
    emitUntyped(a.socket, 'negotiate', { peerId: 'peer-b', attempt: 'x', kind: 'offer', payload: '{}' })
    expect(await negotiated).toMatchObject({ peerId: 'peer-a', kind: 'offer' })
    const relay = (to: string): Promise<unknown> => new Promise((resolve) => emitUntyped(a.socket, 'relay', to, Uint8Array.of(0, 255, 7), resolve))
    expect(await relay('peer-b')).toBeNull()
    expect(slices).toEqual([Uint8Array.of(0, 255, 7)])
    expect(await relay('peer-x')).toMatchObject({ code: 'link_closed' })
  })

  test('a peer that comes back through the other server keeps its place; with another secret it is refused', async () => {
    const [one, two] = [await server(), await server()]
    const first = peer(one, 'peer-a')
    await first.state(isOnline)
    const other = peer(two, 'peer-b')
    await other.seen(knows('peer-a', 'peer-b'))
    const thief = peer(two, 'peer-a', { secret: 'x'.repeat(40) })
    expect(await thief.state(({ state }) => state === 'refused')).toMatchObject({ error: { code: 'peer_id_taken' } })
    const again = peer(two, 'peer-a')
    await again.state(isOnline)
    expect(await first.state(({ state }) => state === 'refused')).toMatchObject({ error: { code: 'peer_id_taken' } })
    expect(Object.fromEntries([...again.client.view().peers.values()].map(({ id, joined }) => [id, joined]))).toEqual({ 'peer-a': 0, 'peer-b': 1 })
  })

  test('a server that ends takes its peers with it; one that starts knows what the others know', async () => {
    const [one, two] = [await server(), await server()]
    const a = peer(one, 'peer-a')
    const b = peer(two, 'peer-b')
    await a.seen(knows('peer-a', 'peer-b'))
    await two.close()
    await a.seen(knows('peer-a'))
    b.close()
    const three = await server()
    const c = peer(three, 'peer-c')
    await c.seen(knows('peer-a', 'peer-c'))
    await a.seen(knows('peer-a', 'peer-c'))
    expect(c.client.view().peers.get(c.id)?.joined).toBeGreaterThan(0)
  })

  test('a Redis that restarts loses nobody', async () => {
    const [one, two] = [await server(), await server()]
    const a = peer(one, 'peer-a')
    const b = peer(two, 'peer-b')
    await a.seen(knows('peer-a', 'peer-b'))
    await redis().stop()
    await redis().start()
    const c = peer(two, 'peer-c')
    for (const each of [a, b, c]) await each.seen(knows('peer-a', 'peer-b', 'peer-c'))
  })

  test('a device that joined through one server answers a request to the other', async () => {
    const home = mkdtempSync(path.join(tmpdir(), 'ringlet-redis-'))
    cleanups.push(() => rmSync(home, { recursive: true, force: true }))
    const start = async (...args: readonly string[]): Promise<RunningServer> => {
      const running = await startServer(parseOptions(['--port', '0', ...args], { RINGLET_HOME: home, REDIS_URL: redis().url }), {
        log: createLog('silent'),
      })
      cleanups.push(running.close)
      return running
    }
    const withDevice = await start('--local-device=stay')
    const without = await start('--no-local-device')
    expect(await without.serving(0)).toBeNull()
    const ask = async ({ url }: RunningServer): Promise<string> => {
      const body = JSON.stringify({ model: 'ember', messages: [{ role: 'user', content: 'Hello!' }], temperature: 0, max_tokens: 12 })
      const response = await fetch(`${url}/v1/chat/completions`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
      const { choices } = (await response.json()) as { choices: { message: { content: string } }[] }
      return choices[0]?.message.content ?? ''
    }
    const [near, far] = [await ask(withDevice), await ask(without)]
    expect(near.length).toBeGreaterThan(0)
    expect(far).toBe(near)
    // And a conversation that began at one goes on at the other.
    const respond = async ({ url }: RunningServer, fields: object): Promise<{ id: string; usage: { input_tokens: number } }> => {
      const body = JSON.stringify({ model: 'ember', input: 'Hello!', max_output_tokens: 4, ...fields })
      const response = await fetch(`${url}/v1/responses`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
      expect(response.status).toBe(200)
      return response.json()
    }
    const first = await respond(withDevice, {})
    expect((await respond(without, { previous_response_id: first.id })).usage.input_tokens).toBeGreaterThan(first.usage.input_tokens)
    expect([...without.view().peers.values()].map(({ role }) => role).sort()).toEqual(['gateway', 'gateway', 'local-device'])
  })
})
