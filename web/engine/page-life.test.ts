import { expect, test } from 'vitest'
import { createPageLife, type PageLifeParts, type PageLifeState } from './page-life.ts'

/** A browser that grants everything, and takes wake locks back when the page goes out of sight. */
function browser(without: Partial<PageLifeParts> = {}) {
  const sight: { visibilityState: DocumentVisibilityState } = { visibilityState: 'visible' }
  const page = Object.assign(new EventTarget(), sight)
  const sentinels = new Set<EventTarget>()
  const log: string[] = []
  const states: PageLifeState[] = []
  const release = (sentinel: EventTarget): void => {
    if (sentinels.delete(sentinel)) sentinel.dispatchEvent(new Event('release'))
  }
  const parts: PageLifeParts = {
    document: page,
    locks: {
      request: async (...args: readonly unknown[]) => {
        const callback = args.at(-1)
        log.push('lock')
        if (typeof callback === 'function') await callback(null)
        log.push('unlock')
      },
    },
    wakeLock: {
      request: async () => {
        const sentinel = Object.assign(new EventTarget(), {
          released: false,
          type: 'screen' as const,
          onrelease: null,
          release: async () => release(sentinel),
        })
        sentinels.add(sentinel)
        return sentinel
      },
    },
    openTone: () => ({ play: async () => void log.push('play'), pause: async () => void log.push('pause') }),
    onChange: (state) => void states.push(state),
    ...without,
  }
  const turn = (visibility: DocumentVisibilityState): void => {
    page.visibilityState = visibility
    if (visibility === 'hidden') for (const sentinel of [...sentinels]) release(sentinel)
    page.dispatchEvent(new Event('visibilitychange'))
  }
  const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
  return { parts, log, states, sentinels, turn, settled }
}

test('40: while it serves the page holds a lock and the screen; hidden it loses the screen, and takes it again in sight', async () => {
  const { parts, log, sentinels, turn, settled } = browser()
  const life = createPageLife(parts)
  expect(life.state()).toEqual({ visibility: 'visible', awake: 'wanted', tone: 'off', lock: 'off' })
  life.setServing(true)
  await settled()
  expect(life.state()).toMatchObject({ awake: 'held', lock: 'held' })
  turn('hidden')
  await settled()
  expect(life.state()).toEqual({ visibility: 'hidden', awake: 'wanted', tone: 'off', lock: 'held' })
  turn('visible')
  await settled()
  expect(life.state()).toMatchObject({ awake: 'held', lock: 'held' })
  life.setServing(false)
  await settled()
  expect([life.state().awake, life.state().lock, sentinels.size, log]).toEqual(['wanted', 'off', 0, ['lock', 'unlock']])
})

test('40: the tone sounds only when it is wanted, and then only out of sight', async () => {
  const { parts, log, turn, settled } = browser({ locks: null, wakeLock: null })
  const life = createPageLife(parts)
  life.setServing(true)
  turn('hidden')
  turn('visible')
  life.keepAudible(true)
  await settled()
  expect(log).toEqual(['pause'])
  turn('hidden')
  await settled()
  expect(life.state()).toEqual({ visibility: 'hidden', awake: 'unavailable', tone: 'held', lock: 'unavailable' })
  life.setServing(false)
  await settled()
  expect([log, life.state().tone]).toEqual([['pause', 'play', 'pause'], 'wanted'])
})

test('40: a browser that refuses says so, and one that has nothing is left alone', async () => {
  const refusing = browser({ wakeLock: { request: async () => Promise.reject(new Error('battery')) } })
  const life = createPageLife(refusing.parts)
  life.setServing(true)
  await refusing.settled()
  expect(life.state().awake).toBe('wanted')
  const bare = browser({ locks: null, wakeLock: null, openTone: null })
  const bareLife = createPageLife(bare.parts)
  bareLife.setServing(true)
  bareLife.keepAudible(true)
  await bare.settled()
  expect(bareLife.state()).toEqual({ visibility: 'visible', awake: 'unavailable', tone: 'unavailable', lock: 'unavailable' })
})
