import { expect, test } from 'vitest'
import { startGateway } from '../tests/harness/gateway.ts'

const CHAT = { model: 'ember', messages: [{ role: 'user', content: 'Hello there' }], max_tokens: 4 }

/** A gateway in which answers stand still until `release` is called. */
async function standingStill(limits: { running: number; waiting: number }) {
  let release = (): void => undefined
  const released = new Promise<void>((resolve) => (release = resolve))
  let begun = 0
  let onBegin = (): void => undefined
  const beforeToken = (): Promise<void> => {
    begun += 1
    onBegin()
    return released
  }
  const gateway = await startGateway({ beforeToken }, { admission: limits })
  const running = (): Promise<void> => (begun > 0 ? Promise.resolve() : new Promise((resolve) => (onBegin = resolve)))
  return { gateway, release, running }
}

test('fault 21: who waits is told where it stands, who comes beyond that is sent away with a time, in every dialect', async () => {
  const { gateway, release, running } = await standingStill({ running: 1, waiting: 1 })
  await using _ = gateway
  const first = gateway.post('/v1/chat/completions', { ...CHAT, stream: true })
  await running()
  const second = await gateway.post('/v1/chat/completions', { ...CHAT, stream: true })
  expect(second.status).toBe(200)
  expect(second.headers.get('x-ratelimit-limit-requests')).toBe('2')
  expect(second.headers.get('x-ratelimit-remaining-requests')).toBe('0')
  expect(second.headers.get('x-ratelimit-limit-tokens')).toBe('2048')
  const left = Number(second.headers.get('x-ratelimit-remaining-tokens'))
  expect(left).toBeGreaterThan(1900)
  expect(left).toBeLessThan(2040)
  expect(second.headers.get('x-ratelimit-reset-requests')).toMatch(/^[1-9]\d*s$/)

  const refused = await gateway.post('/v1/chat/completions', CHAT)
  expect(refused.status).toBe(429)
  expect(refused.headers.get('retry-after')).toMatch(/^([1-9]|[1-5]\d|60)$/)
  expect(refused.headers.get('x-ratelimit-remaining-requests')).toBe('0')
  expect(await refused.json()).toMatchObject({ error: { type: 'rate_limit_error', code: 'queue_full' } })
  const ollama = await gateway.post('/api/chat', { model: 'ember', messages: CHAT.messages })
  expect([ollama.status, ollama.headers.has('retry-after')]).toEqual([503, true])
  const anthropic = await gateway.post('/v1/messages', CHAT)
  expect([anthropic.status, anthropic.headers.has('retry-after')]).toEqual([529, true])

  const metrics = await (await fetch(`${gateway.url}/metrics`)).text()
  expect(metrics).toMatch(/^ringlet_sequences_running 1$/m)
  expect(metrics).toMatch(/^ringlet_sequences_waiting 1$/m)
  release()
  const text = await second.text()
  expect(text.startsWith(': waiting, position 1\n\n')).toBe(true)
  expect(text.trimEnd().endsWith('data: [DONE]')).toBe(true)
  expect((await (await first).text()).startsWith(': keep-alive\n\n')).toBe(true)
  expect(await (await fetch(`${gateway.url}/metrics`)).text()).toMatch(/^ringlet_sequences_waiting 0$/m)
})

test('who goes away while waiting makes room for another', async () => {
  const { gateway, release, running } = await standingStill({ running: 1, waiting: 1 })
  await using _ = gateway
  const first = gateway.post('/v1/chat/completions', CHAT)
  await running()
  const gone = new AbortController()
  const second = await gateway.post('/v1/chat/completions', { ...CHAT, stream: true }, { signal: gone.signal })
  expect(second.status).toBe(200)
  gone.abort()
  let status = 429
  while (status === 429) {
    const third = new AbortController()
    const response = await gateway.post('/v1/chat/completions', { ...CHAT, stream: true }, { signal: third.signal })
    status = response.status
    third.abort()
  }
  expect(status).toBe(200)
  release()
  expect((await first).status).toBe(200)
})
