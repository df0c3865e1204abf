import { expect, test } from 'vitest'
import { exactPhrase, phraseError, sentenceOf } from './error-phrase.ts'

test('says that no devices hold the model and asks for one', () => {
  const phrase = phraseError({ code: 'no_ring', message: 'no placement of ember is ready' })
  expect(phrase.title).toContain('No devices')
  expect(phrase.wantsDevices).toBe(true)
})

test('names the bytes that are missing', () => {
  const phrase = phraseError({ code: 'not_enough_memory', message: 'does not fit', detail: { missingBytes: 300 * 1024 ** 2 } })
  expect(phrase.advice).toContain('300 MB are missing')
})

test('shows the message of an error that has no words of its own', () => {
  expect(phraseError({ code: 'internal', message: 'the log has the cause' })).toEqual({
    title: 'the log has the cause',
    advice: '',
    wantsDevices: false,
  })
})

test('a message of its own becomes a sentence; a name at its beginning keeps its letters', () => {
  expect(sentenceOf('there is no such model')).toBe('There is no such model.')
  expect(sentenceOf('model.safetensors of hub.example could not be read: status 500')).toBe(
    'model.safetensors of hub.example could not be read: status 500.',
  )
  expect(sentenceOf('org/name is short by 3 MiB')).toBe('org/name is short by 3 MiB.')
  expect(exactPhrase({ code: 'not_enough_memory', message: 'it is full!' })).toEqual({ title: 'It is full!', advice: '', wantsDevices: true })
})
