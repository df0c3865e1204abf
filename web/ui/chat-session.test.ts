import { expect, test } from 'vitest'
import { ClusterError } from '../../protocol/errors.ts'
import { modelId } from '../../protocol/ids.ts'
import type { ChatEvent, ChatRequest, PageEngine } from '../engine/page-engine.ts'
import { createChatSession, type TextStore } from './chat-session.ts'

const EMBER = modelId('ember')
const DONE: ChatEvent = { type: 'done', finish: 'stop', promptTokens: 9, completionTokens: 2, firstTokenMs: 40, tokensPerSecond: 12 }

function memoryStore(): TextStore {
  const entries = new Map<string, string>()
  return {
    getItem: (key) => entries.get(key) ?? null,
    setItem: (key, value) => void entries.set(key, value),
    removeItem: (key) => void entries.delete(key),
  }
}

/** A session whose engine answers with `script`; the other parts of an engine are not reached by a session. */
function sessionWith(script: (request: ChatRequest) => AsyncIterable<ChatEvent>, store = memoryStore()) {
  const asked: ChatRequest[] = []
  const engine: Pick<PageEngine, 'ask'> = {
    ask: (request) => {
      asked.push(request)
      return script(request)
    },
  }
  let clock = 1000
  return { session: createChatSession(engine as PageEngine, store, () => (clock += 10)), asked, store }
}

async function* hello(): AsyncGenerator<ChatEvent> {
  yield { type: 'progress', processed: 4, total: 9 }
  yield { type: 'text', text: 'Hel', completionTokens: 1 }
  yield { type: 'text', text: 'lo', completionTokens: 2 }
  yield DONE
}

test('streams an answer into the thread and keeps it for the next visit', async () => {
  const { session, store, asked } = sessionWith(hello)
  const seen: string[] = []
  session.onChange(() => seen.push(session.state().running?.text ?? '-'))
  session.edit('Hi there ')
  await session.send(EMBER, 0)
  expect(session.state().turns.map((turn) => [turn.role, turn.text])).toEqual([
    ['user', 'Hi there'],
    ['assistant', 'Hello'],
  ])
  expect(session.state().turns[1]?.stats).toMatchObject({ completionTokens: 2, tokensPerSecond: 12 })
  expect(seen).toContain('Hel')
  expect(asked[0]?.messages).toEqual([{ role: 'user', content: 'Hi there' }])
  expect(createChatSession({} as PageEngine, store, () => 0).state().turns).toHaveLength(2)
})

test('gives the question back to the input when no device can answer', async () => {
  const { session } = sessionWith(async function* () {
    throw new ClusterError('no_ring', 'no device')
  })
  session.edit('Hi')
  await session.send(EMBER, 0)
  expect(session.state()).toMatchObject({ draft: 'Hi', turns: [], running: null, error: { code: 'no_ring' } })
})

test('keeps the question when no model is known at all', async () => {
  const { session, asked } = sessionWith(hello)
  session.edit('Hi')
  await session.send(null, 0)
  expect(session.state()).toMatchObject({ draft: 'Hi', error: { code: 'no_ring' } })
  expect(asked).toHaveLength(0)
})

test('keeps what was written when the ring breaks in the middle', async () => {
  const { session } = sessionWith(async function* () {
    yield { type: 'text', text: 'Half an ', completionTokens: 3 }
    throw new ClusterError('ring_broken', 'peer left')
  })
  session.edit('Hi')
  await session.send(EMBER, 0)
  expect(session.state().turns.at(-1)).toMatchObject({ text: 'Half an ', finish: 'interrupted' })
  expect(session.state()).toMatchObject({ draft: '', error: { code: 'ring_broken' } })
})

test('stop keeps the partial text, aborts the request and ignores what comes late', async () => {
  let release = (): void => undefined
  const late = new Promise<void>((resolve) => (release = resolve))
  const { session, asked } = sessionWith(async function* () {
    yield { type: 'text', text: 'Part', completionTokens: 1 }
    await late
    yield { type: 'text', text: ' too late', completionTokens: 2 }
    yield DONE
  })
  session.edit('Hi')
  const started = new Promise<void>((resolve) => session.onChange(() => session.state().running?.text === 'Part' && resolve()))
  const sending = session.send(EMBER, 0)
  await started
  session.stop()
  release()
  await sending
  expect(asked[0]?.signal.aborted).toBe(true)
  expect(session.state().turns.at(-1)).toMatchObject({ text: 'Part', finish: 'cancelled' })
})

test('regenerate asks the same question again in place of the last answer', async () => {
  const { session, asked } = sessionWith(hello)
  session.edit('Hi')
  await session.send(EMBER, 0)
  await session.regenerate(EMBER, 0.7)
  expect(session.state().turns).toHaveLength(2)
  expect(asked[1]).toMatchObject({ temperature: 0.7, messages: [{ role: 'user', content: 'Hi' }] })
})

test('an unreadable kept thread is an empty one', () => {
  const store = memoryStore()
  store.setItem('ringlet.chat', '{"not":"a thread"}')
  expect(createChatSession({} as PageEngine, store, () => 0).state().turns).toEqual([])
})
