import { expect, test } from 'vitest'
import { createLapMeter } from './lap-meter.ts'

const hop = (computeMs: number, queueMs = 0) => ({ queueMs, computeMs, readBackMs: 1, sendMs: 0.5 })

test('nothing is reported before the first lap', () => expect(createLapMeter(3, 2).report()).toBeNull())

test('laps and stages are smoothed over a second and a half, with quantiles of computing and reading back', () => {
  const meter = createLapMeter(3, 2)
  for (let i = 0; i < 100; i++) meter.add(30, [hop(5), hop(10, 2)])
  meter.add(130, [hop(105), hop(10, 2)])
  const report = meter.report()
  expect(report).toMatchObject({ epoch: 3, laps: 101 })
  expect(report?.lapMs).toBeCloseTo(32, 3)
  expect(report?.stages[0]).toEqual({ queueMs: 0, computeMs: 7, readBackMs: 1, sendMs: 0.5, p50Ms: 6, p95Ms: 6 })
  expect(report?.stages[1]).toEqual({ queueMs: 2, computeMs: 10, readBackMs: 1, sendMs: 0.5, p50Ms: 11, p95Ms: 11 })
})

test('the first laps count alike, and of long ones not more than the last ten or so', () => {
  const meter = createLapMeter(3, 1)
  for (const ms of [50, 20, 20]) meter.add(ms, [])
  expect(meter.report()?.lapMs).toBeCloseTo(30, 3)
  const slow = createLapMeter(3, 1)
  for (let i = 0; i < 100; i++) slow.add(600, [])
  slow.add(700, [])
  expect(slow.report()?.lapMs).toBeCloseTo(610, 3)
})

test('timings that leave a shard out count for the lap, and for no shard', () => {
  const meter = createLapMeter(1, 2)
  meter.add(20, [hop(5), hop(10)])
  meter.add(20, [hop(90)])
  expect(meter.report()?.laps).toBe(2)
  expect(meter.report()?.stages.map((stage) => stage.computeMs)).toEqual([5, 10])
})
