/** Calls of tools in every dialect, of a model that writes them. What keeps it to them is tested on a ring. */
import Anthropic from '@anthropic-ai/sdk'
import OpenAI from 'openai'
import { Ollama } from 'ollama'
import { expect, test } from 'vitest'
import { ember, says } from '../tests/harness/chat.ts'
import { startGateway } from '../tests/harness/gateway.ts'

const ARGUMENTS = { city: 'Zürich', days: 3 }
const CALLS = `Let me see.<tool_call>\n{"name": "get_weather", "arguments": ${JSON.stringify(ARGUMENTS)}}\n</tool_call>\n<tool_call>\n{"name": "stop", "arguments": {}}\n</tool_call>`
const SCHEMA = { type: 'object' as const, properties: { city: { type: 'string' }, days: { type: 'integer' } }, required: ['city'] }
const TOOLS = [
  { type: 'function' as const, function: { name: 'get_weather', description: 'Tells the weather', parameters: SCHEMA } },
  { type: 'function' as const, function: { name: 'stop' } },
]
const messages = [{ role: 'user' as const, content: 'Hello!' }]

test('OpenAI: calls are whole in a body, fragments in a stream, and finish is tool_calls in both', async () => {
  await using gateway = await startGateway(says(CALLS))
  const client = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: 'none' })
  const { choices } = await client.chat.completions.create({ model: 'ember', messages, tools: TOOLS })
  expect(choices[0]).toMatchObject({ finish_reason: 'tool_calls', message: { content: 'Let me see.' } })
  const calls = choices[0]?.message.tool_calls?.map((call) => (call.type === 'function' ? call.function : null))
  expect(calls?.map((call) => [call?.name, JSON.parse(call?.arguments ?? '')])).toEqual([
    ['get_weather', ARGUMENTS],
    ['stop', {}],
  ])
  const stream = client.chat.completions.stream({ model: 'ember', messages, tools: TOOLS })
  const final = await stream.finalChatCompletion()
  expect(final.choices[0]).toMatchObject({ finish_reason: 'tool_calls', message: { content: 'Let me see.' } })
  expect(final.choices[0]?.message.tool_calls?.map((call) => call.type === 'function' && call.function.arguments)).toEqual(
    calls?.map((call) => call?.arguments),
  )
  const { grammar } = gateway.backend.requests[0] ?? {}
  expect(grammar).toMatchObject({ trigger: '<tool_call>', optional: true })
  const prompt = ember.decode(gateway.backend.requests[0]?.promptIds ?? [])
  expect(prompt).toContain('Tells the weather')
})

test('OpenAI: choice and parallel_tool_calls decide what is required and how often', async () => {
  await using gateway = await startGateway(says('ok'))
  const ask = async (fields: object): Promise<string> => {
    await gateway.post('/v1/chat/completions', { model: 'ember', messages, tools: TOOLS, ...fields })
    const grammar = gateway.backend.requests.at(-1)?.grammar
    return grammar ? `${grammar.trigger}\n${grammar.ebnf}` : 'free'
  }
  const required = await ask({ tool_choice: 'required' })
  expect(required).toMatch(/^null\nroot ::= "<tool_call>" .*\*/)
  expect(await ask({ tool_choice: 'required', parallel_tool_calls: false })).not.toMatch(/root ::= .*\*/)
  const named = await ask({ tool_choice: { type: 'function', function: { name: 'stop' } } })
  expect(named.length).toBeLessThan(required.length)
  expect(await ask({ tool_choice: 'none' })).toBe('free')
})

test('OpenAI: a history with calls and results, empty arguments too, reaches the prompt', async () => {
  await using gateway = await startGateway(says('ok'))
  const calls = ['', '{}'].map((text, at) => ({ id: `c${at}`, type: 'function' as const, function: { name: 'stop', arguments: text } }))
  const history = [...messages, { role: 'assistant', content: null, tool_calls: calls }, { role: 'tool', tool_call_id: 'c0', content: 'stopped' }]
  const response = await gateway.post('/v1/chat/completions', { model: 'ember', messages: history, tools: TOOLS })
  expect(response.status).toBe(200)
  expect(ember.decode(gateway.backend.requests[0]?.promptIds ?? [])).toMatch(/"name": "stop", "arguments": {}[\s\S]*stopped/)
})

test('Anthropic: tool_use blocks with objects, streamed as input_json_delta, and results that come back', async () => {
  await using gateway = await startGateway(says(CALLS))
  const client = new Anthropic({ baseURL: gateway.url, apiKey: 'none' })
  const tools = [
    { name: 'get_weather', input_schema: SCHEMA },
    { name: 'stop', input_schema: { type: 'object' as const } },
  ]
  const request = { model: 'ember', max_tokens: 200, messages, tools }
  const whole = await client.messages.create(request)
  expect(whole.stop_reason).toBe('tool_use')
  expect(whole.content).toMatchObject([
    { type: 'text', text: 'Let me see.' },
    { type: 'tool_use', name: 'get_weather', input: ARGUMENTS },
    { type: 'tool_use', name: 'stop', input: {} },
  ])
  const streamed = await client.messages.stream(request).finalMessage()
  expect(streamed.content).toMatchObject(
    whole.content.map((block) => (block.type === 'tool_use' ? { type: block.type, name: block.name, input: block.input } : block)),
  )
  const use = whole.content.find((block) => block.type === 'tool_use')
  const result = { type: 'tool_result' as const, tool_use_id: use?.id ?? '', content: 'no sun', is_error: true }
  const next = [
    ...messages,
    { role: 'assistant' as const, content: whole.content },
    { role: 'user' as const, content: [result, { type: 'text' as const, text: 'and now?' }] },
  ]
  await client.messages.create({ ...request, messages: next })
  expect(ember.decode(gateway.backend.requests.at(-1)?.promptIds ?? [])).toMatch(/Error: no sun[\s\S]*and now\?/)
})

test('Responses: function_call items and events, and their outputs in the next turn', async () => {
  await using gateway = await startGateway(says(CALLS))
  const client = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: 'none' })
  const tools = [
    { type: 'function' as const, name: 'get_weather', parameters: SCHEMA, strict: true },
    { type: 'function' as const, name: 'stop', parameters: null, strict: true },
  ]
  const stream = client.responses.stream({ model: 'ember', input: 'Hello!', tools })
  const types: string[] = []
  for await (const event of stream) types.push(event.type)
  expect(types).toContain('response.function_call_arguments.delta')
  const final = await stream.finalResponse()
  const { output } = await client.responses.create({ model: 'ember', input: 'Hello!', tools })
  expect(output.map((item) => (item.type === 'function_call' ? [item.name, item.arguments] : item.type))).toEqual(
    final.output.map((item) => (item.type === 'function_call' ? [item.name, item.arguments] : item.type)),
  )
  expect(output).toHaveLength(3)
  const call = output.find((item) => item.type === 'function_call')
  const input = [{ type: 'function_call_output' as const, call_id: call?.call_id ?? '', output: 'rain' }]
  await client.responses.create({ model: 'ember', input, previous_response_id: final.id, tools })
  expect(ember.decode(gateway.backend.requests.at(-1)?.promptIds ?? [])).toMatch(/get_weather[\s\S]*rain/)
})

test('Ollama: calls have objects, in a body and in lines', async () => {
  await using gateway = await startGateway(says(CALLS))
  const client = new Ollama({ host: gateway.url })
  const tools = [
    {
      type: 'function',
      function: { name: 'get_weather', description: '', parameters: { type: 'object', properties: { city: { type: 'string' } } } },
    },
    { type: 'function', function: { name: 'stop', description: '' } },
  ]
  const { message } = await client.chat({ model: 'ember', messages, tools })
  expect(message.tool_calls?.map(({ function: { name, arguments: input } }) => [name, input])).toEqual([
    ['get_weather', ARGUMENTS],
    ['stop', {}],
  ])
  const streamed: unknown[] = []
  for await (const part of await client.chat({ model: 'ember', messages, tools, stream: true })) streamed.push(...(part.message.tool_calls ?? []))
  expect(streamed).toMatchObject([{ function: { name: 'get_weather', arguments: ARGUMENTS } }, { function: { name: 'stop', arguments: {} } }])
})
