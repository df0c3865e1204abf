import { expect, test } from 'vitest'
import { sequenceId } from '../protocol/ids.ts'
import { eventTurn } from './event-turn.ts'
import { createScheduler } from './scheduler.ts'

const id = (n: number) => sequenceId(n.toString(16).padStart(16, '0'))

/** A scheduler whose first piece of work waits at a gate, so that the rest of the line can be set up before anything runs. */
function gated() {
  const scheduler = createScheduler({ now: () => performance.now(), turn: eventTurn })
  const order: string[] = []
  let open: () => void = () => undefined
  scheduler.enqueue(id(0), 'decode', () => new Promise((resolve) => (open = resolve)))
  const add = (sequence: number, kind: 'decode' | 'prefill', name: string): void =>
    scheduler.enqueue(id(sequence), kind, async () => void order.push(name))
  return { scheduler, order, add, open: () => open() }
}

test('runs one piece of work at a time, first come first served', async () => {
  const { scheduler, order, add, open } = gated()
  for (let i = 1; i <= 3; i++) add(i, 'decode', `d${i}`)
  expect(order).toEqual([])
  open()
  await scheduler.idle()
  expect(order).toEqual(['d1', 'd2', 'd3'])
})

test('decode steps go before prefill chunks, but prefill gets one turn in four', async () => {
  const { scheduler, order, add, open } = gated()
  for (let i = 0; i < 2; i++) add(9, 'prefill', `p${i}`)
  for (let i = 1; i <= 7; i++) add(i, 'decode', `d${i}`)
  open()
  await scheduler.idle()
  expect(order).toEqual(['d1', 'd2', 'p0', 'd3', 'd4', 'd5', 'p1', 'd6', 'd7'])
})

test('the last chunk of one token does not overtake the chunks before it', async () => {
  const { scheduler, order, add, open } = gated()
  add(1, 'prefill', 'chunk 0')
  add(1, 'decode', 'chunk 1')
  add(2, 'decode', 'other')
  open()
  await scheduler.idle()
  expect(order.indexOf('chunk 0')).toBeLessThan(order.indexOf('chunk 1'))
})

test('a chunk does not overtake a waiting step of its own sequence', async () => {
  const { scheduler, order, add, open } = gated()
  add(1, 'decode', 'step')
  add(1, 'prefill', 'chunk')
  for (let i = 2; i <= 5; i++) add(i, 'decode', `other ${i}`)
  open()
  await scheduler.idle()
  expect(order.indexOf('step')).toBeLessThan(order.indexOf('chunk'))
})

test('dropped work never runs', async () => {
  const { scheduler, order, add, open } = gated()
  add(1, 'decode', 'kept')
  add(2, 'prefill', 'dropped')
  scheduler.drop(id(2))
  expect(scheduler.waiting()).toBe(1)
  open()
  await scheduler.idle()
  expect(order).toEqual(['kept'])
})

test('a line that refills itself without ever waiting lets events through', async () => {
  const scheduler = createScheduler({ now: () => performance.now(), turn: eventTurn })
  let cancelled = false
  setImmediate(() => (cancelled = true))
  // Bounded, so that a failure is not a hang: 10 seconds of steps of a millisecond.
  const endsAt = performance.now() + 10_000
  const step = async (): Promise<void> => {
    const until = performance.now() + 1
    while (performance.now() < until);
    if (!cancelled && performance.now() < endsAt) scheduler.enqueue(id(1), 'decode', step)
  }
  scheduler.enqueue(id(1), 'decode', step)
  await scheduler.idle()
  expect(cancelled).toBe(true)
})
