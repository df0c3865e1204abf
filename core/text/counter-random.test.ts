import { expect, test } from 'vitest'
import { philox4x32, uniformAt } from './counter-random.ts'

test('philox4x32-10 gives the known answers of the Random123 distribution', () => {
  const hex = (words: readonly number[]): string => words.map((word) => word.toString(16).padStart(8, '0')).join(' ')
  const ones = 0xffffffff
  expect(hex(philox4x32([0, 0, 0, 0], [0, 0]))).toBe('6627e8d5 e169c58d bc57ac4c 9b00dbd8')
  expect(hex(philox4x32([ones, ones, ones, ones], [ones, ones]))).toBe('408f276d 41c83b0e a20bc7c6 6d5451fd')
  expect(hex(philox4x32([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0]))).toBe('d16cfe09 94fdcceb 5001e420 24126ea1')
})

test('one seed and index always give one number, others give others', () => {
  expect(uniformAt('123', 5)).toBe(uniformAt('123', 5))
  const seen = new Set(
    ['0', '1', '-1', '9223372036854775807', '-9223372036854775808'].flatMap((seed) => [0, 1, 2, 4294967296].map((index) => uniformAt(seed, index))),
  )
  expect(seen.size).toBe(20)
  for (const value of seen) expect(value >= 0 && value < 1).toBe(true)
})
