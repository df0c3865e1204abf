import { expect, test } from 'vitest'
import { createChatLibrary, type ChatNews } from './chat-library.ts'
import { newChat, type Chat } from './chat-record.ts'
import { memoryStore } from './chat-store.ts'

/** Two tabs of one browser: one store, and each hears the other. */
function twoTabs() {
  const store = { ...memoryStore(), isLasting: true }
  const ears: ((news: ChatNews) => void)[] = []
  const tab = (index: number) =>
    createChatLibrary(Promise.resolve(store), {
      post: (news) => ears.forEach((listen, other) => other !== index && listen(news)),
      onMessage: (listener) => void (ears[index] = listener),
    })
  return { first: tab(0), second: tab(1), store }
}
const chat = (id: string, updated: number, title = id): Chat => ({ ...newChat(updated, undefined, id), title })
const settled = () => new Promise((resolve) => setTimeout(resolve))

test('a chat that one tab keeps, renames or deletes is so in the other', async () => {
  const { first, second } = twoTabs()
  const news: ChatNews[] = []
  second.onNews((one) => news.push(one))
  await first.keep(chat('a', 1))
  await settled()
  expect(second.heads().map(({ title }) => title)).toEqual(['a'])
  await first.rename('a', '  Alpha ')
  await settled()
  expect(second.heads().map(({ title }) => title)).toEqual(['Alpha'])
  await first.remove('a')
  await settled()
  expect([second.heads(), news.at(-1)]).toEqual([[], { id: 'a', isGone: true }])
})

test('of a chat that is here already the newer one stays', async () => {
  const { first } = twoTabs()
  await first.keep(chat('a', 5, 'mine'))
  expect(await first.add([chat('a', 4, 'older'), chat('b', 1)])).toBe(1)
  expect(await first.add([chat('a', 6, 'newer')])).toBe(1)
  expect((await first.all()).map(({ title }) => title)).toEqual(['newer', 'b'])
})

test('the list is the same object until something changes, and says whether the browser keeps it', async () => {
  const { first } = twoTabs()
  await first.keep(chat('a', 1))
  expect(first.heads()).toBe(first.heads())
  expect(first.isLasting()).toBe(true)
  const forgetful = createChatLibrary(Promise.resolve(memoryStore()), { post: () => undefined, onMessage: () => undefined })
  await forgetful.all()
  expect(forgetful.isLasting()).toBe(false)
})
