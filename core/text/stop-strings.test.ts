import { expect, test } from 'vitest'
import { createStopScanner } from './stop-strings.ts'

function run(stops: readonly string[], pieces: readonly string[]): { text: string[]; stopped: boolean } {
  const scanner = createStopScanner(stops)
  const text: string[] = []
  for (const piece of pieces) {
    const step = scanner.push(piece)
    text.push(step.text)
    if (step.stopped) return { text, stopped: true }
  }
  return { text: [...text, scanner.end()], stopped: false }
}

test('a stop string over three pieces is cut out and what was safe before it came at once', () => {
  expect(run(['\n\nUser:'], ['Hi.', '\n', '\nUs', 'er: x'])).toEqual({ text: ['Hi.', '', '', ''], stopped: true })
})
test('held text comes when the match fails, or at the end', () => {
  expect(run(['abc'], ['xa', 'b', 'd', 'ab'])).toEqual({ text: ['x', '', 'abd', '', 'ab'], stopped: false })
})
test('a repeated beginning is not lost: aab in aaab', () => {
  expect(run(['aab'], ['a', 'a', 'a', 'b'])).toEqual({ text: ['', '', 'a', ''], stopped: true })
})
test('the earliest of several stops wins', () => {
  expect(run(['yy', 'x'], ['abxyy'])).toEqual({ text: ['ab'], stopped: true })
})
test('without stops every piece passes', () => {
  expect(run([], ['a', 'b'])).toEqual({ text: ['a', 'b', ''], stopped: false })
})
