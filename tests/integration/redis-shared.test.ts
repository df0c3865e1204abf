/** What several gateways share over one real Redis: the limits of keys, and answers to go on from. */
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { createLog } from '../../api-gateway/log.ts'
import { connectRedis } from '../../api-gateway/shared/redis-client.ts'
import { createRedisStore } from '../../api-gateway/shared/redis-store.ts'
import { openShared } from '../../api-gateway/shared/shared.ts'
import { memoryAccess } from '../harness/access.ts'
import { startGateway, type TestGateway } from '../harness/gateway.ts'
import { hasRedis, redisForEach } from '../harness/redis.ts'

const { current: redis, cleanups } = redisForEach()

const log = createLog('silent')
const access = memoryAccess(['owner'])
const keyWith = (requestsPerMinute: number | null, tokensPerMinute: number | null): string =>
  access.make({ kind: 'key', name: 'test', scopes: ['inference'], limits: { requestsPerMinute, tokensPerMinute }, expires: null }).secret

async function gateway(): Promise<TestGateway> {
  const shared = await openShared(redis().url, log)
  const started = await startGateway({ answer: ({ promptIds }) => promptIds.slice(-2) }, { access, shared })
  cleanups.push(shared.close, () => started[Symbol.asyncDispose]())
  return started
}
const complete = (at: TestGateway, key: string, fields: object = {}): Promise<Response> =>
  at.post('/v1/completions', { model: 'ember', prompt: 'Hello', max_tokens: 1, ...fields }, { headers: { authorization: `Bearer ${key}` } })
const respond = async (at: TestGateway, key: string, fields: object): Promise<{ readonly status: number; readonly id: string }> => {
  const response = await at.post('/v1/responses', { model: 'ember', ...fields }, { headers: { authorization: `Bearer ${key}` } })
  return { status: response.status, id: z.looseObject({ id: z.string().default('') }).parse(await response.json()).id }
}

describe.skipIf(!hasRedis())('two gateways behind one Redis (needs redis-server on the PATH)', { timeout: 60_000 }, () => {
  test('a key has its requests and tokens a minute over both together', async () => {
    const [one, two] = [await gateway(), await gateway()]
    const byRequest = keyWith(3, null)
    const left = async (at: TestGateway): Promise<readonly [number, string | null]> => {
      const response = await complete(at, byRequest)
      return [response.status, response.headers.get('x-ratelimit-remaining-requests')]
    }
    expect([await left(one), await left(two), await left(one)]).toEqual([
      [200, '2'],
      [200, '1'],
      [200, '0'],
    ])
    for (const at of [two, one]) expect((await complete(at, byRequest)).status).toBe(429)
    const byToken = keyWith(null, 20)
    expect((await complete(one, byToken, { prompt: Array.from({ length: 40 }, () => 300) })).status).toBe(200)
    const refused = await complete(two, byToken)
    expect([refused.status, refused.headers.get('x-ratelimit-remaining-tokens')]).toEqual([429, '0'])
    expect((await complete(two, keyWith(null, 20))).status).toBe(200)
  })

  test('previous_response_id goes on from what the other has answered, streamed too; only its own key finds it; deleted it is gone from both', async () => {
    const [one, two] = [await gateway(), await gateway()]
    const [mine, other] = [keyWith(null, null), keyWith(null, null)]
    const first = await respond(one, mine, { input: 'The first question' })
    const second = await respond(two, mine, { input: 'And then?', previous_response_id: first.id })
    expect(second.status).toBe(200)
    expect((two.backend.requests[0]?.promptIds.length ?? 0) - (one.backend.requests[0]?.promptIds.length ?? 0)).toBeGreaterThan(5)
    const headers = { authorization: `Bearer ${mine}` }
    const streamed = await two.post('/v1/responses', { model: 'ember', input: 'More', previous_response_id: second.id, stream: true }, { headers })
    const id = /"id":"(resp_\w+)"/.exec(await streamed.text())?.[1] ?? ''
    expect((await respond(one, mine, { input: 'On', previous_response_id: id })).status).toBe(200)
    expect((await respond(two, other, { input: 'x', previous_response_id: first.id })).status).toBe(400)
    const of = (at: TestGateway, method: string): Promise<Response> => fetch(`${at.url}/v1/responses/${first.id}`, { method, headers })
    expect([(await of(two, 'GET')).status, (await of(two, 'DELETE')).status, (await of(one, 'GET')).status]).toEqual([200, 200, 400])
  })

  test('answers that are kept have a bound over both: the oldest go', async () => {
    const client = await connectRedis(redis().url, log)
    cleanups.push(() => client.destroy())
    const stored = (content: string) => ({ owner: 'me', turns: [{ role: 'user', content }], body: {} })
    const bounds = { bytes: 3 * JSON.stringify(stored('1234')).length, responses: 3 }
    const [one, two] = [createRedisStore(client, bounds), createRedisStore(client, bounds)]
    const ids = ['a', 'b', 'c', 'd', 'e']
    const which = async (): Promise<string> => (await Promise.all(ids.map(async (id) => ((await two.get(id, 'me')) ? id : '')))).join('')
    for (const id of ['a', 'b', 'c', 'd']) await one.put(id, stored('1234'))
    expect(await which()).toBe('bcd')
    await two.put('e', stored('12345678'))
    expect(await which()).toBe('de')
    expect([await one.remove('d', 'you'), await one.remove('d', 'me'), await two.remove('d', 'me')]).toEqual([false, true, false])
    await one.put('a', stored('1234'))
    expect(await which()).toBe('ae')
    expect(await client.ttl('ringlet:response:a')).toBeGreaterThan(60)
  })

  test('without Redis each goes on by itself, and nothing waits for it', async () => {
    const one = await gateway()
    const key = keyWith(2, null)
    expect((await complete(one, key)).status).toBe(200)
    await redis().stop()
    expect([(await complete(one, key)).status, (await complete(one, key)).status, (await complete(one, key)).status]).toEqual([200, 200, 429])
    const free = keyWith(null, null)
    const first = await respond(one, free, { input: 'The first question' })
    expect((await respond(one, free, { input: 'And then?', previous_response_id: first.id })).status).toBe(200)
    await redis().start()
  })

  test('a Redis that hangs is given up, and requests are answered', async () => {
    const one = await gateway()
    const key = keyWith(3, null)
    expect((await complete(one, key)).status).toBe(200)
    redis().hang()
    cleanups.push(redis().wake)
    expect((await complete(one, key)).status).toBe(200)
  })
})
