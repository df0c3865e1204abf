import { expect, test } from 'vitest'
import { countOf, formatBytes, formatLayers, formatMilliseconds, formatSeconds, formatTokenRate, listOf, percentOf } from './quantities.ts'

test('writes bytes in the unit that keeps the number short', () => {
  expect([0, 512, 1536, 8.2 * 1024 ** 2, 123.4 * 1024 ** 2, 2 * 1024 ** 3].map(formatBytes)).toEqual([
    '0 B',
    '512 B',
    '1.5 KB',
    '8.2 MB',
    '123 MB',
    '2 GB',
  ])
})

test('writes an unknown or endless amount as nothing rather than NaN', () => {
  expect(formatBytes(Number.NaN)).toBe('0 B')
  expect(percentOf(5, 0)).toBe(0)
})

test('writes durations coarser the longer they are', () => {
  expect([0.2, 4.4, 119, 3900].map(formatSeconds)).toEqual(['1 s', '4 s', '2 min', '1 h 5 min'])
  expect([0.421, 3.26, 38.2, 1234].map(formatMilliseconds)).toEqual(['0.42 ms', '3.3 ms', '38 ms', '1.2 s'])
})

test('counts layers with both ends, as people do, from a half-open range', () => {
  expect(formatLayers(0, 3)).toBe('layers 0–2')
  expect(formatLayers(4, 5)).toBe('layer 4')
})

test('joins names and counts in words', () => {
  expect(listOf([])).toBe('')
  expect(listOf(['a'])).toBe('a')
  expect(listOf(['a', 'b', 'c'])).toBe('a, b and c')
  expect([countOf(1, 'device'), countOf(1200, 'frame')]).toEqual(['1 device', '1,200 frames'])
  expect([formatTokenRate(8.34), formatTokenRate(140.2)]).toEqual(['8.3', '140'])
})

test('never shows 100 percent before the last byte', () => {
  expect(percentOf(999, 1000)).toBe(99)
  expect(percentOf(1000, 1000)).toBe(100)
})
