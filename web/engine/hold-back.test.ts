import { expect, test } from 'vitest'
import { createHoldBack } from './hold-back.ts'
import { DEFAULT_LIMITS } from './lend-limits.ts'

class PlayedBattery extends EventTarget {
  level = 1
  charging = false
  become(level: number): void {
    this.level = level
    this.dispatchEvent(new Event('levelchange'))
  }
}

async function played(parts: { readonly saveData?: boolean } = {}) {
  const battery = new PlayedBattery()
  const connection = Object.assign(new EventTarget(), { saveData: parts.saveData ?? false })
  const paused: boolean[] = []
  let text: string | null = null
  const store = { getItem: () => text, setItem: (_key: string, value: string) => void (text = value) }
  const hold = createHoldBack({
    store,
    parts: { getBattery: async () => battery, connection },
    pause: (isPaused) => paused.push(isPaused),
    onChange: () => undefined,
  })
  await Promise.resolve()
  return { battery, connection, paused, hold, stored: () => text }
}

test('a battery that falls pauses the device once, and one that is filled lets it go on once', async () => {
  const { battery, paused, hold } = await played()
  for (const level of [0.4, 0.3, 0.29, 0.35, 0.45, 0.5, 0.6]) battery.become(level)
  expect(paused).toEqual([true, false])
  expect(hold.holds()).toEqual([])
})

test('what its person paused stays paused when a limit ends', async () => {
  const { battery, paused, hold } = await played()
  battery.become(0.2)
  hold.setPaused(true)
  battery.become(0.9)
  expect(paused).toEqual([true])
  hold.setPaused(false)
  expect(paused).toEqual([true, false])
})

test('data that costs holds back at once, and no longer than it costs', async () => {
  const { paused, hold, connection } = await played({ saveData: true })
  expect([hold.holds(), paused]).toEqual([['metered'], [true]])
  connection.saveData = false
  connection.dispatchEvent(new Event('change'))
  expect(paused).toEqual([true, false])
})

test('a limit that the browser cannot keep does not stay on; the others are kept for the next visit', async () => {
  const { hold, stored } = await played()
  await hold.setLimits({ ...DEFAULT_LIMITS, onlyIdle: true, onlyOnMains: true })
  expect(hold.limits()).toMatchObject({ onlyIdle: false, onlyOnMains: true })
  expect(hold.holds()).toEqual(['mains'])
  expect(JSON.parse(stored() ?? '')).toMatchObject({ onlyIdle: false, onlyOnMains: true })
  expect(hold.knows()).toEqual({ battery: true, metered: true, idle: false })
})
