import { expect, test } from 'vitest'
import { memoryAccess } from '../tests/harness/access.ts'
import { startGateway } from '../tests/harness/gateway.ts'
import { routesOf } from '../tests/harness/routes.ts'
import { SCOPES, type Scope } from '../protocol/access.ts'
import { NO_LIMITS } from './access/access-entry.ts'
import { needOf } from './http/authorize.ts'

const addressOf = (path: string): string => path.replace(/[*:]\w+/g, 'x')

const PUBLIC = ['/health', '/ready', '/version', '/api/version', '/openapi.json', '/docs', '/docs.css', '/']
const NEVER_KEYED = (path: string): boolean => PUBLIC.includes(path)

test('every route × {no key, wrong key, expired, wrong scope, right}', async () => {
  let now = new Date()
  const access = memoryAccess([], () => now)
  const make = (scopes: Scope[], expires: string | null = null): string =>
    access.make({ kind: 'key', name: 'test', scopes, limits: NO_LIMITS, expires }).secret
  const whole = make([...SCOPES])
  const expired = make([...SCOPES], now.toISOString())
  const only = new Map(SCOPES.map((scope) => [scope, make([scope])]))
  now = new Date(now.getTime() + 1000)
  await using gateway = await startGateway({}, { access, hub: { endpoint: 'http://127.0.0.1:9', token: 'hub' } })
  const routes = routesOf(gateway.app.router.stack)
  expect(routes.length).toBeGreaterThan(30)
  for (const { method, path } of routes) {
    const status = async (key: string | null): Promise<number> => {
      const headers: Record<string, string> = { 'content-type': 'application/json', ...(key === null ? {} : { authorization: `Bearer ${key}` }) }
      // An empty body: whoever is let in gets 400 at most, and nothing is generated.
      const body = method === 'GET' || method === 'HEAD' ? {} : { body: '{}' }
      const response = await fetch(gateway.url + addressOf(path), { method, headers, ...body })
      await response.body?.cancel()
      return response.status
    }
    const need = needOf(addressOf(path))
    const other = SCOPES.find((scope) => scope !== need)
    const seen = {
      none: await status(null),
      wrong: await status('rk_wrong'),
      expired: await status(expired),
      otherScope: await status(only.get(other ?? 'metrics') ?? ''),
      right: await status(need === null || need === 'any' ? whole : (only.get(need) ?? '')),
    }
    const refused = (code: number): boolean => code === 401 || code === 403
    if (NEVER_KEYED(path)) expect([method, path, need, Object.values(seen).filter(refused)]).toEqual([method, path, null, []])
    else {
      expect([method, path, need]).not.toEqual([method, path, null])
      const { none, wrong, expired: late, otherScope } = seen
      expect([method, path, none, wrong, late]).toEqual([method, path, 401, 401, 401])
      if (need !== 'any') expect([method, path, otherScope]).toEqual([method, path, 403])
      expect([method, path, refused(seen.right)]).toEqual([method, path, false])
    }
  }
  expect(gateway.backend.requests).toHaveLength(0)
  expect(gateway.logged.join('')).not.toContain(whole)
})

test('paths in other spellings need what the route needs', () => {
  for (const path of [
    '/V1/chat/completions',
    '/v1/models/',
    '/Metrics',
    '/API/chat',
    '/v1/KEYS/x',
    '/MODELS/ember/config.json',
    '/chat/completions/',
  ])
    expect([path, needOf(path)]).not.toEqual([path, null])
  // The Models page is a page; only what lies behind it is a file.
  expect([needOf('/models'), needOf('/'), needOf('/assets/x.js')]).toEqual([null, null, null])
})

test('keys are made, listed without their secret, used and revoked over HTTP; the first opens everything', async () => {
  await using gateway = await startGateway()
  const call = (method: string, path: string, key: string | null, body?: object): Promise<Response> =>
    fetch(gateway.url + path, {
      method,
      headers: { 'content-type': 'application/json', ...(key === null ? {} : { 'x-api-key': key }) },
      ...(body ? { body: JSON.stringify(body) } : {}),
    })
  const first = (await (await call('POST', '/v1/keys', null, { name: 'owner', scopes: ['inference'] })).json()) as {
    secret: string
    scopes: string[]
  }
  expect(first.scopes).toEqual([...SCOPES])
  const made = await call('POST', '/v1/keys', first.secret, { name: 'laptop', expires: '30d', limits: { requestsPerMinute: 2 } })
  const second = (await made.json()) as { id: string; secret: string; scopes: string[]; expires: string }
  expect([made.status, second.scopes, Date.parse(second.expires) > Date.now()]).toEqual([201, ['inference'], true])
  const listed = await (await call('GET', '/v1/keys', first.secret)).text()
  expect(listed).toContain('laptop')
  expect(listed).not.toContain(second.secret)
  expect(listed).not.toContain('digest')
  expect((await call('GET', '/v1/models', second.secret)).status).toBe(200)
  expect((await call('POST', '/v1/keys', second.secret, { name: 'mine' })).status).toBe(403)
  expect((await call('DELETE', `/v1/keys/${second.id}`, first.secret)).status).toBe(200)
  expect((await call('GET', '/v1/models', second.secret)).status).toBe(401)
  expect((await call('DELETE', `/v1/keys/${second.id}`, first.secret)).status).toBe(404)
  const invited = (await (await call('POST', '/v1/invites', first.secret, { name: 'Mum' })).json()) as { path: string }
  expect(invited.path).toMatch(/^\/contribute\?token=rj_/)
  for (const body of [
    {},
    { name: 'a', scopes: [] },
    { name: 'a', scopes: ['all'] },
    { name: 'a', expires: '1 day' },
    { name: 'a', limits: { requestsPerMinute: 0 } },
    { name: 'a\u202e' },
    { name: 'a', admin: true },
  ])
    expect([body, (await call('POST', '/v1/keys', first.secret, body)).status]).toEqual([body, 400])
})

test('from another machine, or through a proxy, nobody makes the first key', async () => {
  await using gateway = await startGateway()
  const response = await gateway.post('/v1/keys', { name: 'evil' }, { headers: { 'x-forwarded-for': '10.0.0.9' } })
  expect([response.status, await response.text()]).toEqual([403, expect.stringContaining('npm run keys')])
})

test('a key has so many requests and tokens a minute, told in headers; beyond them 429 with Retry-After', async () => {
  const access = memoryAccess(['owner'])
  const make = (limits: { requestsPerMinute: number | null; tokensPerMinute: number | null }): string =>
    access.make({ kind: 'key', name: 'test', scopes: ['inference'], limits, expires: null }).secret
  const byRequest = make({ requestsPerMinute: 2, tokensPerMinute: null })
  const byToken = make({ requestsPerMinute: null, tokensPerMinute: 8 })
  await using gateway = await startGateway({}, { access })
  const ask = (key: string): Promise<Response> =>
    gateway.post('/v1/completions', { model: 'ember', prompt: 'Hello there!', max_tokens: 4 }, { headers: { authorization: `Bearer ${key}` } })
  const left = async (response: Response, kind: string): Promise<string | null> => {
    await response.text()
    return response.headers.get(`x-ratelimit-remaining-${kind}`)
  }
  expect([await left(await ask(byRequest), 'requests'), await left(await ask(byRequest), 'requests')]).toEqual(['1', '0'])
  const third = await ask(byRequest)
  expect([third.status, third.headers.get('x-ratelimit-limit-requests'), Number(third.headers.get('retry-after')) > 0]).toEqual([429, '2', true])
  expect(await third.json()).toMatchObject({ error: { code: 'rate_limited', type: 'rate_limit_error' } })
  expect(await left(await ask(byToken), 'tokens')).toBe('8')
  // Prompt and answer have more than 8 tokens together, or this asks once more.
  await left(await ask(byToken), 'tokens')
  const late = await ask(byToken)
  expect([late.status, late.headers.get('x-ratelimit-remaining-tokens')]).toEqual([429, '0'])
  const free = await ask('owner')
  // Without a limit of its own it is told the server's places.
  expect([free.status, free.headers.get('x-ratelimit-limit-requests')]).toEqual([200, '1024'])
})
