/** Reasoning told apart from the answer, in the words of every dialect. */
import Anthropic from '@anthropic-ai/sdk'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { z } from 'zod'
import { CHAT, ember, says, USER } from '../tests/harness/chat.ts'
import { readEvents, startGateway } from '../tests/harness/gateway.ts'
import { writeTextModel } from '../tests/harness/text-model.ts'
import { createModelCatalog } from './model-catalog.ts'

const root = mkdtempSync(path.join(tmpdir(), 'ringlet-reasoning-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))
writeTextModel(path.join(root, 'thinker'), '{{ messages[0].content }}{% if enable_thinking is false %}<think>\n\n</think>{% endif %}')
const models = createModelCatalog({ folders: [root] })
const BODY = { model: 'thinker', messages: USER, max_tokens: 200 }
const THOUGHT = '<think>\nLet me see. 👩‍🚀\n</think>\n\nYes.'
const open = () => startGateway(says(THOUGHT), { models })

test('reasoning_content beside content, whole and streamed; switched off there is none', async () => {
  await using gateway = await open()
  const message = z.object({ choices: z.array(z.object({ message: z.looseObject({}) })), usage: z.looseObject({}) })
  const { choices, usage } = message.parse(await (await gateway.post(CHAT, BODY)).json())
  expect(choices[0]?.message).toMatchObject({ content: 'Yes.', reasoning_content: 'Let me see. 👩‍🚀\n' })
  // The mark that opens it is several tokens here, of which the first may still be the answer's.
  const thought = ember.encode(THOUGHT.slice(0, THOUGHT.indexOf('\n\nYes')), false)
  expect(ember.encode('<think>', false).length).toBeGreaterThan(1)
  expect(usage).toMatchObject({ completion_tokens_details: { reasoning_tokens: thought.length } })
  const delta = z.object({ content: z.string().nullish(), reasoning_content: z.string().nullish() })
  const chunk = z.object({ choices: z.array(z.object({ delta })) })
  const deltas = (await readEvents(await gateway.post(CHAT, { ...BODY, stream: true }))).slice(0, -1).flatMap((event) => chunk.parse(event).choices)
  expect(deltas.map((one) => one.delta.reasoning_content ?? '').join('')).toBe('Let me see. 👩‍🚀\n')
  expect(deltas.map((one) => one.delta.content ?? '').join('')).toBe('Yes.')
  await using quiet = await startGateway(says('Yes.'), { models })
  const plain = message.parse(await (await quiet.post(CHAT, { ...BODY, enable_thinking: false })).json()).choices[0]?.message
  expect(plain).toMatchObject({ content: 'Yes.' })
  expect(plain).not.toHaveProperty('reasoning_content')
})

test('thinking in Anthropic’s blocks, Ollama’s field and an item of Responses', async () => {
  await using gateway = await open()
  const client = new Anthropic({ baseURL: gateway.url, apiKey: 'none' })
  const { content } = await client.messages.create({ model: 'thinker', max_tokens: 200, messages: [{ role: 'user', content: 'Hello!' }] })
  expect(content).toMatchObject([
    { type: 'thinking', thinking: 'Let me see. 👩‍🚀\n' },
    { type: 'text', text: 'Yes.' },
  ])
  const ollama = await gateway.post('/api/chat', { model: 'thinker', messages: USER, stream: false })
  expect(await ollama.json()).toMatchObject({ message: { content: 'Yes.', thinking: 'Let me see. 👩‍🚀\n' } })
  const response = await gateway.post('/v1/responses', { model: 'thinker', input: 'Hello!' })
  const { output } = z.object({ output: z.array(z.looseObject({ type: z.string() })) }).parse(await response.json())
  expect(output.map(({ type }) => type)).toEqual(['reasoning', 'message'])
})

test('a required call that one token cuts short finishes with length, whole and streamed', async () => {
  await using gateway = await startGateway({ answer: () => ember.encode('<tool_call>') })
  const tools = [{ type: 'function', function: { name: 'f' } }]
  const body = { model: 'ember', messages: USER, tools, tool_choice: 'required', max_tokens: 1 }
  expect(await (await gateway.post(CHAT, body)).json()).toMatchObject({ choices: [{ finish_reason: 'length' }], usage: { completion_tokens: 1 } })
  const events = await readEvents(await gateway.post(CHAT, { ...body, stream: true }))
  expect(events.at(-2)).toMatchObject({ choices: [{ finish_reason: 'length' }] })
})
