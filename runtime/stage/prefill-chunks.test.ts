import { expect, test } from 'vitest'
import { createPrefillChunks, type PrefillChunksOptions } from './prefill-chunks.ts'

const chunksOf = (options: Partial<PrefillChunksOptions>) =>
  createPrefillChunks({
    stages: 2,
    rowBytes: 2304,
    rowsIn: (ms) => Math.floor(ms),
    rowsBeside: () => 0,
    joins: () => false,
    msPerRow: () => 1,
    besideMs: () => null,
    ...options,
  })

test('of one device, and of short prompts, chunks are of 128 tokens', () => {
  expect(chunksOf({ stages: 1 }).tokens(4000)).toBe(128)
  expect(chunksOf({}).tokens(200)).toBe(128)
  expect(chunksOf({ msPerRow: () => null }).tokens(4000)).toBe(128)
})

test('chunks of a long prompt are shorter the more shards they fill and the faster a row is not', () => {
  expect(chunksOf({}).tokens(1000)).toBe(60)
  expect(chunksOf({ stages: 3 }).tokens(1000)).toBe(44)
  expect(chunksOf({ msPerRow: () => 10 }).tokens(1000)).toBe(32)
  expect(chunksOf({ msPerRow: () => 0.1 }).tokens(1000)).toBe(128)
})

test('while others decode a chunk takes what it may at each shard, four tokens at least', () => {
  expect(chunksOf({ besideMs: () => 22 }).tokens(1000)).toBe(20)
  expect(chunksOf({ besideMs: () => 1 }).tokens(1000)).toBe(4)
  expect(chunksOf({ besideMs: () => 60_000 }).tokens(1000)).toBe(128)
})

test('a chunk that runs by itself is as long as what fits by itself, and does so where that is more', () => {
  const rowsIn = (ms: number, beside: number): number => (beside === 0 ? Math.floor(ms / 2) : ms)
  const tokens = (most: number): number => chunksOf({ rowsIn, rowsBeside: () => 2, joins: (rows) => rows <= most, besideMs: () => 18 }).tokens(1000)
  expect([tokens(0), tokens(2), tokens(18)]).toEqual([8, 8, 18])
})

test('a chunk that is too long to share a pass, but for the rows that fill up a four, is of those', () => {
  const tokens = (most: number): number =>
    chunksOf({ rowsBeside: () => 2, joins: (rows) => rows <= most, rowsIn: (_, beside) => (beside > 0 ? 7 : 3), besideMs: () => 9 }).tokens(1000)
  expect([tokens(6), tokens(5), tokens(1)]).toEqual([6, 2, 4])
})

test('a chunk that shares the pass of steps fills up the fours in which kernels take rows', () => {
  const rowsIn = (ms: number, beside: number): number => (beside > 0 ? ms : 0)
  const tokens = (beside: number, ms: number): number =>
    chunksOf({ rowsIn, rowsBeside: () => beside, joins: () => true, besideMs: () => ms }).tokens(1000)
  expect([1, 2, 3, 4, 5].map((beside) => tokens(beside, 1))).toEqual([3, 2, 1, 4, 3])
  expect([1, 2, 3, 4, 5].map((beside) => tokens(beside, 10))).toEqual([7, 10, 9, 8, 7])
  expect(tokens(2, 60_000)).toBe(128)
})

test('what is under way is bounded in chunks and in bytes, and fills the ring in any case', () => {
  expect(chunksOf({}).window(64)).toBe(768)
  expect(chunksOf({ rowBytes: 2 ** 16 }).window(64)).toBe(192)
  expect(chunksOf({ rowBytes: 2 ** 14 }).window(128)).toBe(512)
})
