import { expect, test } from 'vitest'
import { createLendingTabs, type LendingTabs, type TabChannel } from './lending-tabs.ts'
import type { LendOptions } from './page-engine.ts'

const LENT: LendOptions = { name: 'Tab', backend: 'simd', weightFormat: 'int8', memoryBytes: 1e9, threads: 1 }

/** Tabs of one browser: what one posts, all others hear, at once. */
function browser() {
  const listeners = new Map<string, (event: { readonly data: unknown }) => void>()
  const timers: (() => void)[] = []
  const open = (self: string, onTaken: () => Promise<LendOptions | null> = async () => null): LendingTabs => {
    const channel: TabChannel = {
      postMessage: (data: unknown) => {
        for (const [id, hear] of [...listeners]) if (id !== self) hear({ data: structuredClone(data) })
      },
      addEventListener: (_, listener) => void listeners.set(self, listener),
      close: () => void listeners.delete(self),
    }
    const timer = (_: number, callback: () => void): (() => void) => {
      timers.push(callback)
      return () => timers.splice(timers.indexOf(callback), 1)
    }
    return createLendingTabs({ channel, timer, self, onTaken, onChange: () => undefined })
  }
  return { open, listeners, timers }
}

test('12: a tab that opens later hears that another lends, takes over what it lent, and is then the one that lends', async () => {
  const { open } = browser()
  const first: LendingTabs = open('first', async () => {
    first.setLending(false)
    return LENT
  })
  first.setLending(true)
  const second = open('second')
  expect([first.lendsElsewhere(), second.lendsElsewhere()]).toEqual([false, true])
  expect(await second.takeOver()).toEqual(LENT)
  second.setLending(true)
  expect([first.lendsElsewhere(), second.lendsElsewhere()]).toEqual([true, false])
  second.close()
  expect(first.lendsElsewhere()).toBe(false)
})

test('12: a tab that is gone without a word is not waited for', async () => {
  const { open, listeners, timers } = browser()
  open('first').setLending(true)
  const second = open('second')
  listeners.get('second')?.({ data: { type: 'lends', tab: 'first' } })
  listeners.delete('first')
  const taking = second.takeOver()
  for (const due of [...timers]) due()
  expect(await taking).toBeNull()
  expect(second.lendsElsewhere()).toBe(false)
})

test('12: what makes no sense on the channel changes nothing', () => {
  const { open, listeners } = browser()
  const tabs = open('first')
  for (const data of [null, 'lends', { type: 'lends' }, { type: 'given', from: 'x', by: 'first', options: { name: 1 } }])
    listeners.get('first')?.({ data })
  expect(tabs.lendsElsewhere()).toBe(false)
})
