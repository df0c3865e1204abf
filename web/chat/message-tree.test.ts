import { expect, test } from 'vitest'
import { chatSchema, newChat, newMessage, titleOf, type Chat, type Message } from './chat-record.ts'
import { newestLeaf, shownPath, siblingsOf, withChange, withMessage, withoutMessage } from './message-tree.ts'

const say = (id: string, parent: string | null, role: Message['role'] = 'user'): Message => newMessage({ id, parent, role, created: 5, text: id })
/** q1 ─ a1 ─ q2, and beside a1: b1 ─ q3 ─ b2 and b3 */
const TREE: Chat = [
  say('q1', null),
  say('a1', 'q1', 'assistant'),
  say('q2', 'a1'),
  say('b1', 'q1', 'assistant'),
  say('q3', 'b1'),
  say('b2', 'q3', 'assistant'),
  say('b3', 'q3', 'assistant'),
].reduce(withMessage, newChat(1))

const idsOf = (chat: Chat) => shownPath(chat).map(({ id }) => id)

test('shows the branch of the newest message, and each other branch by its leaf', () => {
  expect(idsOf(TREE)).toEqual(['q1', 'b1', 'q3', 'b3'])
  expect(idsOf({ ...TREE, leaf: 'q2' })).toEqual(['q1', 'a1', 'q2'])
  expect(idsOf(newChat(1))).toEqual([])
})

test('siblings stand in for each other in the order in which they came, at the beginning too', () => {
  expect(siblingsOf(TREE, 'b1')).toEqual({ ids: ['a1', 'b1'], index: 1 })
  expect(siblingsOf(TREE, 'b2')).toEqual({ ids: ['b2', 'b3'], index: 0 })
  expect(siblingsOf(withMessage(TREE, say('q1b', null)), 'q1')).toEqual({ ids: ['q1', 'q1b'], index: 0 })
})

test('a branch ends with its newest messages', () => {
  expect(newestLeaf(TREE, 'a1')).toBe('q2')
  expect(newestLeaf(TREE, 'b1')).toBe('b3')
  expect(newestLeaf(TREE, 'q1')).toBe('b3')
  expect(newestLeaf(TREE, 'b2')).toBe('b2')
})

test('a change in place makes no branch and leaves all others alone', () => {
  const changed = withChange(TREE, 'b1', { text: 'better' })
  expect(changed.messages.map(({ text }) => text)).toEqual(['q1', 'a1', 'q2', 'better', 'q3', 'b2', 'b3'])
  expect(changed.leaf).toBe(TREE.leaf)
})

test('without a message everything that follows it is gone, and the chat is still a tree', () => {
  const cut = withoutMessage(TREE, 'b1')
  expect(cut.messages.map(({ id }) => id)).toEqual(['q1', 'a1', 'q2'])
  expect(cut.leaf).toBe('q1')
  expect(chatSchema.safeParse(cut).success).toBe(true)
  expect(withoutMessage(TREE, 'a1').leaf).toBe('b3')
  expect(withoutMessage(withMessage(newChat(1), say('q', null)), 'q')).toMatchObject({ messages: [], leaf: null })
})

test('a chat whose messages are no tree is refused', () => {
  const refused: readonly Chat[] = [
    { ...TREE, leaf: 'nobody' },
    { ...TREE, leaf: null },
    { ...TREE, messages: [...TREE.messages, say('q1', null)] },
    { ...TREE, messages: [say('q9', 'q8'), ...TREE.messages] },
    { ...newChat(1), messages: [say('x', 'y'), say('y', 'x')], leaf: 'x' },
  ]
  for (const chat of refused) expect(chatSchema.safeParse(chat).success).toBe(false)
  expect(chatSchema.safeParse(TREE).data).toEqual(TREE)
})

test('a title is its owner’s, else the first words that were asked, at a word’s end', () => {
  const asked = (text: string) => titleOf(withMessage(newChat(1), newMessage({ parent: null, role: 'user', created: 1, text })))
  expect(asked('  Why is the sky blue?\nI wonder.')).toBe('Why is the sky blue?')
  expect(asked('word '.repeat(30))).toMatch(/^(word )+word…$/)
  expect(asked('x'.repeat(100))).toBe(`${'x'.repeat(60)}…`)
  expect(titleOf(newChat(1))).toBe('New chat')
  expect(titleOf({ ...TREE, title: 'Mine' })).toBe('Mine')
})
