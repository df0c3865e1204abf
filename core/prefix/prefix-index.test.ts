import { expect, test } from 'vitest'
import { BLOCK_TOKENS, createPrefixIndex } from './prefix-index.ts'

const count = (tokens: number, from = 0): number[] => Array.from({ length: tokens }, (_, i) => from + i)

test('finds the longest of several common beginnings, to the token', () => {
  const index = createPrefixIndex<string>()
  index.add('short', 'a', count(40))
  index.add('long', 'a', count(100))
  index.add('parts early', 'a', [...count(20), 999, ...count(80)])
  expect(index.longest('a', [...count(70), 7777])).toEqual({ name: 'long', length: 70 })
  expect(index.longest('a', count(500))).toEqual({ name: 'long', length: 100 })
  expect(index.longest('a', [...count(20), 999, 0, 1, 5])).toEqual({ name: 'parts early', length: 23 })
})

test('of equals the newest, and none once it is removed', () => {
  const index = createPrefixIndex<string>()
  index.add('old', 'a', count(64))
  index.add('new', 'a', count(64))
  expect(index.longest('a', count(64))).toEqual({ name: 'new', length: 64 })
  index.remove('new')
  expect(index.longest('a', count(64))).toEqual({ name: 'old', length: 64 })
  index.remove('old')
  expect(index.longest('a', count(64))).toBeNull()
})

test('scopes never match, nor what differs before the first block ends, nor the same block elsewhere', () => {
  const index = createPrefixIndex<string>()
  index.add('one', 'a', count(64))
  expect(index.longest('b', count(64))).toBeNull()
  expect(index.longest('a', [...count(BLOCK_TOKENS - 1), 9999, ...count(40)])).toBeNull()
  expect(index.longest('a', count(48, BLOCK_TOKENS))).toBeNull()
  expect(index.longest('a', count(BLOCK_TOKENS - 1))).toBeNull()
})
