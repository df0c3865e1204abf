import { expect, test } from 'vitest'
import { randomChats } from '../../tests/harness/random-chats.ts'
import { chatsFromJson, chatsToJson } from './chat-json.ts'
import { chatsFromMarkdown, chatsToMarkdown } from './chat-markdown.ts'
import { DEFAULT_SETTINGS, newChat, newMessage, type Chat } from './chat-record.ts'
import { shownPath, withMessage } from './message-tree.ts'

const CHATS = randomChats(7, 1000)

test('JSON: import(export(x)) = x for 1000 chats at once, and for each alone', () => {
  expect(chatsFromJson(chatsToJson(CHATS))).toEqual(CHATS)
  for (const chat of CHATS.slice(0, 100)) expect(chatsFromJson(chatsToJson([chat]))).toEqual([chat])
  // The set holds what could go wrong: branches, files, reasoning, calls, odd characters.
  expect(CHATS.filter((chat) => shownPath(chat).length < chat.messages.length).length).toBeGreaterThan(100)
  expect(CHATS.flatMap(({ messages }) => messages).filter(({ calls }) => calls.length > 0).length).toBeGreaterThan(100)
})

/** What Markdown keeps of a chat: names, the system prompt and the branch that is shown. */
const readable = (chat: Chat) => ({
  title: chat.title,
  system: chat.settings.system,
  messages: shownPath(chat).map(({ role, text, reasoning, attachments }) => ({ role, text, reasoning, attachments })),
})

test('Markdown: titles, system prompts and shown branches of 1000 chats come back as they were', () => {
  expect(chatsFromMarkdown(chatsToMarkdown(CHATS), 0).map(readable)).toEqual(CHATS.map(readable))
})

test('Markdown reads as a conversation', () => {
  const start = { ...newChat(1, { ...DEFAULT_SETTINGS, system: 'Be kind.' }), title: 'Sky' }
  const asked = withMessage(
    start,
    newMessage({ parent: null, role: 'user', created: 2, text: 'Why blue?', attachments: [{ name: 'a.txt', text: 'x ``` y' }] }),
  )
  const chat = withMessage(asked, newMessage({ parent: asked.leaf, role: 'assistant', created: 3, text: 'Scattering.', finish: 'stop' }))
  const lines = chatsToMarkdown([chat])
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('<!--'))
  expect(lines).toEqual([
    '# Sky',
    '```',
    'Be kind.',
    '```',
    '### Question',
    'a.txt',
    '````',
    'x ``` y',
    '````',
    'Why blue?',
    '### Answer',
    'Scattering.',
  ])
})

test('a file that is no export is refused with a sentence, and nothing of it is taken', () => {
  expect(() => chatsFromJson('{')).toThrow('the file is not JSON')
  expect(() => chatsFromJson('{"format":"other"}')).toThrow('the file is no export of chats: format')
  const broken = JSON.parse(chatsToJson(CHATS.slice(0, 3))) as { chats: { leaf: string | null }[] }
  Object.assign(broken.chats[1] ?? {}, { leaf: 'nobody' })
  expect(() => chatsFromJson(JSON.stringify(broken))).toThrow('chats.1')
  expect(() => chatsFromMarkdown('# Just a document\n', 0)).toThrow('there is no chat in the file')
})
