/** Answers of Ember at temperature 1 under random schemas, from a whole server. All 200: `SCHEMAS=200 npx vitest run tests/constrain/ember-structured.test.ts`. */
import { Ajv2020 } from 'ajv/dist/2020.js'
import OpenAI from 'openai'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startServing, type ServingServer } from '../harness/server.ts'
import { randomSchema, type RandomSchema } from './random-schemas.ts'

const COUNT = Number(process.env['SCHEMAS'] ?? 20)
const MAX_TOKENS = 400
const ajv = new Ajv2020({ strict: false, validateFormats: false })
let server: ServingServer
let client: OpenAI
beforeAll(async () => {
  server = await startServing()
  client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 })
})
afterAll(() => server.close())

const requestOf = (schema: RandomSchema, seed: number) => ({
  model: 'ember',
  messages: [{ role: 'user' as const, content: `Tell me something about the number ${seed}.` }],
  temperature: 1,
  seed,
  max_tokens: MAX_TOKENS,
  response_format: { type: 'json_schema' as const, json_schema: { name: 'answer', schema, strict: true } },
})

test.each(Array.from({ length: COUNT }, (_, seed) => seed))('the answer under schema %d parses and validates, streamed and not', async (seed) => {
  const schema = randomSchema(seed)
  const { choices } = await client.chat.completions.create(requestOf(schema, seed))
  const content = choices[0]?.message.content ?? ''
  expect(ajv.validate(schema, JSON.parse(content)), `${content} ${JSON.stringify(ajv.errors)}`).toBe(true)
  let [streamed, finish]: [string, string | null] = ['', null]
  for await (const chunk of await client.chat.completions.create({ ...requestOf(schema, seed), stream: true })) {
    streamed += chunk.choices[0]?.delta.content ?? ''
    finish = chunk.choices[0]?.finish_reason ?? finish
  }
  expect(streamed).toBe(content)
  expect(finish).toBe(choices[0]?.finish_reason)
})

test('json_object is an object, and a limit that cuts it says so and leaves it whole', async () => {
  for (const max_tokens of [12, 60]) {
    const request = { ...requestOf({}, 3), response_format: { type: 'json_object' as const }, max_tokens }
    const { choices, usage } = await client.chat.completions.create(request)
    expect(JSON.parse(choices[0]?.message.content ?? '')).toEqual(expect.any(Object))
    expect(choices[0]?.finish_reason === 'length').toBe(usage?.completion_tokens === max_tokens)
  }
})
