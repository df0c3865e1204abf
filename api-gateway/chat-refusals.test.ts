import { expect, test } from 'vitest'
import { CHAT, errorOf, says, USER } from '../tests/harness/chat.ts'
import { startGateway } from '../tests/harness/gateway.ts'
import { ClusterError } from '../protocol/errors.ts'

const TOOL = { type: 'function', function: { name: 'f' } }
const BAD_FIELDS: readonly [param: string, fields: object][] = [
  ['messages', { messages: null }],
  ['messages', { messages: 'hi' }],
  ['messages[0]', { messages: [123] }],
  ['messages[0].role', { messages: [{}] }],
  ['messages[0].role', { messages: [{ role: 5, content: 'x' }] }],
  ['messages[0].content', { messages: [{ role: 'user', content: 5 }] }],
  ['messages', { messages: [] }],
  ['messages[0].content', { messages: [{ role: 'user' }] }],
  ['messages[0]', { messages: [null] }],
  ['messages', { messages: [...USER, { role: 'assistant', content: 'a' }, { role: 'assistant', content: 'b' }] }],
  ['temperature', { temperature: 2.1 }],
  ['temperature', { temperature: 'hot' }],
  ['top_p', { top_p: -0.1 }],
  ['presence_penalty', { presence_penalty: 3 }],
  ['frequency_penalty', { frequency_penalty: -3 }],
  ['n', { n: 0 }],
  ['n', { n: 129 }],
  ['seed', { seed: 2 ** 64 }],
  ['seed', { seed: 1.5 }],
  ['max_tokens', { max_tokens: 0 }],
  ['max_completion_tokens', { max_completion_tokens: -1 }],
  ['logit_bias', { logit_bias: { '4096': 1 } }],
  ['logit_bias', { logit_bias: { x: 1 } }],
  ['logit_bias.5', { logit_bias: { '5': 101 } }],
  ['stop', { stop: ['a', 'b', 'c', 'd', 'e'] }],
  ['stream_options', { stream_options: { include_usage: true } }],
  ['stream', { stream: 'yes' }],
  ['tools[0].function', { tools: [{ type: 'function' }] }],
  ['tools', { tools: [TOOL, TOOL] }],
  ['tool_choice', { tool_choice: 'required' }],
  ['tool_choice', { tools: [TOOL], tool_choice: {} }],
  ['tool_choice', { tools: [TOOL], tool_choice: { type: 'function', function: { name: 'other' } } }],
  ['top_logprobs', { logprobs: true, top_logprobs: 21 }],
  ['top_logprobs', { top_logprobs: 2 }],
  ['response_format.type', { response_format: { type: 'yaml' } }],
  ['response_format.json_schema', { response_format: { type: 'json_schema' } }],
  ['response_format.json_schema.name', { response_format: { type: 'json_schema', json_schema: { name: 'n'.repeat(65), schema: {} } } }],
  ['response_format.json_schema.schema.type', { response_format: { type: 'json_schema', json_schema: { name: 'n', schema: { type: 'text' } } } }],
  ['messages[0].tool_call_id', { messages: [{ role: 'tool', content: 'x' }] }],
]
test.each(BAD_FIELDS)('a bad %s is 400 invalid_value: %j', async (param, fields) => {
  await using gateway = await startGateway()
  const response = await gateway.post(CHAT, { model: 'ember', messages: USER, ...fields })
  expect(response.status).toBe(400)
  expect(await errorOf(response)).toMatchObject({ type: 'invalid_request_error', code: 'invalid_value', param })
  expect(gateway.backend.requests).toHaveLength(0)
})

const UNSUPPORTED: readonly [param: string, fields: object][] = [
  ['tools[0].type', { tools: [{ type: 'code_interpreter' }] }],
  ['modalities', { modalities: ['text', 'audio'] }],
  ['audio', { audio: { voice: 'x' } }],
  ['prediction', { prediction: { type: 'content', content: 'x' } }],
  ['web_search_options', { web_search_options: {} }],
  ['reasoning_effort', { reasoning_effort: 'low' }],
  ['grammar', { grammar: 'root ::= "a"' }],
  ['stop_token_ids', { stop_token_ids: [5] }],
  ['messages[0].content[0]', { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'http://x/y.png' } }] }] }],
  ['messages[0].role', { messages: [{ role: 'function', content: 'x', name: 'f' }] }],
]
test.each(UNSUPPORTED)('%s is refused by name, not ignored: %j', async (param, fields) => {
  await using gateway = await startGateway()
  const response = await gateway.post(CHAT, { model: 'ember', messages: USER, ...fields })
  expect(response.status).toBe(400)
  expect(await errorOf(response)).toMatchObject({ code: 'unsupported_field', param })
})

test.each([{ tools: [] }, { tools: null }, { logprobs: false }, { response_format: { type: 'text' } }, { n: null, stop: null, seed: null }])(
  'values that ask for nothing pass: %j',
  async (fields) => {
    await using gateway = await startGateway(says('Hi'))
    expect((await gateway.post(CHAT, { model: 'ember', messages: USER, ...fields })).status).toBe(200)
  },
)

test('an unknown or missing model is 404 model_not_found, never replaced', async () => {
  await using gateway = await startGateway()
  for (const model of ['gpt-4', 'org/none', undefined, null, 7, '', '../ember', 'EMBER\n']) {
    const response = await gateway.post(CHAT, { model, messages: USER })
    expect(response.status).toBe(404)
    expect(await errorOf(response)).toMatchObject({ code: 'model_not_found', param: 'model', type: 'invalid_request_error' })
  }
  expect(gateway.backend.requests).toHaveLength(0)
})

test('a prompt longer than the context is 400 with both counts, also for a stream', async () => {
  await using gateway = await startGateway()
  for (const content of ['word '.repeat(2000), 'x'.repeat(3_000_000)]) {
    const response = await gateway.post(CHAT, { model: 'ember', messages: [{ role: 'user', content }], stream: true })
    expect(response.status).toBe(400)
    const error = await errorOf(response)
    expect(error).toMatchObject({ code: 'context_length_exceeded', type: 'invalid_request_error', n_ctx: 1024 })
    expect(error.n_prompt_tokens).toBeGreaterThan(1024)
  }
})

test.each([
  ['no_ring', 503, 'x-should-retry', 'false'],
  ['not_enough_memory', 503, 'x-should-retry', 'false'],
  ['ring_reforming', 503, 'retry-after', '3'],
] as const)('%s before the first token is %d with %s, also for a stream', async (code, status, header, value) => {
  await using gateway = await startGateway({ notServing: new ClusterError(code, 'why', { detail: { retryAfterSeconds: 3 } }) })
  for (const stream of [false, true]) {
    const response = await gateway.post(CHAT, { model: 'ember', messages: USER, stream })
    expect(response.status).toBe(status)
    expect(response.headers.get(header)).toBe(value)
    expect(await errorOf(response)).toMatchObject({ code, message: 'why', type: 'server_error' })
  }
})
