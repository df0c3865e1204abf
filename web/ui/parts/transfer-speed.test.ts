import { expect, test } from 'vitest'
import { createTransferSpeeds } from './transfer-speed.ts'

test('speed and time left follow what arrived in the last seconds; a stall and a new start show', () => {
  let ms = 0
  const speeds = createTransferSpeeds(() => ms)
  const at = (time: number, bytes: number) => {
    ms = time
    speeds.note('a', bytes)
    return speeds.of('a', 10_000)
  }
  expect(at(0, 0)).toEqual({ bytesPerSecond: null, etaSeconds: null })
  expect(at(1000, 1000)).toEqual({ bytesPerSecond: 1000, etaSeconds: 9 })
  expect(at(2000, 4000)).toEqual({ bytesPerSecond: 2000, etaSeconds: 3 })
  ms = 4000
  expect(speeds.of('a', 10_000).bytesPerSecond).toBe(1000)
  // Begun anew: what came before says nothing.
  expect(at(5000, 500)).toEqual({ bytesPerSecond: null, etaSeconds: null })
  expect(at(6000, 1500)).toEqual({ bytesPerSecond: 1000, etaSeconds: 8.5 })
  expect(at(7000, 10_000).etaSeconds).toBeNull()
  speeds.keepOnly(new Set())
  expect(speeds.of('a', 10_000)).toEqual({ bytesPerSecond: null, etaSeconds: null })
})
