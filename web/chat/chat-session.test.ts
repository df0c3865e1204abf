import { expect, test } from 'vitest'
import { ClusterError } from '../../protocol/errors.ts'
import { modelId } from '../../protocol/ids.ts'
import type { ChatEvent, ChatRequest } from '../engine/page-engine.ts'
import { createChatLibrary, type ChatLibrary } from './chat-library.ts'
import { DEFAULT_SETTINGS } from './chat-record.ts'
import { createChatSession, type ChatSession } from './chat-session.ts'
import { memoryStore } from './chat-store.ts'
import { shownPath, siblingsOf } from './message-tree.ts'

const EMBER = modelId('ember')
const DONE: ChatEvent = { type: 'done', finish: 'stop', promptTokens: 9, completionTokens: 2, firstTokenMs: 40, tokensPerSecond: 12 }
const text = (words: string, completionTokens = 1): ChatEvent => ({ type: 'text', text: words, completionTokens })

const newLibrary = (): ChatLibrary =>
  createChatLibrary(Promise.resolve({ ...memoryStore(), isLasting: true }), { post: () => undefined, onMessage: () => undefined })
const gone = async function* (): AsyncGenerator<ChatEvent> {
  throw new ClusterError('route_not_found', 'no stream of that conversation is kept here')
}

type Script = (request: ChatRequest) => AsyncIterable<ChatEvent>
/** A session whose answers follow `script`. */
function sessionWith(script: Script, library = newLibrary(), resume: (conversation: string) => AsyncIterable<ChatEvent> = gone) {
  const asked: ChatRequest[] = []
  const ask = (request: ChatRequest): AsyncIterable<ChatEvent> => {
    asked.push(request)
    return script(request)
  }
  let clock = 1000
  const session = createChatSession({
    answers: { ask, resume },
    library,
    now: () => (clock += 10),
    date: () => (clock += 1),
    settings: () => DEFAULT_SETTINGS,
  })
  return { session, asked, library }
}
async function* hello(): AsyncGenerator<ChatEvent> {
  yield { type: 'progress', processed: 4, total: 9 }
  yield text('Hel')
  yield text('lo', 2)
  yield DONE
}
/** Answers `one`, then `two`, … */
function counting(): Script {
  const words = ['one', 'two', 'three', 'four', 'five']
  return async function* () {
    yield text(words.shift() ?? 'more')
    yield DONE
  }
}
const shown = (session: ChatSession) => shownPath(session.state().chat).map((message) => message.text)
const lastOf = (session: ChatSession) => shownPath(session.state().chat).at(-1)
async function say(session: ChatSession, words: string): Promise<void> {
  session.edit(words)
  await session.send(EMBER)
}

test('streams an answer into the chat and keeps it for the next visit', async () => {
  const { session, library, asked } = sessionWith(hello)
  const seen: string[] = []
  session.onChange(() => seen.push(session.state().running?.text ?? '-'))
  await say(session, 'Hi there ')
  expect(shown(session)).toEqual(['Hi there', 'Hello'])
  expect(lastOf(session)).toMatchObject({ finish: 'stop', model: 'ember', stats: { completionTokens: 2, tokensPerSecond: 12 } })
  expect(seen).toContain('Hel')
  expect(asked[0]).toMatchObject({ messages: [{ role: 'user', content: 'Hi there' }], conversation: lastOf(session)?.id })
  const { session: later } = sessionWith(hello, library)
  await later.open(session.state().chat.id)
  expect(shown(later)).toEqual(['Hi there', 'Hello'])
})

test('gives question and files back to the input when no device can answer, and leaves no trace of them', async () => {
  const { session, library } = sessionWith(async function* () {
    throw new ClusterError('no_ring', 'no device')
  })
  session.attach([{ name: 'a.txt', text: 'A' }])
  await say(session, 'Hi')
  expect(session.state()).toMatchObject({ draft: 'Hi', attachments: [{ name: 'a.txt' }], running: null, error: { code: 'no_ring' } })
  expect(session.state().chat.messages).toEqual([])
  expect(library.heads()).toEqual([])
})

test('keeps the question when no model is known at all', async () => {
  const { session, asked } = sessionWith(hello)
  session.edit('Hi')
  await session.send(null)
  expect(session.state()).toMatchObject({ draft: 'Hi', error: { code: 'no_ring' } })
  expect(asked).toHaveLength(0)
})

test('keeps what was written when the ring breaks in the middle', async () => {
  const { session } = sessionWith(async function* () {
    yield text('Half an ', 3)
    throw new ClusterError('ring_broken', 'peer left')
  })
  await say(session, 'Hi')
  expect(lastOf(session)).toMatchObject({ text: 'Half an ', finish: 'interrupted' })
  expect(session.state()).toMatchObject({ draft: '', error: { code: 'ring_broken' } })
})

test('stop keeps the partial text, aborts the request and ignores what comes late', async () => {
  let release = (): void => undefined
  const late = new Promise<void>((resolve) => (release = resolve))
  const { session, asked } = sessionWith(async function* () {
    yield text('Part')
    await late
    yield text(' too late', 2)
    yield DONE
  })
  session.edit('Hi')
  const started = new Promise<void>((resolve) => session.onChange(() => session.state().running?.text === 'Part' && resolve()))
  const sending = session.send(EMBER)
  await started
  session.stop()
  release()
  await sending
  expect(asked[0]?.signal.aborted).toBe(true)
  expect(lastOf(session)).toMatchObject({ text: 'Part', finish: 'cancelled' })
})

test('regenerate adds an answer beside the last one, with more freedom; both stay', async () => {
  const { session, asked, library } = sessionWith(counting())
  await say(session, 'Hi')
  const first = lastOf(session)?.id ?? ''
  await session.regenerate(first, EMBER)
  expect(shown(session)).toEqual(['Hi', 'two'])
  expect(asked[1]).toMatchObject({ sampling: { temperature: 0.7 }, messages: [{ role: 'user', content: 'Hi' }] })
  expect(siblingsOf(session.state().chat, first).ids).toHaveLength(2)
  session.show(first)
  expect(shown(session)).toEqual(['Hi', 'one'])
  const { session: later } = sessionWith(hello, library)
  await later.open(session.state().chat.id)
  expect([shown(later), later.state().chat.messages.length]).toEqual([['Hi', 'one'], 3])
})

test('a regenerate that fails shows the answer that was there', async () => {
  let isBroken = false
  const { session } = sessionWith(async function* () {
    if (isBroken) throw new ClusterError('no_ring', 'gone')
    yield* hello()
  })
  await say(session, 'Hi')
  isBroken = true
  await session.regenerate(lastOf(session)?.id ?? '', EMBER)
  expect([shown(session), session.state().draft, session.state().error?.code]).toEqual([['Hi', 'Hello'], '', 'no_ring'])
})

test('an edited question becomes a branch of its own; an edited answer does not, and the next turn sees it', async () => {
  const { session, asked } = sessionWith(counting())
  await say(session, 'A')
  await say(session, 'B')
  const [question] = shownPath(session.state().chat)
  await session.resend(question?.id ?? '', 'A2', EMBER)
  expect(shown(session)).toEqual(['A2', 'three'])
  session.show(question?.id ?? '')
  expect(shown(session)).toEqual(['A', 'one', 'B', 'two'])
  session.rewrite(shownPath(session.state().chat)[1]?.id ?? '', 'uno')
  await say(session, 'C')
  expect(asked.at(-1)?.messages.map(({ content }) => content)).toEqual(['A', 'uno', 'B', 'two', 'C'])
})

test('goes on from a given beginning, which the model is asked to continue', async () => {
  const { session, asked } = sessionWith(counting())
  await say(session, 'A')
  await session.goOn(lastOf(session)?.id ?? '', 'Once ', EMBER)
  expect(asked[1]?.messages.at(-1)).toEqual({ role: 'assistant', content: 'Once ' })
  expect(shown(session)).toEqual(['A', 'Once two'])
  expect(lastOf(session)?.given).toBe(5)
})

test('a temporary chat reaches neither the store nor the server’s memory', async () => {
  const { session, asked, library } = sessionWith(hello)
  session.startNew(true)
  await say(session, 'Secret')
  expect([session.state().isTemporary, shown(session)]).toEqual([true, ['Secret', 'Hello']])
  expect([asked[0]?.conversation, library.heads(), await library.all()]).toEqual([undefined, [], []])
})

test('an answer goes on while another chat is open, and each chat has its own', async () => {
  let release = (): void => undefined
  const held = new Promise<void>((resolve) => (release = resolve))
  const { session, library } = sessionWith(async function* ({ messages }) {
    if (messages[0]?.content === 'slow') await held
    yield text(`to ${messages[0]?.content}`)
    yield DONE
  })
  session.edit('slow')
  const slow = session.send(EMBER)
  const { id } = session.state().chat
  session.startNew()
  await say(session, 'quick')
  expect([shown(session), session.running().has(id)]).toEqual([['quick', 'to quick'], true])
  release()
  await slow
  expect((await library.load(id))?.messages.map((message) => message.text)).toEqual(['slow', 'to slow'])
  await session.open(id)
  expect(shown(session)).toEqual(['slow', 'to slow'])
})

test('a chat that was left in the middle of an answer reads it on; where it is gone, what was kept stays', async () => {
  const hang = new Promise<never>(() => undefined)
  const { session, library } = sessionWith(async function* () {
    yield text('Be')
    await hang
  })
  session.edit('Hi')
  const started = new Promise<void>((resolve) => session.onChange(() => session.state().running?.text === 'Be' && resolve()))
  void session.send(EMBER)
  await started
  const { id } = session.state().chat
  const asked: string[] = []
  const { session: reloaded } = sessionWith(hello, library, async function* (conversation) {
    asked.push(conversation)
    yield text('Bello', 2)
    yield DONE
  })
  const over = new Promise<void>((resolve) => reloaded.onChange(() => lastOf(reloaded)?.finish === 'stop' && resolve()))
  await reloaded.open(id)
  await over
  expect([shown(reloaded), asked]).toEqual([['Hi', 'Bello'], [lastOf(reloaded)?.id]])

  const other = newLibrary()
  const chat = session.state().chat
  await other.keep({ ...chat, messages: chat.messages.map((one) => (one.role === 'assistant' ? { ...one, text: 'Be' } : one)) })
  const { session: late } = sessionWith(hello, other)
  const cut = new Promise<void>((resolve) => late.onChange(() => lastOf(late)?.finish === 'interrupted' && resolve()))
  await late.open(id)
  await cut
  expect(shown(late)).toEqual(['Hi', 'Be'])
})

test('a chat that is deleted while it is open, here or elsewhere, gives way to a new one, and its answer is stopped', async () => {
  const { session, library, asked } = sessionWith(async function* () {
    yield text('Be')
    await new Promise<never>(() => undefined)
  })
  session.edit('Hi')
  void session.send(EMBER)
  await library.keep(session.state().chat)
  await library.remove(session.state().chat.id)
  expect([session.state().chat.messages, library.heads(), asked[0]?.signal.aborted]).toEqual([[], [], true])
})
