import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { afterEach, expect, test, vi } from 'vitest'
import { createEventStream } from './event-stream.ts'

afterEach(() => vi.useRealTimers())

/** A response that nobody reads: what is written stays in its buffer. */
const unread = (): ServerResponse => new ServerResponse(new IncomingMessage(new Socket()))

test('a comment goes out at once and after every 10 s of silence, none after the end', () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  const response = unread()
  const write = vi.spyOn(response, 'write')
  const stream = createEventStream(response, 'sse')
  stream.open()
  expect(write).toHaveBeenCalledTimes(1)
  vi.advanceTimersByTime(9_000)
  stream.event({ a: 1 })
  vi.advanceTimersByTime(9_000)
  expect(write).toHaveBeenCalledTimes(2)
  vi.advanceTimersByTime(1_000)
  expect(write.mock.calls.map(([text]) => text)).toEqual([': keep-alive\n\n', 'data: {"a":1}\n\n', ': keep-alive\n\n'])
  stream.end()
  vi.advanceTimersByTime(60_000)
  expect(write).toHaveBeenCalledTimes(3)
})

test('faults 24: a client that never reads is cut off once 1 MiB waits for it', () => {
  const response = unread()
  const stream = createEventStream(response, 'sse')
  let events = 0
  while (!response.destroyed && events < 10_000) {
    stream.event({ text: 'x'.repeat(1000) })
    events++
  }
  expect(response.destroyed).toBe(true)
  expect(events).toBeGreaterThan(1000)
  expect(events).toBeLessThan(1100)
})
