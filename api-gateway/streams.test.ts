import { expect, test } from 'vitest'
import { ANSWER, CHAT, endless, says, USER } from '../tests/harness/chat.ts'
import { eventually, startGateway, type TestGateway } from '../tests/harness/gateway.ts'

const BODY = { model: 'ember', messages: USER, stream: true, stream_options: { include_obfuscation: false } }
const kept = (gateway: TestGateway, id: string, signal?: AbortSignal): Promise<Response> =>
  gateway.post(CHAT, BODY, { headers: { 'x-conversation-id': id }, ...(signal ? { signal } : {}) })
const again = ({ url }: TestGateway, id: string, from?: number | string): Promise<Response> =>
  fetch(`${url}/v1/stream?conv_id=${id}${from === undefined ? '' : `&from=${from}`}`)

/** Answers whose third token waits. */
function held() {
  let release: () => void = () => undefined
  const gate = new Promise<void>((resolve) => (release = resolve))
  return { release: () => release(), script: { ...says(ANSWER), beforeToken: (index: number) => (index < 2 ? Promise.resolve() : gate) } }
}
async function readUntil(response: Response, mark: string): Promise<string> {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  while (!text.includes(mark)) text += (await reader?.read())?.value ?? ''
  return text
}

test('with X-Conversation-Id an answer goes on without its reader; it is replayed from any byte, byte for byte, and followed', async () => {
  const { release, script } = held()
  await using gateway = await startGateway(script)
  const gone = new AbortController()
  const start = await readUntil(await kept(gateway, 'chat-1', gone.signal), '"role":"assistant"')
  gone.abort()
  // Two that follow while it runs, one of them from where the first broke off.
  const bytes = Buffer.byteLength(start)
  const [whole, rest] = [await again(gateway, 'chat-1'), await again(gateway, 'chat-1', bytes)]
  expect([whole.status, whole.headers.get('content-type')]).toEqual([200, 'text/event-stream; charset=utf-8'])
  release()
  const text = await whole.text()
  expect(text.startsWith(start)).toBe(true)
  expect(text.endsWith('data: [DONE]\n\n')).toBe(true)
  expect(text).toContain('"finish_reason":"stop"')
  expect(start + (await rest.text())).toBe(text)
  // After its end as well, and from the middle of an emoji.
  const all = Buffer.from(text)
  const emoji = all.indexOf(Buffer.from('👩')) + 2
  expect(Buffer.from(await (await again(gateway, 'chat-1', emoji)).arrayBuffer())).toEqual(all.subarray(emoji))
  expect(await (await again(gateway, 'chat-1', all.length)).text()).toBe('')
  expect(gateway.backend.active()).toBe(0)
})

test('DELETE ends it on the ring with a typed error, and it is gone; unknown ones, bad bytes and bad names are refused', async () => {
  await using gateway = await startGateway(endless())
  const response = await kept(gateway, 'chat-2')
  const url = `${gateway.url}/v1/stream?conv_id=chat-2`
  expect((await fetch(url, { method: 'DELETE' })).status).toBe(204)
  const text = await response.text()
  expect(text).toContain('"code":"cancelled"')
  expect(text.endsWith('data: [DONE]\n\n')).toBe(true)
  await eventually(() => gateway.backend.active() === 0, 1000)
  for (const method of ['DELETE', 'GET']) expect((await fetch(url, { method })).status).toBe(404)
  await using done = await startGateway(says('Hi'))
  await (await kept(done, 'chat-3')).text()
  for (const from of ['-1', 'x', '999999']) expect([from, (await again(done, 'chat-3', from)).status]).toEqual([from, 400])
  expect((await fetch(`${done.url}/v1/stream`)).status).toBe(400)
  expect((await kept(done, 'a b')).status).toBe(400)
})

test('another key sees no such stream; a second request of the conversation ends the first', async () => {
  await using gateway = await startGateway(endless(), { apiKeys: ['mine', 'other'] })
  const ask = (key: string): Promise<Response> =>
    gateway.post(CHAT, BODY, { headers: { 'x-conversation-id': 'chat-4', authorization: `Bearer ${key}` } })
  const first = await ask('mine')
  const seen = await fetch(`${gateway.url}/v1/stream?conv_id=chat-4`, { headers: { authorization: 'Bearer other' } })
  expect(seen.status).toBe(404)
  const second = await ask('mine')
  expect(await first.text()).toContain('"code":"cancelled"')
  await fetch(`${gateway.url}/v1/stream?conv_id=chat-4`, { method: 'DELETE', headers: { authorization: 'Bearer mine' } })
  await second.text()
})

test('without the header, and where an error comes before the stream, nothing is kept', async () => {
  await using gateway = await startGateway(endless())
  const gone = new AbortController()
  await readUntil(await gateway.post(CHAT, BODY, { signal: gone.signal }), '"role"')
  gone.abort()
  await eventually(() => gateway.backend.active() === 0, 1000)
  const refused = await gateway.post(
    CHAT,
    { ...BODY, messages: [{ role: 'user', content: 'word '.repeat(2000) }] },
    { headers: { 'x-conversation-id': 'c' } },
  )
  expect([refused.status, (await again(gateway, 'c')).status]).toEqual([400, 404])
})
