import { expect, test } from 'vitest'
import { ANSWER, bodySchema, CHAT, chunksOf, ember, says, textOf, USER } from '../tests/harness/chat.ts'
import { eventually, startGateway } from '../tests/harness/gateway.ts'

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
