import { expect, test } from 'vitest'
import { z } from 'zod'
import { ANSWER, CHAT, chunksOf, ember, says, USER } from '../tests/harness/chat.ts'
import { startGateway, type TestGateway } from '../tests/harness/gateway.ts'

const CACHED = 7
const PROMPT = ember.encodeChat(USER).length
const usageSchema = z.object({ usage: z.looseObject({}) })
const cachedGateway = (keepsPrefixes = true): Promise<TestGateway> => startGateway({ ...says(ANSWER), cached: CACHED }, { keepsPrefixes })

async function usageOf(gateway: TestGateway, path: string, body: object): Promise<unknown> {
  return usageSchema.parse(await (await gateway.post(path, { model: 'ember', ...body })).json()).usage
}

test.each([
  ['chat completions', CHAT, { messages: USER }, { prompt_tokens: PROMPT, prompt_tokens_details: { cached_tokens: CACHED } }],
  ['completions of two prompts', '/v1/completions', { prompt: ['a', 'b'], n: 2 }, { prompt_tokens_details: { cached_tokens: 2 * CACHED } }],
  ['responses', '/v1/responses', { input: 'Hello!' }, { input_tokens: PROMPT, input_tokens_details: { cached_tokens: CACHED } }],
  ['messages', '/v1/messages', { messages: USER, max_tokens: 99 }, { input_tokens: PROMPT - CACHED, cache_read_input_tokens: CACHED }],
])('%s say how much of the prompt was cached', async (_, path, body, usage) => {
  await using gateway = await cachedGateway()
  expect(await usageOf(gateway, path, body)).toMatchObject(usage)
})

test('streams say it too, Anthropic as the message starts', async () => {
  await using gateway = await cachedGateway()
  const chunks = await chunksOf(await gateway.post(CHAT, { model: 'ember', messages: USER, stream: true, stream_options: { include_usage: true } }))
  expect(chunks.at(-1)?.usage).toMatchObject({ prompt_tokens_details: { cached_tokens: CACHED } })
  const events = await (await gateway.post('/v1/messages', { model: 'ember', messages: USER, max_tokens: 99, stream: true })).text()
  expect(events).toContain(`"cache_read_input_tokens":${CACHED}`)
})

test('a count of them is among the metrics', async () => {
  await using gateway = await cachedGateway()
  await usageOf(gateway, CHAT, { messages: USER, n: 2 })
  expect(await (await fetch(`${gateway.url}/metrics`)).text()).toMatch(new RegExp(`^ringlet_prompt_tokens_cached_total ${CACHED}$`, 'm'))
})

test('requests of one key share a scope, which does not tell the key; others have another, and none where it is off', async () => {
  await using gateway = await cachedGateway()
  const ask = (key: string) => gateway.post(CHAT, { model: 'ember', messages: USER }, { headers: { authorization: `Bearer ${key}` } })
  for (const key of ['sk-1', 'sk-1', 'sk-2']) await (await ask(key)).text()
  const [first, again, other] = gateway.backend.requests.map(({ cacheScope }) => cacheScope ?? null)
  expect(first).toBe(again)
  expect(first).not.toBe(other)
  expect(first).not.toContain('sk-1')
  await using without = await cachedGateway(false)
  await usageOf(without, CHAT, { messages: USER })
  expect(without.backend.requests[0]?.cacheScope).toBeNull()
})
