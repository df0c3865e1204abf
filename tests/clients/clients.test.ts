/** Official clients, unmodified, against a whole server on whose ring Ember runs: chat, stream, tools, structured output, abort, errors, retries. */
import path from 'node:path'
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import Anthropic from '@anthropic-ai/sdk'
import { ChatOpenAI } from '@langchain/openai'
import { generateObject, generateText, streamText, tool } from 'ai'
import { Ollama } from 'ollama'
import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { writeEmbeddingModel } from '../harness/embedding-model.ts'
import { startServing, type ServingServer } from '../harness/server.ts'

const GREETING = 'Hello! I am Ember. How can I help you?'
const messages = [{ role: 'user' as const, content: 'Hello!' }]
const PERSON = {
  type: 'object' as const,
  properties: { name: { type: 'string', maxLength: 8 }, age: { type: 'integer', minimum: 0, maximum: 99 } },
  required: ['name', 'age'],
  additionalProperties: false,
}
const personSchema = z.object({ name: z.string().max(8), age: z.number().int().min(0).max(99) }).strict()
const TOOL = { type: 'function' as const, function: { name: 'remember', description: 'Keeps a person in mind', parameters: PERSON } }
let server: ServingServer
beforeAll(async () => {
  server = await startServing((modelsDir) =>
    writeEmbeddingModel(path.join(modelsDir, 'vectors'), {
      pooling: { pooling_mode_lasttoken: true },
      normalizes: true,
      config: { is_matryoshka: true },
    }),
  )
})
afterAll(() => server.close())

describe('openai', () => {
  const client = (): OpenAI => new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none' })
  test('chats, streams, calls a required tool, keeps to a schema', async () => {
    const whole = await client().chat.completions.create({ model: 'ember', messages })
    expect(whole.choices[0]?.message.content).toBe(GREETING)
    expect(await client().chat.completions.stream({ model: 'ember', messages }).finalContent()).toBe(GREETING)
    const request = { model: 'ember', messages, tools: [TOOL], max_tokens: 120, temperature: 1, parallel_tool_calls: false }
    const called = await client().chat.completions.create({ ...request, tool_choice: 'required' })
    const call = called.choices[0]?.message.tool_calls?.[0]
    expect(personSchema.parse(JSON.parse(call?.type === 'function' ? call.function.arguments : ''))).toBeTruthy()
    const streamed = await client()
      .chat.completions.stream({ ...request, tool_choice: { type: 'function', function: { name: 'remember' } } })
      .finalChatCompletion()
    expect(streamed.choices[0]?.message.tool_calls?.[0]).toMatchObject({ function: { name: 'remember' } })
    const cut = await client().chat.completions.create({ ...request, tool_choice: 'required', max_tokens: 1 })
    expect(cut.choices[0]?.finish_reason).toBe('length')
    const response = await client().responses.create({
      model: 'ember',
      input: 'Hello!',
      temperature: 1,
      text: { format: { type: 'json_schema', name: 'person', schema: PERSON } },
    })
    expect(personSchema.parse(JSON.parse(response.output_text))).toBeTruthy()
  })
  test('gets log probabilities of the greedy tokens, highest first', async () => {
    const { choices } = await client().chat.completions.create({ model: 'ember', messages, logprobs: true, top_logprobs: 3 })
    const content = choices[0]?.logprobs?.content ?? []
    expect(content.map(({ token }) => token).join('')).toBe(GREETING)
    for (const { token, logprob, top_logprobs } of content) {
      expect(top_logprobs[0]).toMatchObject({ token, logprob })
      expect(top_logprobs.map((top) => top.logprob)).toEqual(top_logprobs.map((top) => top.logprob).sort((a, b) => b - a))
    }
  })
  test('gets log probabilities of a prompt, which are those of the same tokens as an answer', async () => {
    const request = { model: 'ember', prompt: 'Once upon a time', temperature: 0, logprobs: 1, max_tokens: 6 }
    const answered = await client().completions.create(request)
    const prompt = request.prompt + (answered.choices[0]?.text ?? '')
    const echoed = await client().completions.create({ ...request, prompt, echo: true, max_tokens: 1 })
    const lists = echoed.choices[0]?.logprobs
    // As evaluations of models ask: nothing is sampled, and the prompt is as likely as before.
    const alone = await client().completions.create({ ...request, prompt, echo: true, max_tokens: 0 })
    expect(alone).toMatchObject({ choices: [{ text: prompt, finish_reason: 'length' }], usage: { completion_tokens: 0 } })
    for (const [i, logprob] of (alone.choices[0]?.logprobs?.token_logprobs ?? []).entries())
      if (i > 0) expect(lists?.token_logprobs?.[i]).toBeCloseTo(logprob, 2)
    expect(alone.choices[0]?.logprobs?.token_logprobs).toHaveLength((lists?.token_logprobs?.length ?? 0) - 1)
    expect(lists?.token_logprobs?.[0]).toBeNull()
    expect(echoed.choices[0]?.text?.startsWith(prompt)).toBe(true)
    const of = answered.choices[0]?.logprobs
    const at = (lists?.tokens?.length ?? 0) - (of?.tokens?.length ?? 0) - 1
    expect(lists?.tokens?.slice(at, -1)).toEqual(of?.tokens)
    for (const [i, logprob] of (of?.token_logprobs ?? []).entries()) expect(lists?.token_logprobs?.[at + i]).toBeCloseTo(logprob, 2)
  })
  test('gets embeddings, as it asks for them and as floats, cut, and of a model that has none a typed error', async () => {
    const input = ['Hello!', 'Something else.']
    const { data, usage } = await client().embeddings.create({ model: 'vectors', input })
    const lengthOf = (vector: readonly number[]): number => Math.hypot(...vector)
    expect(data.map(({ index, embedding }) => [index, embedding.length])).toEqual([0, 1].map((index) => [index, 192]))
    for (const { embedding } of data) expect(lengthOf(embedding)).toBeCloseTo(1, 5)
    expect(usage.total_tokens).toBeGreaterThan(2)
    const floats = await client().embeddings.create({ model: 'vectors', input, encoding_format: 'float' })
    const cut = await client().embeddings.create({ model: 'vectors', input: input[1] ?? '', dimensions: 64 })
    const part = data[1]?.embedding.slice(0, 64) ?? []
    for (const [i, value] of part.entries()) expect(cut.data[0]?.embedding[i]).toBeCloseTo(value / lengthOf(part), 4)
    for (const [i, value] of (data[0]?.embedding ?? []).entries()) expect(floats.data[0]?.embedding[i]).toBeCloseTo(value, 4)
    await expect(client().embeddings.create({ model: 'ember', input })).rejects.toMatchObject({ status: 400, param: 'model' })
  })
  test('sees refusals as typed errors', async () => {
    const schema = { type: 'object', properties: { a: { type: 'string', pattern: 'x' } } }
    const refused = client().chat.completions.create({
      model: 'ember',
      messages,
      response_format: { type: 'json_schema', json_schema: { name: 'a', schema } },
    })
    await expect(refused).rejects.toMatchObject({ status: 400, param: 'response_format.json_schema.schema.properties.a.pattern' })
  })
})

test('@anthropic-ai/sdk chats, streams, and calls a tool', async () => {
  const client = new Anthropic({ baseURL: server.url, apiKey: 'none' })
  const request = { model: 'ember', max_tokens: 120, messages }
  expect((await client.messages.create(request)).content).toEqual([{ type: 'text', text: GREETING }])
  expect(await client.messages.stream(request).finalText()).toBe(GREETING)
  const tools = [{ name: 'remember', input_schema: PERSON }]
  const called = await client.messages.stream({ ...request, tools, tool_choice: { type: 'any', disable_parallel_tool_use: true } }).finalMessage()
  expect(called.stop_reason).toBe('tool_use')
  expect(personSchema.parse(called.content.find((block) => block.type === 'tool_use')?.input)).toBeTruthy()
})

test('ollama chats, streams, and keeps to a schema', async () => {
  const client = new Ollama({ host: server.url })
  const options = { temperature: 0 }
  expect((await client.chat({ model: 'ember', messages, options })).message.content).toBe(GREETING)
  let streamed = ''
  for await (const part of await client.chat({ model: 'ember', messages, options, stream: true })) streamed += part.message.content
  expect(streamed).toBe(GREETING)
  const kept = await client.generate({ model: 'ember', prompt: 'Hello!', format: PERSON, options: { temperature: 1, seed: 4, num_predict: 120 } })
  expect(personSchema.parse(JSON.parse(kept.response ?? ''))).toBeTruthy()
})

test('Vercel ai chats, streams, calls a tool, makes an object, and is told of errors', async () => {
  const provider = createOpenAICompatible({ name: 'ringlet', baseURL: `${server.url}/v1`, supportsStructuredOutputs: true })
  const model = provider('ember')
  expect((await generateText({ model, prompt: 'Hello!' })).text).toBe(GREETING)
  expect(await streamText({ model, prompt: 'Hello!' }).text).toBe(GREETING)
  const tools = { remember: tool({ inputSchema: personSchema, execute: async ({ name }) => name }) }
  const { toolCalls } = await generateText({ model, prompt: 'Hello!', tools, toolChoice: 'required', temperature: 1, maxOutputTokens: 200 })
  expect(personSchema.parse(toolCalls[0]?.input)).toBeTruthy()
  const { object } = await generateObject({ model, prompt: 'Hello!', schema: personSchema, temperature: 1, maxOutputTokens: 200 })
  expect(personSchema.parse(object)).toEqual(object)
  await expect(generateText({ model: provider('none'), prompt: 'Hello!', maxRetries: 0 })).rejects.toMatchObject({ statusCode: 404 })
  const abort = AbortSignal.abort()
  await expect(generateText({ model, prompt: 'Hello!', abortSignal: abort, maxRetries: 0 })).rejects.toMatchObject({ name: 'AbortError' })
})

test('LangChain chats, streams, binds tools, and gives structured output', async () => {
  const model = new ChatOpenAI({ model: 'ember', apiKey: 'none', configuration: { baseURL: `${server.url}/v1` }, temperature: 0, maxRetries: 0 })
  expect((await model.invoke('Hello!')).text).toBe(GREETING)
  let streamed = ''
  for await (const chunk of await model.stream('Hello!')) streamed += chunk.text
  expect(streamed).toBe(GREETING)
  const called = await model.bindTools([TOOL], { tool_choice: 'required' }).invoke('Hello!')
  expect(personSchema.parse(called.tool_calls?.[0]?.args)).toBeTruthy()
  const kept = await model.withStructuredOutput(PERSON, { name: 'person', method: 'jsonSchema' }).invoke('Hello!')
  expect(personSchema.parse(kept)).toBeTruthy()
})
