/** Rules that hold on every route: ids, sizes, errors, what is out of scope. */
import { expect, test } from 'vitest'
import { ERRORS } from '../protocol/errors.ts'
import { CHAT, errorOf, says, USER } from '../tests/harness/chat.ts'
import { startGateway } from '../tests/harness/gateway.ts'
import { OPERATIONS } from './openapi/operations.ts'

const addressOf = (path: string): string => path.replace(/[*:]\w+/g, 'x')

test('x-request-id is on every answer of every route, refusals and preflights too, each another', async () => {
  await using gateway = await startGateway(says('Hi'))
  const ids: string[] = []
  const see = async (path: string, init: RequestInit): Promise<void> => {
    const response = await fetch(gateway.url + path, init)
    await response.body?.cancel()
    const id = response.headers.get('x-request-id')
    expect([path, id]).toEqual([path, expect.stringMatching(/^req_[0-9a-f]{32}$/)])
    if (path.startsWith('/v1/messages') && init.method !== 'OPTIONS') expect(response.headers.get('request-id')).toBe(id)
    ids.push(id ?? '')
  }
  for (const { method, path, example } of OPERATIONS) {
    const body = example ? { body: JSON.stringify(example), headers: { 'content-type': 'application/json' } } : {}
    if (!path.startsWith('/v1/keys') && !path.startsWith('/v1/invites')) await see(addressOf(path), { method, ...body })
    await see(addressOf(path), { method: 'OPTIONS', headers: { origin: 'http://localhost:1' } })
  }
  await see('/nothing', {})
  await see(CHAT, { method: 'POST', body: '{', headers: { 'content-type': 'application/json' } })
  await see(CHAT, { method: 'POST', body: 'x'.repeat(9_000_000), headers: { 'content-type': 'application/json' } })
  expect(new Set(ids).size).toBe(ids.length)
})

const WORDS = 'A prompt of ten million characters. '.repeat(280_000)
test('a prompt of 10 MB is refused in every dialect before any device is touched, and the next is answered', async () => {
  await using gateway = await startGateway(says('Hi'))
  expect(WORDS.length).toBeGreaterThan(10_000_000)
  for (const [path, body] of [
    [CHAT, { messages: [{ role: 'user', content: WORDS }] }],
    [CHAT, { messages: [{ role: 'user', content: WORDS }], stream: true }],
    ['/v1/completions', { prompt: WORDS }],
    ['/v1/responses', { input: WORDS }],
    ['/v1/messages', { messages: [{ role: 'user', content: WORDS }], max_tokens: 4 }],
    ['/api/chat', { messages: [{ role: 'user', content: WORDS }] }],
    ['/api/generate', { prompt: WORDS }],
    ['/tokenize', { content: WORDS }],
  ] as const) {
    const response = await gateway.post(path, { model: 'ember', ...body })
    expect([path, response.status, (await response.text()).length < 1000]).toEqual([path, 413, true])
  }
  expect(gateway.backend.requests).toHaveLength(0)
  expect((await gateway.post(CHAT, { model: 'ember', messages: USER })).status).toBe(200)
})

test('with a larger limit of bodies, 10 MB are 400 context_length_exceeded, still before any device', { timeout: 120_000 }, async () => {
  await using gateway = await startGateway(says('Hi'), { maxBodyBytes: 16 * 1024 * 1024 })
  const response = await gateway.post(CHAT, { model: 'ember', messages: [{ role: 'user', content: WORDS }] })
  expect([response.status, (await errorOf(response)).code]).toEqual([400, 'context_length_exceeded'])
  expect(gateway.backend.requests).toHaveLength(0)
})

test('fields that do not change the text pass without effect; those that no dialect knows are ignored, inside parts too', async () => {
  await using gateway = await startGateway(says('Hi'))
  const plain = { model: 'ember', messages: USER, temperature: 0, seed: 1 }
  const harmless = { user: 'u', metadata: { a: 'b' }, store: true, service_tier: 'auto', safety_identifier: 's', prompt_cache_key: 'k' }
  const unknown = { my_own_field: { deep: [1] }, messages: [{ role: 'user', content: [{ type: 'text', text: 'Hello!', mine: 1 }], mine: 2 }] }
  for (const fields of [{}, harmless, unknown]) expect((await gateway.post(CHAT, { ...plain, ...fields })).status).toBe(200)
  const [first, ...others] = gateway.backend.requests.map(({ promptIds, sampling, maxTokens }) => ({ promptIds, sampling, maxTokens }))
  expect(others).toEqual([first, first])
})

test('what is out of scope is refused by name: paths 404, parts and fields 400', async () => {
  await using gateway = await startGateway()
  for (const name of [
    'images/generations',
    'audio/speech',
    'files',
    'batches',
    'fine_tuning/jobs',
    'assistants',
    'vector_stores',
    'moderations',
    'realtime',
    'rerank',
    'infill',
  ]) {
    const response = await gateway.post(`/v1/${name}`, {})
    expect([name, response.status, await response.text()]).toEqual([name, 404, expect.stringContaining('out of scope')])
  }
  for (const part of [
    { type: 'image_url', image_url: { url: 'http://127.0.0.1:1/x.png' } },
    { type: 'input_audio', input_audio: {} },
  ]) {
    const response = await gateway.post(CHAT, { model: 'ember', messages: [{ role: 'user', content: [part] }] })
    expect([part.type, response.status, (await errorOf(response)).code]).toEqual([part.type, 400, 'unsupported_field'])
  }
  const embeddings = await gateway.post('/v1/embeddings', { model: 'ember', input: ['a', 'b'] })
  expect([embeddings.status, (await errorOf(embeddings)).param]).toEqual([400, 'model'])
  expect((await gateway.post('/v1/embeddings', { model: 'none', input: 'a' })).status).toBe(404)
  expect(gateway.backend.requests).toHaveLength(0)
})

test('no cookie opens anything', async () => {
  await using gateway = await startGateway({}, { apiKeys: ['secret'] })
  const cookie = 'api_key=secret; authorization=Bearer secret; x-api-key=secret'
  const response = await fetch(`${gateway.url}/v1/models`, { headers: { cookie } })
  expect([response.status, response.headers.get('set-cookie')]).toEqual([401, null])
})

test('codes have the status, type and retry header of the table', () => {
  for (const [codes, status, type, retry] of [
    [['invalid_value', 'unsupported_field', 'invalid_json', 'context_length_exceeded'], 400, 'invalid_request_error', 'none'],
    [['invalid_api_key'], 401, 'authentication_error', 'none'],
    [['forbidden_host', 'forbidden_origin'], 403, 'permission_error', 'none'],
    [['model_not_found', 'route_not_found'], 404, 'invalid_request_error', 'none'],
    [['response_not_found'], 400, 'invalid_request_error', 'none'],
    [['payload_too_large'], 413, 'invalid_request_error', 'none'],
    [['queue_full'], 429, 'rate_limit_error', 'later'],
    [['internal'], 500, 'server_error', 'none'],
    [['no_ring', 'not_enough_memory'], 503, 'server_error', 'never'],
    [['ring_reforming'], 503, 'server_error', 'later'],
  ] as const)
    for (const code of codes) expect([code, ERRORS[code]]).toEqual([code, { status, type, retry }])
})

test('/slots tells what runs without its id, /load how many', async () => {
  let release: () => void = () => undefined
  const gate = new Promise<void>((resolve) => (release = resolve))
  await using gateway = await startGateway({ ...says('Hi'), beforeToken: () => gate })
  const get = async (path: string): Promise<unknown> => (await fetch(gateway.url + path)).json()
  expect([await get('/slots'), await get('/load')]).toEqual([[], { server_load: 0, running: 0, waiting: 0 }])
  const asked = gateway.post(CHAT, { model: 'ember', messages: USER, stream: true, n: 2 })
  while (gateway.backend.active() < 2) await new Promise(setImmediate)
  const slot = { id: 0, model: 'ember', is_processing: true, n_prompt_tokens: expect.any(Number), n_decoded: 0, time_ms: expect.any(Number) }
  expect([await get('/slots'), await get('/load')]).toEqual([[slot], { server_load: 2, running: 2, waiting: 0 }])
  release()
  await (await asked).text()
  expect(await get('/load')).toEqual({ server_load: 0, running: 0, waiting: 0 })
})
