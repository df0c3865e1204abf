import { expect, test } from 'vitest'
import { fitPace } from './fit-pace.ts'

const stage = (pace: { layerMs: number; stageMs: number }, layers: number): number => pace.stageMs + pace.layerMs * layers

test('shards of 1, 3 and 8 layers with 0.2 ms each and 0.3 beside them tell both apart', () => {
  const pace = fitPace(
    [1, 8, 3].map((layers) => ({ layers, ms: 0.3 + 0.2 * layers })),
    0.2,
  )
  expect(pace.stageMs).toBeGreaterThan(0.2)
  expect(pace.stageMs).toBeLessThanOrEqual(0.3)
  expect(pace.layerMs).toBeCloseTo(0.2, 1)
  expect(Math.abs(stage(pace, 5) - 1.3) / 1.3).toBeLessThan(0.03)
})

test('two shards of nearly the same size, a little apart by chance, make no fixed part of it, whichever took longer', () => {
  for (const [small, large] of [
    [15.5, 15],
    [13, 17],
  ] as const) {
    const pace = fitPace(
      [
        { layers: 14, ms: small },
        { layers: 16, ms: large },
      ],
      0.2,
    )
    expect(stage(pace, 30)).toBeGreaterThan(27)
    expect(stage(pace, 30)).toBeLessThan(33)
  }
})

test('one shard is split as is usual, and never by more than half', () => {
  expect(fitPace([{ layers: 10, ms: 20 }], 0.2).layerMs).toBeCloseTo(1.98)
  expect(fitPace([{ layers: 1, ms: 0.3 }], 3)).toEqual({ layerMs: 0.15, stageMs: 0.15 })
})

test('a device that has become slow is as slow as it says now', () => {
  const pace = fitPace(
    [
      { layers: 8, ms: 8 },
      { layers: 3, ms: 30 },
    ],
    0.2,
  )
  expect(stage(pace, 3)).toBeCloseTo(30)
  expect(stage(pace, 8)).toBeGreaterThan(75)
})
