import OpenAI, { BadRequestError } from 'openai'
import { expect, test } from 'vitest'
import { ClusterError } from '../protocol/errors.ts'
import { ANSWER, ember, errorOf, says, USER } from '../tests/harness/chat.ts'
import { readEvents, startGateway } from '../tests/harness/gateway.ts'

const RESPONSES = '/v1/responses'
const clientOf = (url: string, apiKey = 'none'): OpenAI => new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0 })

test('the official client gets text and usage; instructions are the system turn', async () => {
  await using gateway = await startGateway(says(ANSWER))
  const response = await clientOf(gateway.url).responses.create({ model: 'ember', input: 'Hello!', instructions: 'Be brief.' })
  expect(response).toMatchObject({ object: 'response', status: 'completed', error: null, incomplete_details: null, output_text: ANSWER })
  const turns = [{ role: 'system', content: 'Be brief.' }, ...USER]
  expect(gateway.backend.requests[0]?.promptIds).toEqual(ember.encodeChat(turns))
  const [input, output] = [ember.encodeChat(turns).length, ember.encode(ANSWER).length + 1]
  expect(response.usage).toEqual({
    input_tokens: input,
    input_tokens_details: { cached_tokens: 0 },
    output_tokens: output,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: input + output,
  })
})

test('items of messages, with parts or a text, are the turns', async () => {
  await using gateway = await startGateway(says('x'))
  const input = [
    { role: 'developer' as const, content: 'Be brief.' },
    { type: 'message' as const, role: 'user' as const, content: [{ type: 'input_text' as const, text: 'Hello!' }] },
  ]
  await clientOf(gateway.url).responses.create({ model: 'ember', input })
  expect(gateway.backend.requests[0]?.promptIds).toEqual(ember.encodeChat([{ role: 'system', content: 'Be brief.' }, ...USER]))
})

test('events come in order, numbered, with ids that stay; their deltas are the text', async () => {
  await using gateway = await startGateway(says(ANSWER))
  const stream = await clientOf(gateway.url).responses.create({ model: 'ember', input: 'Hello!', stream: true })
  const events = []
  for await (const event of stream) events.push(event)
  expect(events.map((event) => event.type).filter((type) => type !== 'response.output_text.delta')).toEqual([
    'response.created',
    'response.in_progress',
    'response.output_item.added',
    'response.content_part.added',
    'response.output_text.done',
    'response.content_part.done',
    'response.output_item.done',
    'response.completed',
  ])
  expect(events.map((event) => event.sequence_number)).toEqual(events.map((_, index) => index))
  expect(events.map((event) => (event.type === 'response.output_text.delta' ? event.delta : '')).join('')).toBe(ANSWER)
  const items = events.flatMap((event) => ('item_id' in event ? [event.item_id] : 'item' in event ? [event.item.id] : []))
  expect(new Set(items).size).toBe(1)
  const responses = events.flatMap((event) => ('response' in event ? [event.response.id] : []))
  expect(new Set(responses).size).toBe(1)
})

test('an answer cut by max_output_tokens is incomplete, whole and streamed', async () => {
  await using gateway = await startGateway(says(ANSWER))
  const body = { model: 'ember', input: 'Hello!', max_output_tokens: 2 }
  expect(await clientOf(gateway.url).responses.create(body)).toMatchObject({
    status: 'incomplete',
    incomplete_details: { reason: 'max_output_tokens' },
    usage: { output_tokens: 2 },
  })
  const events = await readEventsOf(await gateway.post(RESPONSES, { ...body, stream: true }))
  expect(events.at(-1)).toMatchObject({ type: 'response.incomplete' })
})

/** Events without their names and the mark of the end. */
const readEventsOf = async (response: Response): Promise<unknown[]> => {
  const text = (await response.text()).replaceAll(/^event: .*\n/gm, '')
  const events = await readEvents(new Response(text))
  expect(events.at(-1)).toBe('[DONE]')
  return events.slice(0, -1)
}

test('previous_response_id goes on from a kept answer, streamed ones too; instructions do not carry over', async () => {
  await using gateway = await startGateway(says(ANSWER))
  const client = clientOf(gateway.url)
  const first = await client.responses.create({ model: 'ember', input: 'Hello!', instructions: 'Be brief.' })
  const stream = await client.responses.create({ model: 'ember', input: 'And?', previous_response_id: first.id, stream: true })
  let second = ''
  for await (const event of stream) if (event.type === 'response.completed') second = event.response.id
  await client.responses.create({ model: 'ember', input: 'So?', previous_response_id: second })
  const turns = [
    ...USER,
    { role: 'assistant', content: ANSWER },
    { role: 'user', content: 'And?' },
    { role: 'assistant', content: ANSWER },
    { role: 'user', content: 'So?' },
  ]
  expect(gateway.backend.requests[2]?.promptIds).toEqual(ember.encodeChat(turns))
  expect(await client.responses.retrieve(first.id)).toMatchObject({ id: first.id, output_text: ANSWER })
})

test('an answer that was not kept, was deleted, or belongs to another key is not found', async () => {
  await using gateway = await startGateway(says(ANSWER), { apiKeys: ['key-one', 'key-two'] })
  const client = clientOf(gateway.url, 'key-one')
  const unkept = await client.responses.create({ model: 'ember', input: 'Hello!', store: false })
  const kept = await client.responses.create({ model: 'ember', input: 'Hello!' })
  const goOn = (id: string, of = client) => of.responses.create({ model: 'ember', input: 'x', previous_response_id: id })
  await expect(goOn(unkept.id)).rejects.toMatchObject({ status: 400, code: 'response_not_found', param: 'previous_response_id' })
  await expect(goOn(kept.id, clientOf(gateway.url, 'key-two'))).rejects.toBeInstanceOf(BadRequestError)
  await client.responses.delete(kept.id)
  await expect(goOn(kept.id)).rejects.toBeInstanceOf(BadRequestError)
})

test.each([
  ['tools[0].type', { tools: [{ type: 'web_search' }] }],
  ['text.format.schema.not', { text: { format: { type: 'json_schema', name: 'a', schema: { not: {} } } } }],
  ['background', { background: true }],
  ['reasoning.effort', { reasoning: { effort: 'high' } }],
  ['input[0].content[0]', { input: [{ role: 'user', content: [{ type: 'input_image' }] }] }],
  ['input[0].type', { input: [{ type: 'image_generation_call', id: 'x' }] }],
  ['temperature', { temperature: 3 }],
  ['input', { input: [] }],
])('%s is refused by name', async (param, fields) => {
  await using gateway = await startGateway()
  const response = await gateway.post(RESPONSES, { model: 'ember', input: 'x', ...fields })
  expect(response.status).toBe(400)
  expect((await errorOf(response)).param).toBe(param)
})

test('an error in mid-stream is a response that failed', async () => {
  await using broken = await startGateway({ ...says(ANSWER), failure: { index: 2, error: new ClusterError('ring_broken', 'device left') } })
  const events = await readEventsOf(await broken.post(RESPONSES, { model: 'ember', input: 'Hello!', stream: true }))
  expect(events.at(-1)).toMatchObject({
    type: 'response.failed',
    response: { status: 'failed', error: { code: 'server_error', message: 'device left' } },
  })
})
