import { Ollama } from 'ollama'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { ClusterError } from '../protocol/errors.ts'
import { ANSWER, ember, endless, says, USER } from '../tests/harness/chat.ts'
import { eventually, NO_WISHES, startGateway } from '../tests/harness/gateway.ts'

const HELLO = [{ role: 'user', content: 'Hello!' }]
const lineSchema = z.looseObject({ model: z.string(), created_at: z.string(), done: z.boolean() })
const linesOf = async (response: Response) =>
  (await response.text())
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => lineSchema.parse(JSON.parse(line)))
const errorOf = async (response: Response) => z.object({ error: z.string() }).parse(await response.json()).error

test('the official client chats, whole and as a stream, with counts and durations', async () => {
  await using gateway = await startGateway(says(ANSWER))
  const client = new Ollama({ host: gateway.url })
  const whole = await client.chat({ model: 'ember:latest', messages: HELLO })
  expect(whole).toMatchObject({ model: 'ember', message: { role: 'assistant', content: ANSWER }, done: true, done_reason: 'stop', load_duration: 0 })
  expect(whole).toMatchObject({ prompt_eval_count: ember.encodeChat(USER).length, eval_count: ember.encode(ANSWER).length + 1 })
  expect(whole.total_duration).toBe(whole.prompt_eval_duration + whole.eval_duration)
  let text = ''
  for await (const part of await client.chat({ model: 'ember', messages: HELLO, stream: true })) text += part.message.content
  expect(text).toBe(ANSWER)
  expect(gateway.backend.requests[0]?.promptIds).toEqual(ember.encodeChat(USER))
})

test('streaming is the default: one JSON object a line, the last with done_reason', async () => {
  await using gateway = await startGateway(says(ANSWER))
  const response = await gateway.post('/api/chat', { model: 'ember', messages: HELLO })
  expect(response.headers.get('content-type')).toBe('application/x-ndjson')
  const lines = await linesOf(response)
  expect(lines.slice(0, -1).every(({ done }) => !done)).toBe(true)
  expect(lines.at(-1)).toMatchObject({ done: true, done_reason: 'stop', eval_count: ember.encode(ANSWER).length + 1 })
})

test('generate takes a system text, or raw a prompt as it is', async () => {
  await using gateway = await startGateway(says('x'))
  const client = new Ollama({ host: gateway.url })
  expect(await client.generate({ model: 'ember', prompt: 'Hello!', system: 'Be brief.' })).toMatchObject({ response: 'x', done: true })
  await client.generate({ model: 'ember', prompt: 'Once upon', raw: true })
  const turns = [
    { role: 'system', content: 'Be brief.' },
    { role: 'user', content: 'Hello!' },
  ]
  expect(gateway.backend.requests.map(({ promptIds }) => promptIds)).toEqual([ember.encodeChat(turns), ember.encode('Once upon')])
  const both = await gateway.post('/api/generate', { model: 'ember', prompt: 'x', raw: true, system: 'y' })
  expect([both.status, await errorOf(both)]).toEqual([400, expect.stringMatching(/^system:/)])
})

test('options reach the sampler; num_predict and num_ctx bound the answer', async () => {
  await using gateway = await startGateway(endless())
  const client = new Ollama({ host: gateway.url })
  const options = { temperature: 0.5, top_k: 7, top_p: 0.9, min_p: 0.1, seed: 42, repeat_penalty: 1.1, num_predict: 3 }
  expect(await client.generate({ model: 'ember', prompt: 'Hi', options })).toMatchObject({ done_reason: 'length', eval_count: 3 })
  expect(gateway.backend.requests[0]?.sampling).toMatchObject({
    temperature: 0.5,
    topK: 7,
    topP: 0.9,
    minP: 0.1,
    seed: '42',
    repetitionPenalty: 1.1,
  })
  const prompt = ember.encodeChat([{ role: 'user', content: 'Hi' }]).length
  const bounded = await client.generate({ model: 'ember', prompt: 'Hi', options: { num_ctx: prompt + 4, num_predict: -1 } })
  expect(bounded.eval_count).toBe(4)
  const short = await gateway.post('/api/generate', { model: 'ember', prompt: 'Hi', options: { num_ctx: prompt } })
  expect([short.status, await errorOf(short)]).toEqual([400, expect.stringMatching(/num_ctx/)])
})

test('an empty prompt loads the model, and with keep_alive 0 gives it up', async () => {
  const wished: string[] = []
  const wishes = { ...NO_WISHES, ask: () => void wished.push('ask'), drop: () => void wished.push('drop') }
  await using gateway = await startGateway({}, { wishes })
  const client = new Ollama({ host: gateway.url })
  expect(await client.generate({ model: 'ember', prompt: '' })).toMatchObject({ response: '', done: true, done_reason: 'load' })
  expect(await client.generate({ model: 'ember', prompt: '', keep_alive: 0 })).toMatchObject({ done_reason: 'unload' })
  expect(await client.chat({ model: 'ember', messages: [] })).toMatchObject({ done_reason: 'load' })
  expect(wished).toEqual(['ask', 'drop', 'ask'])
})

test('tags, show, ps, pull and version describe what is here', async () => {
  await using gateway = await startGateway()
  const client = new Ollama({ host: gateway.url })
  const { models } = await client.list()
  const tag = models.find(({ name }) => name === 'ember')
  expect(tag).toMatchObject({
    model: 'ember',
    details: { format: 'safetensors', family: 'llama', parameter_size: expect.stringMatching(/^\d+\.\dM$/) },
  })
  expect(tag?.size).toBeGreaterThan(1e6)
  expect(tag?.digest).toMatch(/^[0-9a-f]{64}$/)
  const shown = await client.show({ model: 'ember' })
  expect(shown.model_info).toMatchObject({ 'general.architecture': 'llama', 'llama.block_count': 8, 'llama.context_length': ember.contextLength })
  expect(shown.template).toContain('{%')
  expect(shown.capabilities).toEqual(['completion'])
  const { models: running } = await client.ps()
  expect(running).toMatchObject([{ name: 'ember', size: 1, size_vram: 0, digest: tag?.digest }])
  expect(await client.pull({ model: 'ember' })).toMatchObject({ status: 'success' })
  expect((await client.version()).version).toMatch(/^\d+\.\d+\.\d+$/)
})

test.each([
  ['format', '/api/chat', { messages: HELLO, format: { type: 'array', uniqueItems: true } }],
  ['tools', '/api/chat', { messages: HELLO, tools: [{ type: 'retrieval' }] }],
  ['messages\\[0\\]\\.images', '/api/chat', { messages: [{ role: 'user', content: 'x', images: ['aGk='] }] }],
  ['think', '/api/chat', { messages: HELLO, think: true }],
  ['template', '/api/generate', { prompt: 'x', template: '{{ .Prompt }}' }],
  ['context', '/api/generate', { prompt: 'x', context: [1, 2] }],
  ['mirostat', '/api/generate', { prompt: 'x', options: { mirostat: 1 } }],
])('%s is refused by name, not ignored', async (field, path, body) => {
  await using gateway = await startGateway()
  const response = await gateway.post(path, { model: 'ember', ...body })
  expect([response.status, await errorOf(response)]).toEqual([400, expect.stringMatching(new RegExp(field))])
  expect(gateway.backend.requests).toHaveLength(0)
})

test('errors are one text: unknown model 404, queue full 503, in mid-stream a line', async () => {
  await using gateway = await startGateway({ notServing: new ClusterError('queue_full', 'too many wait') })
  const unknown = await gateway.post('/api/chat', { model: 'nope', messages: HELLO })
  expect([unknown.status, await errorOf(unknown)]).toEqual([404, expect.stringMatching(/nope/)])
  const full = await gateway.post('/api/chat', { model: 'ember', messages: HELLO })
  expect([full.status, await errorOf(full)]).toEqual([503, 'too many wait'])
  await using broken = await startGateway({ ...says(ANSWER), failure: { index: 2, error: new ClusterError('ring_broken', 'device left') } })
  const text = await (await broken.post('/api/chat', { model: 'ember', messages: HELLO })).text()
  expect(JSON.parse(text.trim().split('\n').at(-1) ?? '')).toEqual({ error: 'device left' })
})

test('the probe at / gets its line only where no page is wanted', async () => {
  await using gateway = await startGateway()
  const plain = await fetch(gateway.url, { headers: { accept: 'application/json' } })
  expect(await plain.text()).toBe('Ollama is running')
  expect((await fetch(gateway.url, { headers: { accept: 'text/html' } })).status).toBe(404)
})

test('a client that goes away ends its answer', async () => {
  await using gateway = await startGateway(endless())
  const client = new Ollama({ host: gateway.url })
  for await (const _part of await client.chat({ model: 'ember', messages: HELLO, stream: true })) break
  client.abort()
  await eventually(() => gateway.backend.active() === 0, 1000)
})

test('with keys set every endpoint of the dialect needs one, in its own error shape', async () => {
  await using gateway = await startGateway({}, { apiKeys: ['secret-key'] })
  for (const path of ['/api/tags', '/api/ps']) {
    const response = await fetch(gateway.url + path)
    expect([response.status, await errorOf(response)]).toEqual([401, expect.stringMatching(/API key/)])
  }
})
