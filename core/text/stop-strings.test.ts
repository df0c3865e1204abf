import { expect, test } from 'vitest'
import { createStopScanner } from './stop-strings.ts'

function run(stops: readonly string[], pieces: readonly string[]): { text: string[]; hit: string | null } {
  const scanner = createStopScanner(stops)
  const text: string[] = []
  for (const piece of pieces) {
    const step = scanner.push(piece)
    text.push(step.text)
    if (step.hit !== null) return { text, hit: step.hit }
  }
  return { text: [...text, scanner.end()], hit: null }
}

test('a stop string over three pieces is cut out and what was safe before it came at once', () => {
  expect(run(['\n\nUser:'], ['Hi.', '\n', '\nUs', 'er: x'])).toEqual({ text: ['Hi.', '', '', ''], hit: '\n\nUser:' })
})
test('held text comes when the match fails, or at the end', () => {
  expect(run(['abc'], ['xa', 'b', 'd', 'ab'])).toEqual({ text: ['x', '', 'abd', '', 'ab'], hit: null })
})
test('a repeated beginning is not lost: aab in aaab', () => {
  expect(run(['aab'], ['a', 'a', 'a', 'b'])).toEqual({ text: ['', '', 'a', ''], hit: 'aab' })
})
test('the earliest of several stops wins', () => {
  expect(run(['yy', 'x'], ['abxyy'])).toEqual({ text: ['ab'], hit: 'x' })
})
test('without stops every piece passes', () => {
  expect(run([], ['a', 'b'])).toEqual({ text: ['a', 'b', ''], hit: null })
})
