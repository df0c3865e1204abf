import { expect, test } from 'vitest'
import { createSentenceFeed, finishedSentences, plainSpeech } from './sentence-feed.ts'

test('gives a sentence once it has ended, and only once', () => {
  const first = finishedSentences('I am Ember. I ru', 0)
  expect(first).toEqual({ sentences: 'I am Ember.', spoken: 12 })
  expect(finishedSentences('I am Ember. I run spl', first.spoken)).toEqual({ sentences: '', spoken: 12 })
  expect(finishedSentences('I am Ember. I run split.\nDone', first.spoken).sentences).toBe('I run split.')
})

test('does not end a sentence inside a number', () => {
  expect(finishedSentences('It is 3.14 here', 0).sentences).toBe('')
})

test('reads the words of Markdown without its marks', () => {
  expect(plainSpeech('## **Bold** [link](https://example.org) `x`')).toBe('Bold link x')
})

test('holds the last finished sentence while an answer runs, and its rest once it has ended', () => {
  const feed = createSentenceFeed()
  expect(feed(null, 'An answer of an earlier visit.')).toBe('')
  expect(feed('I am Em', '')).toBe('')
  expect(feed('I am Ember. I ru', '')).toBe('I am Ember.')
  expect(feed(null, 'I am Ember. I run split')).toBe('I run split')
  expect(feed('Ne', 'I am Ember. I run split')).toBe('')
})
