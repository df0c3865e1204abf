import { expect, test } from 'vitest'
import { createResponseStore } from './response-store.ts'

const of = (content: string) => ({ owner: 'me', turns: [{ role: 'user', content }], body: {} })

test('the oldest go when there are too many characters or answers', () => {
  const store = createResponseStore(10, 3)
  for (const id of ['a', 'b', 'c']) store.put(id, of('1234'))
  expect(['a', 'b', 'c'].map((id) => store.get(id, 'me') !== null)).toEqual([false, true, true])
  for (const id of ['d', 'e', 'f']) store.put(id, of(''))
  expect(['b', 'c', 'd', 'e', 'f'].map((id) => store.get(id, 'me') !== null)).toEqual([false, false, true, true, true])
})

test('another owner neither reads nor removes', () => {
  const store = createResponseStore()
  store.put('a', of('x'))
  expect([store.get('a', 'you'), store.remove('a', 'you'), store.remove('a', 'me'), store.get('a', 'me')]).toEqual([null, false, true, null])
})
