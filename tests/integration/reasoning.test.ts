/**
 * A model that reasons, on a ring of two real devices, asked by official clients in every dialect: what it thinks is told apart from
 * what it says, and behind its thoughts the answer keeps to a schema.
 */
import Anthropic from '@anthropic-ai/sdk'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Ollama } from 'ollama'
import OpenAI from 'openai'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { createModelCatalog } from '../../api-gateway/model-catalog.ts'
import { startGateway, type TestGateway } from '../harness/gateway.ts'
import { RING_MODEL, type MemoryRing } from '../harness/memory-ring.ts'
import { openNodeRing } from '../harness/node-ring.ts'
import { writeSpeakingModel } from '../harness/speaking-model.ts'

const THOUGHT = ['Let me', ' see.', ' 👩‍🚀']
const ANSWER = ['Yes', ', of', ' course.']
/** Qwen3's way: with the switch off the template writes empty thoughts itself. */
const TEMPLATE =
  "{% for message in messages %}{{ message.role + ': ' + message.content + '\n' }}{% endfor %}assistant:{% if enable_thinking is false %}<think>\n\n</think>\n\n{% endif %}"
const messages = [{ role: 'user' as const, content: 'Is it so?' }]
const model = RING_MODEL
const root = mkdtempSync(path.join(tmpdir(), 'ringlet-thinker-'))
let ring: MemoryRing
let gateway: TestGateway
beforeAll(async () => {
  writeSpeakingModel(path.join(root, model), { template: TEMPLATE, pieces: ['<think>', '\n', ...THOUGHT, '</think>', '\n\n', ...ANSWER] })
  ring = await openNodeRing(path.join(root, model), 'simd', 'f32')
  gateway = await startGateway({}, { backend: { ...ring.client, view: ring.cluster.view }, models: createModelCatalog({ folders: [root] }) })
}, 60_000)
afterAll(async () => {
  await gateway[Symbol.asyncDispose]()
  await ring[Symbol.asyncDispose]()
  rmSync(root, { recursive: true, force: true })
})
const [thought, answer] = [THOUGHT.join(''), ANSWER.join('')]
/** Every piece is a token, and so is the end. */
const TOKENS = { reasoning: THOUGHT.length + 3, all: THOUGHT.length + ANSWER.length + 5 }

const withReasoning = z.looseObject({ content: z.string().nullish(), reasoning_content: z.string().nullish() })

test('chat completions: reasoning_content beside content, whole and streamed, and its tokens counted apart', async () => {
  const client = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: 'none', maxRetries: 0 })
  const whole = await client.chat.completions.create({ model, messages })
  expect(withReasoning.parse(whole.choices[0]?.message)).toMatchObject({ content: answer, reasoning_content: thought })
  expect(whole.usage).toMatchObject({ completion_tokens: TOKENS.all, completion_tokens_details: { reasoning_tokens: TOKENS.reasoning } })
  const deltas: z.infer<typeof withReasoning>[] = []
  let reasoningTokens: number | undefined
  const stream = await client.chat.completions.create({ model, messages, stream: true, stream_options: { include_usage: true } })
  for await (const { choices, usage } of stream) {
    deltas.push(...choices.map(({ delta }) => withReasoning.parse(delta)))
    reasoningTokens = usage?.completion_tokens_details?.reasoning_tokens ?? reasoningTokens
  }
  expect(deltas.map(({ reasoning_content }) => reasoning_content ?? '').join('')).toBe(thought)
  expect(deltas.map(({ content }) => content ?? '').join('')).toBe(answer)
  expect(reasoningTokens).toBe(TOKENS.reasoning)
  expect(
    ring.cluster
      .view()
      .placements.get(model)
      ?.shards.map(({ endLayer }) => endLayer),
  ).toEqual([1, 2])
})

test('chat completions: behind the thoughts the answer is JSON of the schema, and no thought is', async () => {
  const client = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: 'none', maxRetries: 0 })
  const schema = { type: 'object', properties: { sure: { type: 'boolean' } }, required: ['sure'], additionalProperties: false }
  const format = { type: 'json_schema' as const, json_schema: { name: 'sure', schema } }
  const { choices } = await client.chat.completions.create({ model, messages, response_format: format, max_tokens: 60 })
  const message = withReasoning.parse(choices[0]?.message)
  expect(message.reasoning_content).toBe(thought)
  expect(z.strictObject({ sure: z.boolean() }).parse(JSON.parse(message.content ?? ''))).toBeTruthy()
})

test('Responses: a reasoning item before the message, whole and streamed, and its tokens counted', async () => {
  const client = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: 'none', maxRetries: 0 })
  const whole = await client.responses.create({ model, input: 'Is it so?' })
  expect(whole.output).toMatchObject([{ type: 'reasoning', content: [{ type: 'reasoning_text', text: thought }] }, { type: 'message' }])
  expect(whole.output_text).toBe(answer)
  expect(whole.usage?.output_tokens_details.reasoning_tokens).toBe(TOKENS.reasoning)
  const [types, thoughts]: [string[], string[]] = [[], []]
  for await (const event of await client.responses.create({ model, input: 'Is it so?', stream: true })) {
    types.push(event.type)
    if (event.type === 'response.reasoning_text.delta') thoughts.push(event.delta)
  }
  expect(thoughts.join('')).toBe(thought)
  expect(types.indexOf('response.reasoning_text.done')).toBeGreaterThan(0)
  expect(types.indexOf('response.reasoning_text.done')).toBeLessThan(types.indexOf('response.output_text.delta'))
})

test('Anthropic: a thinking block before the text, whole and through the stream helper; switched off there is none', async () => {
  const client = new Anthropic({ baseURL: gateway.url, apiKey: 'none', maxRetries: 0 })
  const request = { model, max_tokens: 100, messages }
  const blocks = [
    { type: 'thinking', thinking: thought },
    { type: 'text', text: answer },
  ]
  expect((await client.messages.create({ ...request, thinking: { type: 'enabled', budget_tokens: 1024 } })).content).toMatchObject(blocks)
  expect((await client.messages.stream(request).finalMessage()).content).toMatchObject(blocks)
  const off = await client.messages.create({ ...request, thinking: { type: 'disabled' } })
  expect(off.content.map(({ type }) => type)).toEqual(['text'])
})

test('Ollama: think fills thinking, in chat and generate, whole and streamed', async () => {
  const client = new Ollama({ host: gateway.url })
  const { message } = await client.chat({ model, messages, think: true })
  expect([message.thinking, message.content]).toEqual([thought, answer])
  const generated = await client.generate({ model, prompt: 'Is it so?', think: true })
  expect([generated.thinking, generated.response]).toEqual([thought, answer])
  const [thoughts, texts]: [string[], string[]] = [[], []]
  for await (const part of await client.chat({ model, messages, think: true, stream: true })) {
    thoughts.push(part.message.thinking ?? '')
    texts.push(part.message.content)
  }
  expect([thoughts.join(''), texts.join('')]).toEqual([thought, answer])
})
