import OpenAI from 'openai'
import { expect, test } from 'vitest'
import { ANSWER, says } from '../tests/harness/chat.ts'
import { startGateway } from '../tests/harness/gateway.ts'

const messages = [{ role: 'user' as const, content: 'Hello!' }]

test('logprobs: one entry a token whose bytes are the text, in a body and joined over a stream; 0 gives an empty list', async () => {
  await using gateway = await startGateway(says(ANSWER))
  const client = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: 'none' })
  const request = { model: 'ember', messages, logprobs: true }
  const { choices } = await client.chat.completions.create({ ...request, top_logprobs: 2 })
  const content = choices[0]?.logprobs?.content ?? []
  expect(Buffer.from(content.flatMap(({ bytes }) => bytes ?? [])).toString()).toBe(ANSWER)
  expect(content.every(({ logprob, top_logprobs }) => logprob <= 0 && top_logprobs.length === 2)).toBe(true)
  const streamed: number[] = []
  for await (const chunk of await client.chat.completions.create({ ...request, stream: true })) {
    for (const { bytes, top_logprobs } of chunk.choices[0]?.logprobs?.content ?? []) {
      streamed.push(...(bytes ?? []))
      expect(top_logprobs).toEqual([])
    }
  }
  expect(Buffer.from(streamed).toString()).toBe(ANSWER)
})

test('logprobs of a text completion are lists side by side with offsets', async () => {
  await using gateway = await startGateway(says('I am Ember'))
  const client = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: 'none' })
  const { choices } = await client.completions.create({ model: 'ember', prompt: 'Hi', logprobs: 1 })
  const { tokens, text_offset, token_logprobs, top_logprobs } = choices[0]?.logprobs ?? {}
  expect(tokens?.join('')).toBe('I am Ember')
  expect(text_offset).toEqual(tokens?.map((_, at) => tokens.slice(0, at).join('').length))
  expect(token_logprobs?.every((logprob) => logprob === -0.25)).toBe(true)
  expect(top_logprobs?.length).toBe(tokens?.length)
})

test('Responses gives logprobs where include asks for them', async () => {
  await using gateway = await startGateway(says(ANSWER))
  const client = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: 'none' })
  const { output } = await client.responses.create({ model: 'ember', input: 'Hi', include: ['message.output_text.logprobs'] })
  const [message] = output
  const [part] = message?.type === 'message' ? message.content : []
  const logprobs = part?.type === 'output_text' ? (part.logprobs ?? []) : []
  expect(Buffer.from(logprobs.flatMap(({ bytes }) => bytes)).toString()).toBe(ANSWER)
})
