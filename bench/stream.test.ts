import { expect, test } from 'vitest'
import { BENCH_MODELS } from './models.ts'
import { promptOf, ratesOf } from './stream.ts'

test('decode counts tokens of all streams while all of them decode, and none before or after', () => {
  const rates = ratesOf(
    [
      [10, 20, 30, 40],
      [15, 25, 35, 45],
    ],
    50,
  )
  // Of both streams, 20, 25, 30, 35 and 40 lie in (15, 40].
  expect(rates).toEqual({ firstTokenMs: 15, decodePerSecond: (5 / 25) * 1000, tokensPerSecond: (8 / 50) * 1000 })
})

test('streams that follow each other have no time in common: no rate instead of a wrong one', () => {
  const rates = ratesOf(
    [
      [10, 20],
      [30, 40],
    ],
    40,
  )
  expect(rates.decodePerSecond).toBeNaN()
})

test('prompts differ by stream and stay inside the vocabulary', () => {
  for (const model of BENCH_MODELS) {
    const prompts = Array.from({ length: 8 }, (_, stream) => promptOf(model, stream))
    expect(new Set(prompts.map(String)).size).toBe(8)
    for (const id of prompts.flat()) expect(id >= 3 && id < model.vocabSize).toBe(true)
  }
})
