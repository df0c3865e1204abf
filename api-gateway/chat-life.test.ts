import { expect, test } from 'vitest'
import { ANSWER, CHAT, endless, errorOf, says, USER } from '../tests/harness/chat.ts'
import { eventually, readEvents, startGateway } from '../tests/harness/gateway.ts'
import { ClusterError } from '../protocol/errors.ts'
import { createRunningJobs } from './jobs/running-jobs.ts'

test('an error in mid-stream is an event, then [DONE], and no finish reason', async () => {
  await using gateway = await startGateway({ ...says(ANSWER), failure: { index: 3, error: new ClusterError('ring_broken', 'device left') } })
  const events = await readEvents(await gateway.post(CHAT, { model: 'ember', messages: USER, stream: true }))
  expect(events.slice(-2)).toEqual([{ error: { message: 'device left', type: 'server_error', param: null, code: 'ring_broken' } }, '[DONE]'])
  expect(JSON.stringify(events)).not.toMatch(/"finish_reason":"/)
})

test('an unexpected failure is 500 and keeps its message at home', async () => {
  const broken = {
    index: 0,
    get error(): ClusterError {
      throw new TypeError('secret path')
    },
  }
  await using gateway = await startGateway({ failure: broken })
  const response = await gateway.post(CHAT, { model: 'ember', messages: USER })
  expect(response.status).toBe(500)
  expect(JSON.stringify(await errorOf(response))).not.toContain('secret')
  expect(gateway.logged.join('')).toContain('secret path')
})

test('a client that goes away cancels its work within 1 s', async () => {
  await using gateway = await startGateway(endless())
  const abort = new AbortController()
  const response = await gateway.post(CHAT, { model: 'ember', messages: USER, stream: true, n: 3 }, { signal: abort.signal })
  await response.body?.getReader().read()
  const left = performance.now()
  abort.abort()
  await eventually(() => gateway.backend.active() === 0, 1000)
  expect(gateway.backend.aborts).toHaveLength(3)
  expect(Math.max(...gateway.backend.aborts) - left).toBeLessThan(1000)
})

test('a client that goes away while a whole answer is computed cancels it too', async () => {
  await using gateway = await startGateway(endless())
  const abort = new AbortController()
  const asked = gateway.post(CHAT, { model: 'ember', messages: USER }, { signal: abort.signal }).catch((error: unknown) => error)
  await eventually(() => gateway.backend.active() === 1, 1000)
  abort.abort()
  expect(await asked).toBeInstanceOf(Error)
  await eventually(() => gateway.backend.active() === 0, 1000)
})

test('200 abandoned streams leave nothing behind and the next request is answered', async () => {
  await using gateway = await startGateway({
    beforeToken: (index, request) => (index === 0 || request.maxTokens === 1 ? Promise.resolve() : new Promise(() => undefined)),
  })
  const abandon = async (): Promise<void> => {
    const abort = new AbortController()
    const response = await gateway.post(CHAT, { model: 'ember', messages: USER, stream: true }, { signal: abort.signal })
    await response.body?.getReader().read()
    abort.abort()
  }
  for (let batch = 0; batch < 10; batch++) await Promise.all(Array.from({ length: 20 }, abandon))
  expect(gateway.backend.requests).toHaveLength(200)
  await eventually(() => gateway.backend.active() === 0, 2000)
  const start = performance.now()
  expect((await gateway.post(CHAT, { model: 'ember', messages: USER, max_tokens: 1 })).status).toBe(200)
  expect(performance.now() - start).toBeLessThan(5000)
  expect(await (await fetch(`${gateway.url}/metrics`)).text()).toMatch(/ringlet_sequences_running 0\n/)
})

test('cancel by id ends that stream with a typed error and only that one; unknown ids are 404', async () => {
  let release = (): void => undefined
  const gate = new Promise<void>((resolve) => (release = resolve))
  await using gateway = await startGateway({ ...says(ANSWER), beforeToken: (index) => (index < 2 ? Promise.resolve() : gate) })
  const open = async () => {
    const response = await gateway.post(CHAT, { model: 'ember', messages: USER, stream: true })
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
    let text = ''
    while (!text.includes('chatcmpl-')) text += (await reader?.read())?.value ?? ''
    const rest = async (): Promise<string> => {
      for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) text += part.value
      return text
    }
    return { id: /chatcmpl-[0-9a-f]+/.exec(text)?.[0] ?? '', rest }
  }
  const [first, second] = [await open(), await open()]
  expect((await gateway.post(`/v1/cancel/${first.id}`, {})).status).toBe(200)
  const cancelled = await first.rest()
  expect(cancelled).toContain('"code":"cancelled"')
  expect(cancelled.endsWith('data: [DONE]\n\n')).toBe(true)
  release()
  expect(await second.rest()).toContain('"finish_reason":"stop"')
  expect((await gateway.post(`/v1/cancel/${first.id}`, {})).status).toBe(404)
})

test('a server that stops finishes what runs, refuses what comes, and ends with a typed error what takes too long', async () => {
  let release: () => void = () => undefined
  const held = new Promise<void>((resolve) => (release = resolve))
  const running = createRunningJobs()
  await using gateway = await startGateway({ ...says(ANSWER), beforeToken: (index) => (index === 1 ? held : Promise.resolve()) }, { running })
  const first = await gateway.post(CHAT, { model: 'ember', messages: USER, stream: true })
  await eventually(() => running.size() === 1, 1000)
  const drained = running.drain(60_000)
  const refused = await gateway.post(CHAT, { model: 'ember', messages: USER })
  expect([refused.status, refused.headers.get('retry-after') !== null, await errorOf(refused)]).toEqual([
    503,
    true,
    expect.objectContaining({ code: 'shutting_down' }),
  ])
  expect([(await fetch(`${gateway.url}/ready`)).status, (await fetch(`${gateway.url}/health`)).status]).toEqual([503, 200])
  release()
  await drained
  expect(JSON.stringify(await readEvents(first))).toContain('"finish_reason":"stop"')

  const stubborn = createRunningJobs()
  await using other = await startGateway(endless(), { running: stubborn })
  const stream = await other.post(CHAT, { model: 'ember', messages: USER, stream: true })
  await stubborn.drain(0)
  expect((await readEvents(stream)).slice(-2)).toEqual([{ error: expect.objectContaining({ code: 'shutting_down' }) }, '[DONE]'])
})
