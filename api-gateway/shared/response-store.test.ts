import { expect, test } from 'vitest'
import { createMemoryStore } from './response-store.ts'

const of = (content: string) => ({ owner: 'me', turns: [{ role: 'user', content }], body: {} })
const bytes = JSON.stringify(of('1234')).length

test('the oldest go when there are too many bytes or answers', async () => {
  const store = createMemoryStore({ bytes: 2 * bytes, responses: 2 })
  const which = async (...ids: string[]): Promise<string> => {
    const found = await Promise.all(ids.map(async (id) => ((await store.get(id, 'me')) ? id : '')))
    return found.join('')
  }
  for (const id of ['a', 'b', 'c']) await store.put(id, of('1234'))
  expect(await which('a', 'b', 'c')).toBe('bc')
  for (const id of ['d', 'e', 'f']) await store.put(id, of(''))
  expect(await which('b', 'c', 'd', 'e', 'f')).toBe('ef')
  await store.put('g', of('more than all may take'.repeat(20)))
  expect(await which('e', 'f', 'g')).toBe('')
})

test('another owner neither reads nor removes', async () => {
  const store = createMemoryStore()
  await store.put('a', of('x'))
  expect([await store.get('a', 'you'), await store.remove('a', 'you'), await store.remove('a', 'me'), await store.get('a', 'me')]).toEqual([
    null,
    false,
    true,
    null,
  ])
})
