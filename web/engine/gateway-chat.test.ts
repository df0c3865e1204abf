import { expect, test } from 'vitest'
import { ClusterError } from '../../protocol/errors.ts'
import { modelId } from '../../protocol/ids.ts'
import { createChatAnswers } from './chat-answers.ts'
import { createGatewayChat } from './gateway-chat.ts'
import type { ChatEvent, ChatRequest } from './page-engine.ts'

const chunk = (delta: object, finish: string | null = null, extra: object = {}): string =>
  `data: ${JSON.stringify({ choices: [{ index: 0, delta, finish_reason: finish, logprobs: null }], ...extra })}\n\n`
const usage = (tokens: number) => ({ usage: { prompt_tokens: 9, completion_tokens: tokens } })
const WHOLE = [
  ': waiting, position 2, about 4 s\n\n',
  chunk({ role: 'assistant', content: null }),
  chunk({}, null, { prompt_progress: { total: 9, processed: 4, cache: 0, time_ms: 3 } }),
  chunk({ reasoning_content: 'Hm.' }, null, usage(1)),
  chunk({ content: 'Hé' }, null, usage(2)),
  chunk({ tool_calls: [{ index: 0, id: 'c', type: 'function', function: { name: 'f', arguments: '' } }] }, null, usage(3)),
  chunk({ tool_calls: [{ index: 0, function: { arguments: '{}' } }] }, null, usage(4)),
  chunk({}, 'tool_calls', usage(4)),
  `data: ${JSON.stringify({ choices: [], ...usage(4), timings: { prompt_ms: 7, predicted_per_second: 11 } })}\n\n`,
  'data: [DONE]\n\n',
].join('')
const EVENTS: readonly ChatEvent[] = [
  { type: 'queue', position: 2, seconds: 4 },
  { type: 'progress', processed: 4, total: 9 },
  { type: 'reasoning', text: 'Hm.', completionTokens: 1 },
  { type: 'text', text: 'Hé', completionTokens: 2 },
  { type: 'call', id: 'c', name: 'f', completionTokens: 3 },
  { type: 'arguments', index: 0, text: '{}', completionTokens: 4 },
  { type: 'done', finish: 'tool_calls', promptTokens: 9, completionTokens: 4, firstTokenMs: 7, tokensPerSecond: 11 },
]

type Call = { readonly path: string; readonly method: string; readonly headers: Record<string, string>; readonly body: unknown }
/** A server that answers each call with the next of `answers`; a function may break off. */
function gatewayOver(answers: (Response | Error)[]) {
  const calls: Call[] = []
  const fetcher = (async (input: string, init: RequestInit = {}) => {
    calls.push({
      path: input,
      method: init.method ?? 'GET',
      headers: init.headers as Record<string, string>,
      body: typeof init.body === 'string' ? JSON.parse(init.body) : null,
    })
    const next = answers.shift() ?? new TypeError('network')
    if (next instanceof Error) throw next
    return next
  }) as typeof fetch
  return { gateway: createGatewayChat({ fetcher, keyOf: () => 'key', pause: async () => undefined }), calls }
}
/** The bytes up to `end`, then the connection breaks. */
const broken = (text: string, end: number): Response =>
  new Response(
    new ReadableStream({
      start: (controller) => controller.enqueue(new TextEncoder().encode(text).subarray(0, end)),
      pull: (controller) => controller.error(new TypeError('network')),
    }),
  )
const request = (given: Partial<ChatRequest> = {}): ChatRequest => ({
  model: modelId('ember'),
  messages: [{ role: 'user', content: 'Hi' }],
  maxTokens: null,
  signal: new AbortController().signal,
  ...given,
})
async function all(events: AsyncIterable<ChatEvent>): Promise<readonly ChatEvent[]> {
  const seen: ChatEvent[] = []
  for await (const event of events) seen.push(event)
  return seen
}
const errorOf = (code: string, status: number): Response => new Response(JSON.stringify({ error: { message: 'no', code } }), { status })

test('asks with what is set and nothing else, and tells every event', async () => {
  const { gateway, calls } = gatewayOver([new Response(WHOLE)])
  expect(await all(gateway.ask(request({ sampling: { temperature: 0, topP: null, seed: 3 }, conversation: 'c1' })))).toEqual(EVENTS)
  expect(calls[0]).toMatchObject({
    path: '/v1/chat/completions',
    method: 'POST',
    headers: { authorization: 'Bearer key', 'x-conversation-id': 'c1' },
  })
  expect(calls[0]?.body).toEqual({
    model: 'ember',
    messages: [{ role: 'user', content: 'Hi' }],
    stream: true,
    stream_options: { include_usage: true, continuous_usage_stats: true },
    return_progress: true,
    temperature: 0,
    seed: 3,
  })
})

test('a named answer whose connection breaks at any byte goes on from there, and is told once', async () => {
  const bytes = new TextEncoder().encode(WHOLE)
  for (const end of [0, 1, 40, 150, 333, 480, bytes.length - 20, bytes.length - 1]) {
    const { gateway, calls } = gatewayOver([broken(WHOLE, end), new TypeError('still down'), new Response(bytes.slice(end))])
    const events = await all(gateway.ask(request({ conversation: 'c1' })))
    expect(
      events.filter(({ type }) => type !== 'pause'),
      `broken after ${end} bytes`,
    ).toEqual(EVENTS)
    expect(events.filter(({ type }) => type === 'pause')).toHaveLength(1)
    expect(calls.slice(1).map(({ path }) => path)).toEqual([`/v1/stream?conv_id=c1&from=${end}`, `/v1/stream?conv_id=c1&from=${end}`])
  }
})

test('a stop of a named answer reaches the server, which would go on without the page', async () => {
  const abort = new AbortController()
  const { gateway, calls } = gatewayOver([broken(WHOLE, 400), new Response(null, { status: 204 })])
  const events = gateway.ask(request({ conversation: 'c1', signal: abort.signal }))[Symbol.asyncIterator]()
  await events.next()
  abort.abort()
  expect(calls.at(-1)).toMatchObject({ method: 'DELETE', path: '/v1/stream?conv_id=c1&from=0' })
})

test('errors keep their code: before the stream, and in its middle', async () => {
  const { gateway } = gatewayOver([
    errorOf('context_length_exceeded', 400),
    new Response(`${chunk({ content: 'a' })}data: {"error":{"message":"gone","code":"ring_broken"}}\n\ndata: [DONE]\n\n`),
  ])
  await expect(all(gateway.ask(request()))).rejects.toMatchObject({ code: 'context_length_exceeded' })
  await expect(all(gateway.ask(request()))).rejects.toMatchObject({ code: 'ring_broken', message: 'gone' })
})

test('an answer that nobody keeps any more says so', async () => {
  const { gateway } = gatewayOver([errorOf('route_not_found', 404)])
  await expect(all(gateway.resume('c1', new AbortController().signal))).rejects.toMatchObject({ code: 'route_not_found' })
})

const ringAnswer = async function* (): AsyncGenerator<ChatEvent> {
  yield { type: 'text', text: ' and on', completionTokens: 1 }
  yield { type: 'done', finish: 'stop', promptTokens: 9, completionTokens: 1, firstTokenMs: 1, tokensPerSecond: 1 }
}
/** Answers over a server, and what the devices were asked. */
function answersOver(answers: (Response | Error)[], state: 'online' | 'offline' = 'online') {
  const asked: ChatRequest[] = []
  const { gateway, calls } = gatewayOver(answers)
  const engine = {
    ask: (given: ChatRequest) => {
      asked.push(given)
      return ringAnswer()
    },
    prepare: () => undefined,
    connection: () => (state === 'online' ? ({ state: 'connecting' } as const) : ({ state, reason: 'down' } as const)),
  }
  return { answers: createChatAnswers(engine, gateway), asked, calls }
}

test('without a server, or where it takes no question of this page, the devices are asked themselves', async () => {
  const offline = answersOver([], 'offline')
  await all(offline.answers.ask(request()))
  expect([offline.asked.length, offline.calls.length]).toEqual([1, 0])
  for (const answer of [new TypeError('down'), errorOf('invalid_api_key', 401), errorOf('insufficient_scope', 403)]) {
    const { answers, asked } = answersOver([answer])
    expect((await all(answers.ask(request()))).at(-1)).toMatchObject({ type: 'done' })
    expect(asked[0]?.messages).toEqual([{ role: 'user', content: 'Hi' }])
  }
  const { answers, asked } = answersOver([errorOf('model_not_found', 404)])
  await expect(all(answers.ask(request()))).rejects.toBeInstanceOf(ClusterError)
  expect(asked).toEqual([])
})

test('a server that is lost in the middle of an answer: the devices go on with the text so far', async () => {
  const begun = chunk({ content: 'So far' }, null, usage(2))
  const { answers, asked } = answersOver([broken(begun, begun.length)])
  const events = await all(answers.ask(request()))
  expect(asked[0]?.messages.at(-1)).toEqual({ role: 'assistant', content: 'So far' })
  expect(events.flatMap((event) => (event.type === 'text' ? [event.text, event.completionTokens] : []))).toEqual(['So far', 2, ' and on', 3])
})
