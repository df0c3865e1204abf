/** Prompts of exact lengths: text for engines that take nothing else, and the ids that it is for all of them. */
import type { TextModel } from '../core/text/text-model.ts'
import type { Prompt } from './contender.ts'
import { uniform } from './random-checkpoint.ts'

const WORDS =
  'river stone light house garden winter bread letter window paper music summer road cloud horse green silver morning forest table water fire'.split(
    ' ',
  )

/** The most words, from the front, that are at most so many tokens. */
function mostWords(words: readonly string[], tokens: number, count: (text: string) => number): number {
  let [fits, over] = [0, words.length + 1]
  while (over - fits > 1) {
    const middle = (fits + over) >> 1
    if (count(words.slice(0, middle).join(' ')) <= tokens) fits = middle
    else over = middle
  }
  return fits
}

/**
 * A text of plain words that is exactly `tokens` tokens. Another seed gives another first word more often than not, and another second one nearly always: engines that
 * keep the states of earlier prompts find nothing to use again.
 * @throws {Error} when no such text is found
 */
export function promptOf(text: Pick<TextModel, 'encode'>, tokens: number, seed: number): Prompt {
  for (let attempt = 0; attempt < 100; attempt++) {
    const next = uniform(seed + attempt * 65_537)
    const words = Array.from({ length: tokens }, () => WORDS[Math.floor(next() * WORDS.length)] ?? '')
    const whole = mostWords(words, tokens, (candidate) => text.encode(candidate).length)
    const last = words[whole] ?? ''
    for (let letters = 0; letters <= last.length; letters++) {
      const candidate = [...words.slice(0, whole), last.slice(0, letters)].join(' ').trimEnd()
      const ids = text.encode(candidate)
      if (ids.length === tokens) return { text: candidate, ids }
    }
  }
  throw new Error(`no text of ${tokens} tokens was found`)
}
