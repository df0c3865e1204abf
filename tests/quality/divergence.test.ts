import { expect, test } from 'vitest'
import { divergenceOf, joined, klDivergence } from './divergence.ts'

test('a distribution does not diverge from itself, whatever is added to its logits', () => {
  const logits = Float32Array.of(1, -2, 0.5, 7)
  expect(
    klDivergence(
      logits,
      logits.map((logit) => logit + 3),
    ),
  ).toBeCloseTo(0, 6)
})

test('from 3 : 1 to even it is 0.75 ln 1.5 + 0.25 ln 0.5', () => {
  expect(klDivergence(Float32Array.of(Math.log(3), 0), Float32Array.of(0, 0))).toBeCloseTo(0.75 * Math.log(1.5) + 0.25 * Math.log(0.5), 6)
})

test('counts positions and agreement of several texts, and joins models by their positions', () => {
  const reference = [Float32Array.of(1, 0, 0, 1), Float32Array.of(2, 0)]
  const other = [Float32Array.of(1, 0, 1, 0), Float32Array.of(2, 0)]
  const found = divergenceOf(reference, other, 2)
  expect(found.positions).toBe(3)
  expect(found.top1).toBeCloseTo(2 / 3)
  expect(found.p99).toBeGreaterThan(found.mean)
  expect(joined([found, { positions: 3, mean: 0, p99: 0, top1: 1 }])).toMatchObject({ positions: 6, mean: found.mean / 2, p99: found.p99 })
})

test('logits that are not numbers diverge by NaN, never by nothing', () => {
  expect(klDivergence(Float32Array.of(0, 1), Float32Array.of(0, NaN))).toBeNaN()
})
