import { expect, test } from 'vitest'
import { createManualClock } from '../../core/link/manual-clock.ts'
import { createProgressMeter } from './worker-progress.ts'

test('2: a worker that says nothing more is known by what it said last, or by the frames that it was given since', () => {
  const clock = createManualClock()
  const meter = createProgressMeter(clock.now)
  meter.given()
  clock.advance(60_000)
  // A page that lends nothing has no worker that could be stuck.
  expect(meter.progress()).toEqual({ waiting: 0, stepMs: 0 })
  meter.hear({ waiting: 0, stepMs: null })
  clock.advance(60_000)
  expect(meter.progress()).toEqual({ waiting: 0, stepMs: 0 })
  meter.given()
  clock.advance(7_000)
  meter.given()
  expect(meter.progress()).toEqual({ waiting: 2, stepMs: 7_000 })
  meter.hear({ waiting: 1, stepMs: 20 })
  clock.advance(5_000)
  expect(meter.progress()).toEqual({ waiting: 1, stepMs: 5_020 })
  meter.hear(null)
  expect(meter.progress()).toEqual({ waiting: 0, stepMs: 0 })
})
