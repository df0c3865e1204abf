import { beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import OpenAI from 'openai'
import { emberText, readEvents, startGateway } from '../tests/harness/gateway.ts'
import type { TextModel } from '../core/text/text-model.ts'

let ember: TextModel
beforeAll(async () => {
  ember = await emberText()
})

const PATH = '/v1/completions'
const bodySchema = z.object({
  id: z.string().startsWith('cmpl-'),
  object: z.literal('text_completion'),
  model: z.literal('ember'),
  choices: z.array(z.object({ index: z.number(), text: z.string(), finish_reason: z.string().nullable(), logprobs: z.null() })),
  usage: z.object({ prompt_tokens: z.number(), completion_tokens: z.number(), total_tokens: z.number() }).nullish(),
})
const answering = (text: string) => ({ answer: () => ember.encode(text) })

test('max_tokens is 16 unless given', async () => {
  await using gateway = await startGateway({ answer: () => Array.from({ length: 50 }, () => 300) })
  const body = bodySchema.parse(await (await gateway.post(PATH, { model: 'ember', prompt: 'Once' })).json())
  expect(body.usage?.completion_tokens).toBe(16)
  expect(body.choices[0]?.finish_reason).toBe('length')
})

test('a text, texts, ids and lists of ids: n × prompts choices in prompt order', async () => {
  await using gateway = await startGateway({ answer: (request) => request.promptIds })
  const [a, b] = [ember.encode('one'), ember.encode('two two')]
  const ask = async (prompt: unknown, n = 1) => bodySchema.parse(await (await gateway.post(PATH, { model: 'ember', prompt, n })).json())
  expect((await ask('one')).choices.map((choice) => choice.text)).toEqual(['one'])
  expect((await ask(['one', 'two two'], 2)).choices.map((choice) => choice.text)).toEqual(['one', 'one', 'two two', 'two two'])
  expect((await ask(a)).choices.map((choice) => choice.text)).toEqual(['one'])
  const both = await ask([a, b])
  expect(both.choices.map((choice) => choice.text)).toEqual(['one', 'two two'])
  expect(both.usage?.prompt_tokens).toBe(a.length + b.length)
})

test('echo puts the prompt before each choice, streamed and whole', async () => {
  await using gateway = await startGateway(answering(' upon a time'))
  for (const prompt of ['Once', ember.encode('Once')]) {
    const whole = bodySchema.parse(await (await gateway.post(PATH, { model: 'ember', prompt, echo: true })).json())
    expect(whole.choices[0]?.text).toBe('Once upon a time')
    const events = await readEvents(
      await gateway.post(PATH, { model: 'ember', prompt, echo: true, stream: true, stream_options: { include_usage: true } }),
    )
    expect(events.at(-1)).toBe('[DONE]')
    const chunks = events.slice(0, -1).map((event) => bodySchema.parse(event))
    expect(chunks.flatMap((chunk) => chunk.choices.map((choice) => choice.text)).join('')).toBe('Once upon a time')
    expect(chunks.flatMap((chunk) => chunk.choices).filter((choice) => choice.finish_reason !== null)).toHaveLength(1)
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { prompt_tokens: ember.encode('Once').length } })
  }
})

test('echo with logprobs: of every token of the prompt but the first, then of the answer, streamed and whole', async () => {
  const answer = ember.encode(' upon a time', false)
  await using gateway = await startGateway({ answer: ({ givenIds = [] }) => [...givenIds, ...answer] })
  const listsSchema = z.object({
    tokens: z.array(z.string()),
    token_logprobs: z.array(z.number().nullable()),
    top_logprobs: z.array(z.record(z.string(), z.number()).nullable()),
    text_offset: z.array(z.number()),
  })
  const schema = z.object({
    choices: z.array(z.object({ text: z.string(), logprobs: listsSchema.nullable() })),
    usage: z.object({ prompt_tokens: z.number(), completion_tokens: z.number() }).nullish(),
  })
  const prompt = ember.encode('Once there was', false)
  const request = { model: 'ember', prompt, echo: true, logprobs: 2 }
  const { choices, usage } = schema.parse(await (await gateway.post(PATH, request)).json())
  const lists = choices[0]?.logprobs
  expect(choices[0]?.text).toBe('Once there was upon a time')
  expect(lists?.tokens.join('')).toBe(choices[0]?.text)
  expect(lists?.token_logprobs).toEqual([...prompt, ...answer].map((_, i) => (i === 0 ? null : -0.25)))
  expect(lists?.top_logprobs.map((top) => top === null)).toEqual(lists?.token_logprobs.map((one) => one === null))
  expect(lists?.text_offset).toEqual(lists?.tokens.map((_, i) => lists.tokens.slice(0, i).join('').length))
  expect(usage?.prompt_tokens).toBe(prompt.length)
  // The script ends in a stop token, which counts.
  expect(usage?.completion_tokens).toBe(answer.length + 1)
  const events = await readEvents(await gateway.post(PATH, { ...request, stream: true }))
  const chunks = events.slice(0, -1).flatMap((event) => schema.parse(event).choices)
  expect(chunks.map(({ text }) => text).join('')).toBe(choices[0]?.text)
  expect(chunks.flatMap(({ logprobs }) => logprobs?.token_logprobs ?? [])).toEqual(lists?.token_logprobs)
  expect(chunks.flatMap(({ logprobs }) => logprobs?.text_offset ?? [])).toEqual(lists?.text_offset)
})

test('max_tokens 0 samples nothing: with echo and logprobs it tells how likely the prompt is, and without them no ring is asked', async () => {
  await using gateway = await startGateway({ answer: ({ givenIds = [] }) => [...givenIds, ...ember.encode(' more', false)] })
  const schema = z.object({
    choices: z.array(z.object({ text: z.string(), finish_reason: z.string().nullable(), logprobs: z.looseObject({}).nullable() })),
    usage: z.object({ prompt_tokens: z.number(), completion_tokens: z.number() }).nullish(),
  })
  const prompt = ember.encode('Once there was', false)
  const request = { model: 'ember', prompt, echo: true, max_tokens: 0 }
  const ask = async (fields: object) => schema.parse(await (await gateway.post(PATH, { ...request, ...fields })).json())
  const { choices, usage } = await ask({ logprobs: 1 })
  expect(choices).toMatchObject([{ text: 'Once there was', finish_reason: 'length' }])
  expect(choices[0]?.logprobs).toMatchObject({ token_logprobs: prompt.map((_, i) => (i === 0 ? null : -0.25)) })
  expect(usage).toEqual({ prompt_tokens: prompt.length, completion_tokens: 0 })
  const events = await readEvents(await gateway.post(PATH, { ...request, logprobs: 1, stream: true }))
  expect(events.at(-1)).toBe('[DONE]')
  const streamed = events.slice(0, -1).flatMap((event) => schema.parse(event).choices)
  expect(streamed.map(({ text }) => text).join('')).toBe('Once there was')
  expect(streamed.map(({ finish_reason: finish }) => finish).filter((finish) => finish !== null)).toEqual(['length'])
  const asked = gateway.backend.requests.length
  expect((await ask({})).choices).toMatchObject([{ text: 'Once there was', finish_reason: 'length', logprobs: null }])
  expect((await ask({ echo: false })).choices).toMatchObject([{ text: '', finish_reason: 'length' }])
  expect((await ask({ logprobs: 0, prompt: prompt.slice(0, 1) })).choices).toMatchObject([
    { finish_reason: 'length', logprobs: { token_logprobs: [null], top_logprobs: [null] } },
  ])
  expect(gateway.backend.requests).toHaveLength(asked)
})

test.each([
  [{ prompt: '' }, 'invalid_value', 'prompt'],
  [{ prompt: [] }, 'invalid_value', 'prompt'],
  [{ prompt: [[]] }, 'invalid_value', 'prompt[0]'],
  [{}, 'invalid_value', 'prompt'],
  [{ prompt: [1, 4096] }, 'invalid_value', 'prompt'],
  [{ prompt: [1, -1] }, 'invalid_value', 'prompt[1]'],
  [{ prompt: ['a', 1] }, 'invalid_value', 'prompt'],
  [{ prompt: 'a', suffix: 'b' }, 'unsupported_field', 'suffix'],
  [{ prompt: 'a', best_of: 2 }, 'unsupported_field', 'best_of'],
  [{ prompt: 'a', max_tokens: -1 }, 'invalid_value', 'max_tokens'],
  [{ prompt: 'a', logprobs: 21 }, 'invalid_value', 'logprobs'],
])('%j is 400 %s naming %s', async (fields, code, param) => {
  await using gateway = await startGateway()
  const response = await gateway.post(PATH, { model: 'ember', ...fields })
  expect(response.status).toBe(400)
  expect(await response.json()).toMatchObject({ error: { code, param } })
})

test('a prompt of ids longer than the context is 400 context_length_exceeded', async () => {
  await using gateway = await startGateway()
  const response = await gateway.post(PATH, { model: 'ember', prompt: Array.from({ length: 1024 }, () => 5) })
  expect(await response.json()).toMatchObject({ error: { code: 'context_length_exceeded', n_prompt_tokens: 1024, n_ctx: 1024 } })
})

test('the official client completes and streams', async () => {
  await using gateway = await startGateway(answering(' upon a time'))
  const client = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: 'none' })
  expect((await client.completions.create({ model: 'ember', prompt: 'Once' })).choices[0]?.text).toBe(' upon a time')
  let text = ''
  for await (const chunk of await client.completions.create({ model: 'ember', prompt: 'Once', stream: true })) text += chunk.choices[0]?.text ?? ''
  expect(text).toBe(' upon a time')
})
