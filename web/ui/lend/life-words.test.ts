import { expect, test } from 'vitest'
import { lifeWords } from './life-words.ts'

test('says what is held, and what a browser without it does', () => {
  const held = lifeWords({ visibility: 'visible', awake: 'held', tone: 'off', lock: 'held' })
  expect(held.awake).toMatch(/stays on/)
  expect(held.notes).toEqual(['The browser is told that this tab is at work, so it does not freeze it.'])
  const bare = lifeWords({ visibility: 'visible', awake: 'unavailable', tone: 'unavailable', lock: 'unavailable' })
  expect([bare.awake, bare.tone, ...bare.notes].every((sentence) => /cannot|no way|may freeze/.test(sentence))).toBe(true)
})

test('a hidden page says that others see it', () => {
  expect(lifeWords({ visibility: 'hidden', awake: 'wanted', tone: 'held', lock: 'held' }).notes.at(-1)).toMatch(/hidden/)
})
