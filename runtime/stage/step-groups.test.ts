import { expect, test } from 'vitest'
import { createManualClock } from '../../core/link/manual-clock.ts'
import { createStepGroups } from './step-groups.ts'

const STAGES = 2
/** Laps of `streams` streams until `laps` are over; a lap takes what `lapMs` says of the number of groups. */
function ride(rows: readonly (readonly [streams: number, laps: number])[], lapMs: (groups: number, streams: number) => number) {
  const clock = createManualClock()
  const groups = createStepGroups(STAGES, clock.now)
  const seen: number[] = []
  for (const [streams, laps] of rows) {
    for (let lap = 0; lap < laps; lap++) {
      const size = groups.size(streams)
      const count = Math.ceil(streams / size)
      seen.push(count)
      for (let group = 0; group < count; group++) {
        clock.advance(lapMs(count, streams) / count)
        groups.ran(Math.min(size, streams - group * size), streams, true)
      }
    }
  }
  return { groups, seen }
}
const part = (seen: readonly number[], groups: number): number => seen.filter((count) => count === groups).length / seen.length

test('where devices share memory the streams soon go around together, and the other way is tried again less and less', () => {
  const { seen } = ride([[4, 2000]], (groups) => (groups === 1 ? 33 : 50))
  expect(part(seen.slice(0, 100), 2)).toBeGreaterThan(0.4)
  expect(part(seen.slice(1000), 1)).toBeGreaterThan(0.97)
})

test('where each device has its own, as many groups as shards stay, and trials cost next to nothing', () => {
  const { seen } = ride([[4, 2000]], (groups) => (groups === 1 ? 50 : 33))
  expect(part(seen, 2)).toBeGreaterThan(0.96)
  expect(new Set(seen)).toEqual(new Set([1, 2]))
})

test('nothing is tried where every stream gets nearly what a lone one does: there is nothing to gain', () => {
  const { seen } = ride(
    [
      [1, 50],
      [4, 500],
    ],
    (_, streams) => (streams === 1 ? 30 : 33),
  )
  expect(new Set(seen.slice(50))).toEqual(new Set([2]))
})

test('another number of streams begins with what is known of the nearest', () => {
  const { seen } = ride(
    [
      [4, 300],
      [5, 20],
    ],
    (groups) => (groups === 1 ? 33 : 50),
  )
  expect(part(seen.slice(300), 1)).toBe(1)
})

test('what became better is found by a later trial', () => {
  let laps = 0
  const { seen } = ride([[4, 3000]], (groups) => {
    laps += 1
    const isShared = laps < 1500
    return (groups === 1) === isShared ? 33 : 50
  })
  expect(part(seen.slice(500, 900), 1)).toBeGreaterThan(0.9)
  expect(part(seen.slice(-500), 2)).toBeGreaterThan(0.9)
})

test('passes of which no stream is known to decode count for nothing', () => {
  const { seen } = ride([[4, 300]], (groups) => (groups === 1 ? 33 : 50))
  const clock = createManualClock()
  const groups = createStepGroups(STAGES, clock.now)
  for (let pass = 0; pass < 200; pass++) {
    clock.advance(50)
    groups.ran(1, 0, true)
  }
  for (let lap = 0; lap < 300; lap++) {
    const count = Math.ceil(4 / groups.size(4))
    clock.advance(count === 1 ? 33 : 50)
    groups.ran(4, 4, true)
  }
  expect(Math.ceil(4 / groups.size(4))).toBe(seen.at(-1))
})

test('chunks of prompts spoil a measurement: nothing is learned from laps with them', () => {
  const clock = createManualClock()
  const groups = createStepGroups(STAGES, clock.now)
  for (let lap = 0; lap < 500; lap++) {
    clock.advance(50)
    groups.ran(4, 4, lap % 5 > 0)
  }
  expect(groups.size(4)).toBe(2)
})

test('as many steps wait for each other as make up a group', () => {
  const { groups } = ride([[4, 200]], (count) => (count === 1 ? 33 : 50))
  expect(groups.awaited(4)).toBe(4)
  const asManyAsShards = createStepGroups(STAGES, () => 0)
  expect([1, 2, 4, 5, 8].map(asManyAsShards.awaited)).toEqual([1, 1, 2, 2, 4])
})
