import OpenAI, { BadRequestError, InternalServerError, NotFoundError } from 'openai'
import { beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { emberText, eventually, readEvents, startGateway } from '../tests/harness/gateway.ts'
import type { Script } from '../tests/harness/scripted-backend.ts'
import type { TextModel } from '../core/text/text-model.ts'
import { ClusterError } from '../protocol/errors.ts'

const ANSWER = 'I am Ember, a tiny model. 👩‍🚀 Bye!'
let ember: TextModel
let says: (text: string) => Script
beforeAll(async () => {
  ember = await emberText()
  says = (text) => ({ answer: () => ember.encode(text) })
})

const USER = [{ role: 'user', content: 'Hello!' }]
const CHAT = '/v1/chat/completions'
const errorSchema = z.object({
  error: z.object({
    message: z.string(),
    type: z.string(),
    param: z.string().nullable(),
    code: z.string(),
    n_prompt_tokens: z.number().optional(),
    n_ctx: z.number().optional(),
  }),
})
const errorOf = async (response: Response) => errorSchema.parse(await response.json()).error
const usage = z.object({
  prompt_tokens: z.number(),
  completion_tokens: z.number(),
  total_tokens: z.number(),
  prompt_tokens_details: z.object({ cached_tokens: z.number() }),
})
const bodySchema = z.object({
  id: z.string(),
  object: z.literal('chat.completion'),
  created: z.number(),
  model: z.string(),
  system_fingerprint: z.string(),
  choices: z.array(
    z.object({
      index: z.number(),
      message: z.object({ role: z.literal('assistant'), content: z.string(), refusal: z.null() }),
      finish_reason: z.string(),
      logprobs: z.null(),
    }),
  ),
  usage,
})
const chunkSchema = z.object({
  id: z.string(),
  object: z.literal('chat.completion.chunk'),
  created: z.number(),
  model: z.string(),
  choices: z.array(
    z.object({
      index: z.number(),
      delta: z.object({ role: z.string().optional(), content: z.string().nullable().optional() }).strict(),
      finish_reason: z.string().nullable(),
      logprobs: z.null(),
    }),
  ),
  usage: usage.nullable().optional(),
  obfuscation: z.string().optional(),
})
const chunksOf = async (response: Response) => {
  const events = await readEvents(response)
  expect(events.at(-1)).toBe('[DONE]')
  return events.slice(0, -1).map((event) => chunkSchema.parse(event))
}
const textOf = (chunks: Awaited<ReturnType<typeof chunksOf>>, index = 0): string =>
  chunks
    .flatMap((chunk) => chunk.choices)
    .filter((choice) => choice.index === index)
    .map((choice) => choice.delta.content ?? '')
    .join('')

test('a whole answer has text, finish reason, fingerprint and usage that adds up', async () => {
  await using gateway = await startGateway(says(ANSWER))
  const response = await gateway.post(CHAT, { model: 'ember', messages: USER })
  expect(response.status).toBe(200)
  expect(response.headers.get('x-request-id')).toMatch(/^req_[0-9a-f]{32}$/)
  const body = bodySchema.parse(await response.json())
  expect(body.choices).toEqual([{ index: 0, message: { role: 'assistant', content: ANSWER, refusal: null }, finish_reason: 'stop', logprobs: null }])
  const [prompt, answer] = [ember.encodeChat(USER).length, ember.encode(ANSWER).length + 1]
  expect(body.usage).toEqual({
    prompt_tokens: prompt,
    completion_tokens: answer,
    total_tokens: prompt + answer,
    prompt_tokens_details: { cached_tokens: 0 },
  })
  expect(body.system_fingerprint).toBe('fp_3_1_wasm')
  expect(gateway.backend.requests[0]?.promptIds).toEqual(ember.encodeChat(USER))
})

test('a stream has one role, whole characters, one finish and [DONE]; its text equals the whole answer', async () => {
  await using gateway = await startGateway(says(ANSWER))
  const response = await gateway.post('/chat/completions', { model: 'ember', messages: USER, stream: true })
  expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/)
  const chunks = await chunksOf(response)
  expect(chunks[0]?.choices[0]?.delta).toEqual({ role: 'assistant', content: null })
  expect(chunks.filter((chunk) => chunk.choices[0]?.delta.role !== undefined)).toHaveLength(1)
  expect(textOf(chunks)).toBe(ANSWER)
  expect(chunks.every((chunk) => !(chunk.choices[0]?.delta.content ?? '').includes('\ufffd'))).toBe(true)
  expect(chunks.filter((chunk) => chunk.choices[0]?.finish_reason !== null)).toHaveLength(1)
  expect(chunks.at(-1)?.choices[0]).toEqual({ index: 0, delta: {}, finish_reason: 'stop', logprobs: null })
  expect(new Set(chunks.map((chunk) => `${chunk.id} ${chunk.created}`)).size).toBe(1)
  expect(chunks.every((chunk) => !('usage' in chunk))).toBe(true)
})

test('the stream opens with a comment before any event', async () => {
  await using gateway = await startGateway(says(ANSWER))
  const response = await gateway.post(CHAT, { model: 'ember', messages: USER, stream: true })
  expect(await response.text()).toMatch(/^: keep-alive\n\ndata: /)
})

test('include_usage adds one chunk without choices before [DONE], null elsewhere; continuous usage never falls', async () => {
  await using gateway = await startGateway(says(ANSWER))
  const ask = async (options: object) => chunksOf(await gateway.post(CHAT, { model: 'ember', messages: USER, stream: true, stream_options: options }))
  const once = await ask({ include_usage: true })
  expect(once.at(-1)).toMatchObject({ choices: [], usage: { completion_tokens: ember.encode(ANSWER).length + 1 } })
  expect(once.slice(0, -1).every((chunk) => chunk.usage === null)).toBe(true)
  const counts = (await ask({ include_usage: true, continuous_usage_stats: true })).map((chunk) => chunk.usage?.completion_tokens ?? -1)
  expect(counts).toEqual([...counts].sort((a, b) => a - b))
  expect(counts[0]).toBeGreaterThan(0)
})

test('chunks are padded unless include_obfuscation is false', async () => {
  await using gateway = await startGateway(says(ANSWER))
  const ask = async (options: object) => chunksOf(await gateway.post(CHAT, { model: 'ember', messages: USER, stream: true, ...options }))
  const padded = (await ask({})).filter((chunk) => chunk.choices[0]?.delta.content)
  expect(new Set(padded.map((chunk) => ((chunk.choices[0]?.delta.content ?? '').length + (chunk.obfuscation ?? '').length) % 16))).toEqual(
    new Set([0]),
  )
  expect((await ask({ stream_options: { include_obfuscation: false } })).every((chunk) => chunk.obfuscation === undefined)).toBe(true)
})

test('stop strings end the answer and are not part of it, streamed and whole', async () => {
  await using gateway = await startGateway(says(ANSWER))
  for (const stop of [' tiny', ['zzz', ', a t']]) {
    const expected = ANSWER.slice(0, ANSWER.indexOf(typeof stop === 'string' ? stop : ', a t'))
    const whole = bodySchema.parse(await (await gateway.post(CHAT, { model: 'ember', messages: USER, stop })).json())
    expect(whole.choices[0]).toMatchObject({ message: { content: expected }, finish_reason: 'stop' })
    expect(textOf(await chunksOf(await gateway.post(CHAT, { model: 'ember', messages: USER, stop, stream: true })))).toBe(expected)
  }
  await eventually(() => gateway.backend.active() === 0, 1000)
})

test('max_completion_tokens wins over max_tokens and is exact', async () => {
  await using gateway = await startGateway(says(ANSWER))
  const body = bodySchema.parse(await (await gateway.post(CHAT, { model: 'ember', messages: USER, max_completion_tokens: 3, max_tokens: 7 })).json())
  expect(body.choices[0]?.finish_reason).toBe('length')
  expect(body.usage.completion_tokens).toBe(3)
  const old = bodySchema.parse(await (await gateway.post(CHAT, { model: 'ember', messages: USER, max_tokens: 7 })).json())
  expect(old.usage.completion_tokens).toBe(7)
})

test('without max tokens an answer may fill what the context leaves', async () => {
  await using gateway = await startGateway(says('Hi'))
  await gateway.post(CHAT, { model: 'ember', messages: USER })
  expect(gateway.backend.requests[0]?.maxTokens).toBe(1024 - ember.encodeChat(USER).length)
})

test('n choices come interleaved, each with its own seed and finish', async () => {
  await using gateway = await startGateway(says(ANSWER))
  const chunks = await chunksOf(await gateway.post(CHAT, { model: 'ember', messages: USER, n: 3, seed: 5, stream: true }))
  for (const index of [0, 1, 2]) {
    expect(textOf(chunks, index)).toBe(ANSWER)
    expect(chunks.flatMap((chunk) => chunk.choices).filter((choice) => choice.index === index && choice.finish_reason !== null)).toHaveLength(1)
  }
  const order = chunks.map((chunk) => chunk.choices[0]?.index)
  expect(order.indexOf(2)).toBeLessThan(order.lastIndexOf(0))
  expect(gateway.backend.requests.map((request) => request.sampling.seed)).toEqual(['5', '6', '7'])
  const whole = bodySchema.parse(await (await gateway.post(CHAT, { model: 'ember', messages: USER, n: 2 })).json())
  expect(whole.choices.map((choice) => choice.index)).toEqual([0, 1])
  expect(whole.usage.prompt_tokens).toBe(ember.encodeChat(USER).length)
})

test('sampling fields reach the ring as they are; absent ones come from the model', async () => {
  await using gateway = await startGateway(says('Hi'))
  await gateway.post(CHAT, {
    model: 'ember',
    messages: USER,
    temperature: 0.7,
    top_p: 0.9,
    top_k: 40,
    min_p: 0.05,
    presence_penalty: 1,
    frequency_penalty: -1,
    repetition_penalty: 1.1,
    logit_bias: { '7': -100, '9': 2.5 },
    seed: -3,
    user: 'u',
    metadata: { a: 'b' },
    store: false,
    service_tier: 'auto',
    unknown_field: 1,
  })
  expect(gateway.backend.requests[0]?.sampling).toEqual({
    temperature: 0.7,
    topP: 0.9,
    topK: 40,
    minP: 0.05,
    presencePenalty: 1,
    frequencyPenalty: -1,
    repetitionPenalty: 1.1,
    logitBias: [
      [7, -100],
      [9, 2.5],
    ],
    seed: '-3',
  })
  await gateway.post(CHAT, { model: 'ember', messages: USER })
  expect(gateway.backend.requests[1]?.sampling).toMatchObject({ temperature: 0, topP: 1, topK: 0 })
})

test('one trailing assistant turn is continued', async () => {
  await using gateway = await startGateway(says(' Ember'))
  const messages = [...USER, { role: 'assistant', content: 'I am' }]
  const body = bodySchema.parse(await (await gateway.post(CHAT, { model: 'ember', messages })).json())
  expect(body.choices[0]?.message.content).toBe(' Ember')
  expect(gateway.backend.requests[0]?.promptIds).toEqual(ember.encodeChat(messages, { continueFinal: true }))
})

test('text parts are joined and equal the plain string', async () => {
  await using gateway = await startGateway(says('Hi'))
  const parts = [
    { type: 'text', text: 'Hel', extra: 1 },
    { type: 'text', text: 'lo!' },
  ]
  await gateway.post(CHAT, { model: 'ember', messages: [{ role: 'user', content: parts }] })
  expect(gateway.backend.requests[0]?.promptIds).toEqual(ember.encodeChat(USER))
})

const BAD_FIELDS: readonly [param: string, fields: object][] = [
  ['messages', { messages: null }],
  ['messages', { messages: 'hi' }],
  ['messages[0]', { messages: [123] }],
  ['messages[0].role', { messages: [{}] }],
  ['messages[0].role', { messages: [{ role: 5, content: 'x' }] }],
  ['messages[0].content', { messages: [{ role: 'user', content: 5 }] }],
  ['messages', { messages: [] }],
  ['messages[0].content', { messages: [{ role: 'user' }] }],
  ['messages[0]', { messages: [null] }],
  ['messages', { messages: [...USER, { role: 'assistant', content: 'a' }, { role: 'assistant', content: 'b' }] }],
  ['temperature', { temperature: 2.1 }],
  ['temperature', { temperature: 'hot' }],
  ['top_p', { top_p: -0.1 }],
  ['presence_penalty', { presence_penalty: 3 }],
  ['frequency_penalty', { frequency_penalty: -3 }],
  ['n', { n: 0 }],
  ['n', { n: 129 }],
  ['seed', { seed: 2 ** 64 }],
  ['seed', { seed: 1.5 }],
  ['max_tokens', { max_tokens: 0 }],
  ['max_completion_tokens', { max_completion_tokens: -1 }],
  ['logit_bias', { logit_bias: { '4096': 1 } }],
  ['logit_bias', { logit_bias: { x: 1 } }],
  ['logit_bias.5', { logit_bias: { '5': 101 } }],
  ['stop', { stop: ['a', 'b', 'c', 'd', 'e'] }],
  ['stream_options', { stream_options: { include_usage: true } }],
  ['stream', { stream: 'yes' }],
]
test.each(BAD_FIELDS)('a bad %s is 400 invalid_value: %j', async (param, fields) => {
  await using gateway = await startGateway()
  const response = await gateway.post(CHAT, { model: 'ember', messages: USER, ...fields })
  expect(response.status).toBe(400)
  expect(await errorOf(response)).toMatchObject({ type: 'invalid_request_error', code: 'invalid_value', param })
  expect(gateway.backend.requests).toHaveLength(0)
})

const UNSUPPORTED: readonly [param: string, fields: object][] = [
  ['tools', { tools: [{ type: 'function', function: { name: 'f' } }] }],
  ['tool_choice', { tool_choice: 'required' }],
  ['response_format', { response_format: { type: 'json_object' } }],
  ['logprobs', { logprobs: true }],
  ['top_logprobs', { top_logprobs: 2 }],
  ['modalities', { modalities: ['text', 'audio'] }],
  ['audio', { audio: { voice: 'x' } }],
  ['prediction', { prediction: { type: 'content', content: 'x' } }],
  ['web_search_options', { web_search_options: {} }],
  ['reasoning_effort', { reasoning_effort: 'low' }],
  ['grammar', { grammar: 'root ::= "a"' }],
  ['stop_token_ids', { stop_token_ids: [5] }],
  ['messages[0].content[0]', { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'http://x/y.png' } }] }] }],
  ['messages[0].tool_calls', { messages: [{ role: 'assistant', content: null, tool_calls: [{}] }, ...USER] }],
  ['messages[0].role', { messages: [{ role: 'tool', content: 'x', tool_call_id: '1' }] }],
]
test.each(UNSUPPORTED)('%s is refused by name, not ignored: %j', async (param, fields) => {
  await using gateway = await startGateway()
  const response = await gateway.post(CHAT, { model: 'ember', messages: USER, ...fields })
  expect(response.status).toBe(400)
  expect(await errorOf(response)).toMatchObject({ code: 'unsupported_field', param })
})

test.each([{ tools: [] }, { tools: null }, { logprobs: false }, { response_format: { type: 'text' } }, { n: null, stop: null, seed: null }])(
  'values that ask for nothing pass: %j',
  async (fields) => {
    await using gateway = await startGateway(says('Hi'))
    expect((await gateway.post(CHAT, { model: 'ember', messages: USER, ...fields })).status).toBe(200)
  },
)

test('an unknown or missing model is 404 model_not_found, never replaced', async () => {
  await using gateway = await startGateway()
  for (const model of ['gpt-4', 'org/none', undefined, null, 7, '', '../ember', 'EMBER\n']) {
    const response = await gateway.post(CHAT, { model, messages: USER })
    expect(response.status).toBe(404)
    expect(await errorOf(response)).toMatchObject({ code: 'model_not_found', param: 'model', type: 'invalid_request_error' })
  }
  expect(gateway.backend.requests).toHaveLength(0)
})

test('a prompt longer than the context is 400 with both counts, also for a stream', async () => {
  await using gateway = await startGateway()
  for (const content of ['word '.repeat(2000), 'x'.repeat(3_000_000)]) {
    const response = await gateway.post(CHAT, { model: 'ember', messages: [{ role: 'user', content }], stream: true })
    expect(response.status).toBe(400)
    const error = await errorOf(response)
    expect(error).toMatchObject({ code: 'context_length_exceeded', type: 'invalid_request_error', n_ctx: 1024 })
    expect(error.n_prompt_tokens).toBeGreaterThan(1024)
  }
})

test.each([
  ['no_ring', 503, 'x-should-retry', 'false'],
  ['not_enough_memory', 503, 'x-should-retry', 'false'],
  ['ring_reforming', 503, 'retry-after', '3'],
] as const)('%s before the first token is %d with %s, also for a stream', async (code, status, header, value) => {
  await using gateway = await startGateway({ notServing: new ClusterError(code, 'why', { detail: { retryAfterSeconds: 3 } }) })
  for (const stream of [false, true]) {
    const response = await gateway.post(CHAT, { model: 'ember', messages: USER, stream })
    expect(response.status).toBe(status)
    expect(response.headers.get(header)).toBe(value)
    expect(await errorOf(response)).toMatchObject({ code, message: 'why', type: 'server_error' })
  }
})

test('an error in mid-stream is an event, then [DONE], and no finish reason', async () => {
  await using gateway = await startGateway({ ...says(ANSWER), failure: { index: 3, error: new ClusterError('ring_broken', 'device left') } })
  const events = await readEvents(await gateway.post(CHAT, { model: 'ember', messages: USER, stream: true }))
  expect(events.slice(-2)).toEqual([{ error: { message: 'device left', type: 'server_error', param: null, code: 'ring_broken' } }, '[DONE]'])
  expect(JSON.stringify(events)).not.toMatch(/"finish_reason":"/)
})

test('an unexpected failure is 500 and keeps its message at home', async () => {
  const broken = {
    index: 0,
    get error(): ClusterError {
      throw new TypeError('secret path')
    },
  }
  await using gateway = await startGateway({ failure: broken })
  const response = await gateway.post(CHAT, { model: 'ember', messages: USER })
  expect(response.status).toBe(500)
  expect(JSON.stringify(await errorOf(response))).not.toContain('secret')
  expect(gateway.logged.join('')).toContain('secret path')
})

/** Tokens without end, one every millisecond. */
const endless = (): Script => ({
  answer: (request) => Array.from({ length: request.maxTokens }, () => 300),
  beforeToken: () => new Promise((resolve) => setTimeout(resolve, 1)),
})

test('a client that goes away cancels its work within 1 s', async () => {
  await using gateway = await startGateway(endless())
  const abort = new AbortController()
  const response = await gateway.post(CHAT, { model: 'ember', messages: USER, stream: true, n: 3 }, { signal: abort.signal })
  await response.body?.getReader().read()
  const left = performance.now()
  abort.abort()
  await eventually(() => gateway.backend.active() === 0, 1000)
  expect(gateway.backend.aborts).toHaveLength(3)
  expect(Math.max(...gateway.backend.aborts) - left).toBeLessThan(1000)
})

test('a client that goes away while a whole answer is computed cancels it too', async () => {
  await using gateway = await startGateway(endless())
  const abort = new AbortController()
  const asked = gateway.post(CHAT, { model: 'ember', messages: USER }, { signal: abort.signal }).catch((error: unknown) => error)
  await eventually(() => gateway.backend.active() === 1, 1000)
  abort.abort()
  expect(await asked).toBeInstanceOf(Error)
  await eventually(() => gateway.backend.active() === 0, 1000)
})

test('200 abandoned streams leave nothing behind and the next request is answered', async () => {
  await using gateway = await startGateway({
    beforeToken: (index, request) => (index === 0 || request.maxTokens === 1 ? Promise.resolve() : new Promise(() => undefined)),
  })
  const abandon = async (): Promise<void> => {
    const abort = new AbortController()
    const response = await gateway.post(CHAT, { model: 'ember', messages: USER, stream: true }, { signal: abort.signal })
    await response.body?.getReader().read()
    abort.abort()
  }
  for (let batch = 0; batch < 10; batch++) await Promise.all(Array.from({ length: 20 }, abandon))
  expect(gateway.backend.requests).toHaveLength(200)
  await eventually(() => gateway.backend.active() === 0, 2000)
  const start = performance.now()
  expect((await gateway.post(CHAT, { model: 'ember', messages: USER, max_tokens: 1 })).status).toBe(200)
  expect(performance.now() - start).toBeLessThan(5000)
  expect(await (await fetch(`${gateway.url}/metrics`)).text()).toMatch(/ringlet_sequences_running 0\n/)
})

test('cancel by id ends that stream with a typed error and only that one; unknown ids are 404', async () => {
  let release = (): void => undefined
  const gate = new Promise<void>((resolve) => (release = resolve))
  await using gateway = await startGateway({ ...says(ANSWER), beforeToken: (index) => (index < 2 ? Promise.resolve() : gate) })
  const open = async () => {
    const response = await gateway.post(CHAT, { model: 'ember', messages: USER, stream: true })
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
    let text = ''
    while (!text.includes('chatcmpl-')) text += (await reader?.read())?.value ?? ''
    const rest = async (): Promise<string> => {
      for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) text += part.value
      return text
    }
    return { id: /chatcmpl-[0-9a-f]+/.exec(text)?.[0] ?? '', rest }
  }
  const [first, second] = [await open(), await open()]
  expect((await gateway.post(`/v1/cancel/${first.id}`, {})).status).toBe(200)
  const cancelled = await first.rest()
  expect(cancelled).toContain('"code":"cancelled"')
  expect(cancelled.endsWith('data: [DONE]\n\n')).toBe(true)
  release()
  expect(await second.rest()).toContain('"finish_reason":"stop"')
  expect((await gateway.post(`/v1/cancel/${first.id}`, {})).status).toBe(404)
})

test('the official client lists models, chats, streams, aborts and gets typed errors', async () => {
  await using gateway = await startGateway(says(ANSWER))
  const client = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: 'none', maxRetries: 0 })
  expect((await client.models.list()).data.map((model) => model.id)).toContain('ember')
  expect((await client.models.retrieve('ember')).owned_by).toBe('ringlet')
  const messages = [{ role: 'user' as const, content: 'Hello!' }]
  const whole = await client.chat.completions.create({ model: 'ember', messages })
  expect(whole.choices[0]?.message.content).toBe(ANSWER)
  expect(whole._request_id).toMatch(/^req_/)
  let streamed = ''
  const stream = await client.chat.completions.create({ model: 'ember', messages, stream: true, stream_options: { include_usage: true } })
  let total = 0
  for await (const chunk of stream) {
    streamed += chunk.choices[0]?.delta.content ?? ''
    total = chunk.usage?.total_tokens ?? total
  }
  expect(streamed).toBe(ANSWER)
  expect(total).toBe(whole.usage?.total_tokens)
  await expect(client.chat.completions.create({ model: 'nope', messages })).rejects.toBeInstanceOf(NotFoundError)
  await expect(client.chat.completions.create({ model: 'ember', messages: [] })).rejects.toBeInstanceOf(BadRequestError)
  const helper = await client.chat.completions.stream({ model: 'ember', messages }).finalContent()
  expect(helper).toBe(ANSWER)
})

test('the official client sees an error event as APIError, and its abort reaches the ring', async () => {
  await using broken = await startGateway({ ...says(ANSWER), failure: { index: 2, error: new ClusterError('ring_broken', 'device left') } })
  const messages = [{ role: 'user' as const, content: 'Hello!' }]
  const read = async (): Promise<void> => {
    const client = new OpenAI({ baseURL: `${broken.url}/v1`, apiKey: 'none', maxRetries: 0 })
    for await (const _chunk of await client.chat.completions.create({ model: 'ember', messages, stream: true })) void _chunk
  }
  await expect(read()).rejects.toMatchObject({ code: 'ring_broken', message: expect.stringContaining('device left') })
  await using gateway = await startGateway(endless())
  const client = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: 'none' })
  const stream = await client.chat.completions.create({ model: 'ember', messages, stream: true })
  for await (const chunk of stream) if (chunk.choices[0]?.delta.content) break
  stream.controller.abort()
  await eventually(() => gateway.backend.active() === 0, 1000)
})

test('the official client retries while the ring is forming and not when there is none', async () => {
  const attempts = async (code: 'ring_reforming' | 'no_ring'): Promise<number> => {
    await using gateway = await startGateway({ notServing: new ClusterError(code, 'why', { detail: { retryAfterSeconds: 0 } }) })
    const client = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: 'none', maxRetries: 1 })
    await expect(client.chat.completions.create({ model: 'ember', messages: [{ role: 'user', content: 'x' }] })).rejects.toBeInstanceOf(
      InternalServerError,
    )
    return gateway.backend.requests.length
  }
  expect(await attempts('ring_reforming')).toBe(2)
  expect(await attempts('no_ring')).toBe(1)
})
