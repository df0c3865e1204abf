import { expect, test } from 'vitest'
import { finishedSentences, plainSpeech } from './sentence-feed.ts'

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
