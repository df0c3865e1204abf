import { expect, test } from 'vitest'
import { z } from 'zod'
import { ANSWER, CHAT, ember, says, USER } from '../tests/harness/chat.ts'
import { readEvents, startGateway } from '../tests/harness/gateway.ts'

const timings = z.object({
  cache_n: z.number(),
  prompt_n: z.number(),
  prompt_ms: z.number().positive(),
  prompt_per_second: z.number().positive(),
  predicted_n: z.number(),
  predicted_ms: z.number().min(0),
  predicted_per_second: z.number().min(0),
})
const chunkSchema = z.object({
  choices: z.array(z.object({ delta: z.looseObject({}) })),
  timings: timings.optional(),
  prompt_progress: z.object({ total: z.number(), cache: z.number(), processed: z.number(), time_ms: z.number().min(0) }).optional(),
})
const [PROMPT, TOKENS] = [ember.encodeChat(USER).length, ember.encode(ANSWER).length + 1]
const stream = async (fields: object, script = {}) => {
  await using gateway = await startGateway({ ...says(ANSWER), ...script })
  const events = await readEvents(await gateway.post(CHAT, { model: 'ember', messages: USER, stream: true, ...fields }))
  return events.slice(0, -1).map((event) => chunkSchema.parse(event))
}

test('a whole answer says how fast prompt and answer were; Anthropic’s does not', async () => {
  await using gateway = await startGateway({ ...says(ANSWER), cached: 2 })
  const body = z.object({ timings }).parse(await (await gateway.post(CHAT, { model: 'ember', messages: USER })).json())
  expect(body.timings).toMatchObject({ cache_n: 2, prompt_n: PROMPT - 2, predicted_n: TOKENS })
  expect(body.timings.predicted_per_second).toBeCloseTo(((TOKENS - 1) * 1000) / body.timings.predicted_ms, 3)
  const message = await gateway.post('/v1/messages', { model: 'ember', messages: USER, max_tokens: 4 })
  expect(await message.json()).not.toHaveProperty('timings')
})

test('timings_per_token: in every chunk but the first, counting up; without it in the usage chunk alone', async () => {
  const each = await stream({ timings_per_token: true })
  expect(each[0]?.timings).toBeUndefined()
  const counts = each.slice(1).map((chunk) => chunk.timings?.predicted_n ?? -1)
  expect(counts).toEqual(counts.toSorted((a, b) => a - b))
  expect([counts[0], counts.at(-1)]).toEqual([1, TOKENS])
  const last = await stream({ stream_options: { include_usage: true } })
  expect(last.filter((chunk) => chunk.timings)).toHaveLength(1)
  expect(last.at(-1)).toMatchObject({ choices: [], timings: { predicted_n: TOKENS } })
  expect((await stream({})).some((chunk) => chunk.timings)).toBe(false)
})

test('return_progress: how far the prompt is, then that it is read and what of it was cached; absent unless asked for', async () => {
  const chunks = await stream({ return_progress: true }, { cached: 3, progress: [2, 5] })
  expect(chunks[0]).toMatchObject({ choices: [{ delta: { role: 'assistant' } }] })
  expect(chunks.flatMap((chunk) => (chunk.prompt_progress ? [chunk.prompt_progress] : []))).toEqual([
    { total: PROMPT, cache: 0, processed: 2, time_ms: expect.any(Number) },
    { total: PROMPT, cache: 0, processed: 5, time_ms: expect.any(Number) },
    { total: PROMPT, cache: 3, processed: PROMPT, time_ms: expect.any(Number) },
  ])
  expect((await stream({}, { progress: [2] })).some((chunk) => chunk.prompt_progress)).toBe(false)
})
