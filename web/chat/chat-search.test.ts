import { expect, test } from 'vitest'
import { newChat, newMessage, type Chat } from './chat-record.ts'
import { ageGroup, headOf, searchChats } from './chat-search.ts'
import { withMessage } from './message-tree.ts'

const chat = (id: string, updated: number, title: string, text: string): Chat => ({
  ...withMessage({ ...newChat(1), id, title }, newMessage({ parent: null, role: 'user', created: 1, text })),
  updated,
})
const HEADS = [
  chat('old', 10, 'Baking', 'How long does sourdough take?\nIn a Café they said two days.'),
  chat('new', 30, 'Paris', 'Where is a good place for bread? Sourdough, please.'),
  chat('mid', 20, 'Sourdough at home', 'nothing else'),
].map(headOf)
const found = (query: string) => searchChats(HEADS, query).map(({ id }) => id)

test('all chats for no words, newest first', () => {
  expect(found('')).toEqual(['new', 'mid', 'old'])
  expect(found('  ')).toEqual(['new', 'mid', 'old'])
})

test('every word must be there, in any order, whatever its case and accents; titles come first', () => {
  expect(found('SOURDOUGH')).toEqual(['mid', 'new', 'old'])
  expect(found('cafe')).toEqual(['old'])
  expect(found('days Baking')).toEqual(['old'])
  expect(found('sourdough paris bread')).toEqual(['new'])
  expect(found('sourdough rome')).toEqual([])
})

test('an excerpt shows the place in the words that were said', () => {
  const [first, second] = searchChats(HEADS, 'two')
  expect([first?.excerpt, second]).toEqual(['…In a Café they said two days.', undefined])
  expect(searchChats(HEADS, 'sourdough')[0]?.excerpt).toBeNull()
})

test('1000 chats: what is found is what holds the words', () => {
  const heads = Array.from({ length: 1000 }, (_, index) =>
    headOf(chat(`c${index}`, index, `Chat ${index}`, `${'filler '.repeat(300)} needle${index % 10}x`)),
  )
  expect(searchChats(heads, 'needle7x')).toHaveLength(100)
  expect(searchChats(heads, 'needle7x')[0]?.id).toBe('c997')
})

test('groups by calendar days, not by 24 hours', () => {
  const now = new Date(2030, 4, 15, 0, 30)
  const at = (...parts: [number, number, number, number]) => ageGroup(new Date(...parts).getTime(), now)
  expect(at(2030, 4, 15, 0)).toBe('Today')
  expect(at(2030, 4, 14, 23)).toBe('Yesterday')
  expect(at(2030, 4, 13, 12)).toBe('Last 7 days')
  expect(at(2030, 1, 3, 12)).toBe('February')
  expect(at(2029, 11, 31, 12)).toBe('December 2029')
})
