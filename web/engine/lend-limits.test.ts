import { expect, test } from 'vitest'
import { DEFAULT_LIMITS, holdsOf, parseLimits, UNKNOWN_CONDITION, type DeviceCondition, type Hold } from './lend-limits.ts'

const onBattery = (percent: number, isCharging = false): DeviceCondition => ({ ...UNKNOWN_CONDITION, battery: { percent, isCharging } })

test('a battery between its two thresholds stays as it was: it stops at 30 % and goes on at 50 %', () => {
  let holds: readonly Hold[] = []
  const seen = [60, 45, 31, 30, 29, 31, 45, 49, 50, 49, 31, 30].map((percent) => {
    holds = holdsOf(DEFAULT_LIMITS, onBattery(percent), holds)
    return holds.includes('battery')
  })
  expect(seen).toEqual([false, false, false, true, true, true, true, true, false, false, false, true])
})

test('what charges may begin below the threshold, and what has stopped waits for the upper one also while it charges', () => {
  expect(holdsOf(DEFAULT_LIMITS, onBattery(10, true), [])).toEqual([])
  expect(holdsOf(DEFAULT_LIMITS, onBattery(40, true), ['battery'])).toEqual(['battery'])
  expect(holdsOf(DEFAULT_LIMITS, onBattery(50, true), ['battery'])).toEqual([])
})

test('each limit holds by itself, and a browser that tells nothing holds nothing back', () => {
  const all = { share: 1, battery: { isOn: false, stopAt: 0, resumeAt: 0 }, onlyOnMains: true, notMetered: true, onlyIdle: true }
  expect(holdsOf(all, { battery: { percent: 100, isCharging: false }, isMetered: true, isIdle: false }, [])).toEqual(['mains', 'metered', 'in-use'])
  expect(holdsOf(all, { battery: { percent: 1, isCharging: true }, isMetered: false, isIdle: true }, [])).toEqual([])
  expect(holdsOf(all, UNKNOWN_CONDITION, ['battery'])).toEqual([])
})

test('limits come back from a store; what is none is the default, and the upper threshold is never below the lower one', () => {
  const own = { ...DEFAULT_LIMITS, battery: { isOn: false, stopAt: 20, resumeAt: 80 }, onlyOnMains: true, share: 0.5 }
  expect(parseLimits(JSON.stringify(own))).toEqual(own)
  for (const text of [null, '', '7', '{"battery":"full","share":0}', '{"share":2}', '[']) expect(parseLimits(text)).toEqual(DEFAULT_LIMITS)
  expect(parseLimits('{"battery":{"stopAt":60,"resumeAt":10}}').battery).toEqual({ isOn: true, stopAt: 60, resumeAt: 60 })
})
