import Anthropic, { BadRequestError, InternalServerError, NotFoundError } from '@anthropic-ai/sdk'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { ClusterError } from '../protocol/errors.ts'
import { ANSWER, ember, endless, says, USER } from '../tests/harness/chat.ts'
import { eventually, startGateway } from '../tests/harness/gateway.ts'

const MESSAGES = '/v1/messages'
const HELLO = [{ role: 'user' as const, content: 'Hello!' }]
const clientOf = (url: string, maxRetries = 0): Anthropic => new Anthropic({ baseURL: url, apiKey: 'none', maxRetries })
const errorSchema = z.object({ type: z.literal('error'), error: z.object({ type: z.string(), message: z.string() }), request_id: z.string() })
const errorOf = async (response: Response) => errorSchema.parse(await response.json())

test('the official client gets a message with stop reason and usage, and the prompt is that of the chat dialect', async () => {
  await using gateway = await startGateway(says(ANSWER))
  const message = await clientOf(gateway.url).messages.create({ model: 'ember', max_tokens: 100, messages: HELLO })
  expect(message).toMatchObject({ type: 'message', role: 'assistant', model: 'ember', stop_reason: 'end_turn', stop_sequence: null })
  expect(message.content).toEqual([{ type: 'text', text: ANSWER }])
  expect(message.usage).toMatchObject({ input_tokens: ember.encodeChat(USER).length, output_tokens: ember.encode(ANSWER).length + 1 })
  expect(gateway.backend.requests[0]?.promptIds).toEqual(ember.encodeChat(USER))
  expect(message._request_id).toMatch(/^req_/)
})

test('system text, blocks and a trailing assistant turn reach the model as the chat template has them', async () => {
  await using gateway = await startGateway(says('x'))
  const messages = [
    {
      role: 'user' as const,
      content: [
        { type: 'text' as const, text: 'Hel' },
        { type: 'text' as const, text: 'lo!' },
      ],
    },
    { role: 'assistant' as const, content: 'I am' },
  ]
  await clientOf(gateway.url).messages.create({ model: 'ember', max_tokens: 5, system: [{ type: 'text', text: 'Be brief.' }], messages })
  const turns = [
    { role: 'system', content: 'Be brief.' },
    { role: 'user', content: 'Hello!' },
    { role: 'assistant', content: 'I am' },
  ]
  expect(gateway.backend.requests[0]?.promptIds).toEqual(ember.encodeChat(turns, { continueFinal: true }))
})

test('the stream helper assembles the text; events come named, in order, and once', async () => {
  await using gateway = await startGateway(says(ANSWER))
  const stream = clientOf(gateway.url).messages.stream({ model: 'ember', max_tokens: 100, messages: HELLO })
  const types: string[] = []
  for await (const event of stream) types.push(event.type)
  expect(types.filter((type) => type !== 'content_block_delta')).toEqual([
    'message_start',
    'content_block_start',
    'content_block_stop',
    'message_delta',
    'message_stop',
  ])
  const message = await stream.finalMessage()
  expect(message.content).toMatchObject([{ type: 'text', text: ANSWER }])
  expect(message.usage).toMatchObject({ input_tokens: ember.encodeChat(USER).length, output_tokens: ember.encode(ANSWER).length + 1 })
  const raw = await (await gateway.post(MESSAGES, { model: 'ember', max_tokens: 9, messages: HELLO, stream: true })).text()
  const named = [...raw.matchAll(/^event: (\w+)\ndata: (.*)$/gm)]
  expect(named.length).toBeGreaterThan(4)
  for (const [, name, data] of named) expect(JSON.parse(data ?? '')).toMatchObject({ type: name })
})

test('a stop sequence is named, max_tokens is said, an empty answer has one empty block', async () => {
  await using gateway = await startGateway(says(ANSWER))
  const client = clientOf(gateway.url)
  const stopped = await client.messages.create({ model: 'ember', max_tokens: 100, messages: HELLO, stop_sequences: ['tiny', 'model'] })
  expect(stopped).toMatchObject({ stop_reason: 'stop_sequence', stop_sequence: 'tiny', content: [{ type: 'text', text: 'I am Ember, a ' }] })
  expect(await client.messages.create({ model: 'ember', max_tokens: 3, messages: HELLO })).toMatchObject({
    stop_reason: 'max_tokens',
    usage: { output_tokens: 3 },
  })
  await using silent = await startGateway(says(''))
  expect((await clientOf(silent.url).messages.create({ model: 'ember', max_tokens: 3, messages: HELLO })).content).toEqual([
    { type: 'text', text: '' },
  ])
})

test('count_tokens counts the prompt and nothing else', async () => {
  await using gateway = await startGateway()
  const response = await gateway.post(`${MESSAGES}/count_tokens`, { model: 'ember', messages: HELLO })
  expect(await response.json()).toEqual({ input_tokens: ember.encodeChat(USER).length })
  expect(gateway.backend.requests).toHaveLength(0)
})

test.each([
  ['no max_tokens', { model: 'ember', messages: HELLO }, /max_tokens/],
  ['a temperature of 2', { model: 'ember', max_tokens: 1, messages: HELLO, temperature: 2 }, /temperature/],
  ['tools', { model: 'ember', max_tokens: 1, messages: HELLO, tools: [{ type: 'web_search_20250305', name: 'f' }] }, /tools/],
  ['an image', { model: 'ember', max_tokens: 1, messages: [{ role: 'user', content: [{ type: 'image' }] }] }, /messages\[0\]\.content\[0\]/],
  ['a system role among the turns', { model: 'ember', max_tokens: 1, messages: [{ role: 'system', content: 'x' }] }, /messages\[0\]\.role/],
  ['thinking', { model: 'ember', max_tokens: 1, messages: HELLO, thinking: { type: 'enabled', budget_tokens: 9 } }, /thinking/],
])('%s is a 400 in the shape of the dialect that names the field', async (_name, body, message) => {
  await using gateway = await startGateway()
  const response = await gateway.post(MESSAGES, body)
  expect(response.status).toBe(400)
  const { error, request_id } = await errorOf(response)
  expect(error).toMatchObject({ type: 'invalid_request_error', message: expect.stringMatching(message) })
  expect(response.headers.get('request-id')).toBe(request_id)
})

test('an unknown model, a body that is no JSON and a missing key have the types that SDKs know', async () => {
  await using gateway = await startGateway({}, { apiKeys: ['secret-key'] })
  expect((await errorOf(await gateway.post(MESSAGES, { model: 'ember', max_tokens: 1, messages: HELLO }))).error.type).toBe('authentication_error')
  const client = new Anthropic({ baseURL: gateway.url, apiKey: 'secret-key', maxRetries: 0 })
  await expect(client.messages.create({ model: 'nope', max_tokens: 1, messages: HELLO })).rejects.toBeInstanceOf(NotFoundError)
  await expect(client.messages.create({ model: 'ember', max_tokens: 0, messages: HELLO })).rejects.toBeInstanceOf(BadRequestError)
  const bad = await gateway.post(MESSAGES, '{', { headers: { 'x-api-key': 'secret-key' } })
  expect((await errorOf(bad)).error.type).toBe('invalid_request_error')
})

test('a ring that forms is 529 with Retry-After and is retried, no ring is 529 and is not', async () => {
  const attempts = async (code: 'ring_reforming' | 'no_ring'): Promise<number> => {
    await using gateway = await startGateway({ notServing: new ClusterError(code, 'why', { detail: { retryAfterSeconds: 0 } }) })
    const response = await gateway.post(MESSAGES, { model: 'ember', max_tokens: 1, messages: HELLO })
    expect(response.status).toBe(529)
    expect((await errorOf(response)).error.type).toBe('overloaded_error')
    const before = gateway.backend.requests.length
    const asking = clientOf(gateway.url, 1).messages.create({ model: 'ember', max_tokens: 1, messages: HELLO })
    await expect(asking).rejects.toBeInstanceOf(InternalServerError)
    return gateway.backend.requests.length - before
  }
  expect(await attempts('ring_reforming')).toBe(2)
  expect(await attempts('no_ring')).toBe(1)
})

test('an error in mid-stream is an error event, and an abort reaches the ring', async () => {
  await using broken = await startGateway({ ...says(ANSWER), failure: { index: 2, error: new ClusterError('ring_broken', 'device left') } })
  const text = await (await broken.post(MESSAGES, { model: 'ember', max_tokens: 50, messages: HELLO, stream: true })).text()
  const [, last] = /event: error\ndata: (.*)\n\n$/.exec(text) ?? []
  expect(errorSchema.parse(JSON.parse(last ?? '')).error.message).toContain('device left')
  expect(text).not.toContain('message_stop')
  await using gateway = await startGateway(endless())
  const stream = clientOf(gateway.url).messages.stream({ model: 'ember', max_tokens: 900, messages: HELLO })
  for await (const event of stream) if (event.type === 'content_block_delta') break
  stream.abort()
  await eventually(() => gateway.backend.active() === 0, 1000)
})
