import OpenAI, { BadRequestError, InternalServerError, NotFoundError } from 'openai'
import { expect, test } from 'vitest'
import { ANSWER, endless, says } from '../tests/harness/chat.ts'
import { eventually, startGateway } from '../tests/harness/gateway.ts'
import { ClusterError } from '../protocol/errors.ts'

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
