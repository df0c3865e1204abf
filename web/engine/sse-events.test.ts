import { expect, test } from 'vitest'
import { createSseReader, type SseEvent } from './sse-events.ts'

const STREAM = ': waiting, position 2, about 4 s\n\ndata: {"a":"é🦊"}\n\ndata: one\ndata: two\r\n\r\nevent: x\ndata:[DONE]\n\n'
const WANTED: readonly SseEvent[] = [
  { type: 'comment', text: 'waiting, position 2, about 4 s' },
  { type: 'data', data: '{"a":"é🦊"}' },
  { type: 'data', data: 'one\ntwo' },
  { type: 'data', data: '[DONE]' },
]

test('gives the same events however the bytes are cut, and counts them', () => {
  const bytes = new TextEncoder().encode(STREAM)
  for (let size = 1; size <= bytes.length; size++) {
    const reader = createSseReader()
    const events: SseEvent[] = []
    for (let at = 0; at < bytes.length; at += size) events.push(...reader.push(bytes.subarray(at, at + size)))
    expect(events, `in pieces of ${size}`).toEqual(WANTED)
    expect(reader.bytes()).toBe(bytes.length)
  }
})
