import { expect, test } from 'vitest'
import { sequenceId } from '../../protocol/ids.ts'
import { createManualClock } from '../../core/link/manual-clock.ts'
import { eventTurn } from './event-turn.ts'
import { createScheduler, type LaneOptions, type WorkKind } from './scheduler.ts'

const id = (n: number) => sequenceId(n.toString(16).padStart(16, '0'))
const PASS_MS = 10

/** A scheduler in manual time whose first task waits at a gate, so that the rest of the line can be set up before anything runs. */
async function gated(options: Partial<LaneOptions<string>> = {}) {
  const clock = createManualClock()
  const scheduler = createScheduler({ ...clock, turn: () => Promise.resolve() })
  const passes: (readonly string[])[] = []
  let open: () => void = () => undefined
  const gate = new Promise<void>((resolve) => (open = resolve))
  scheduler.enqueue(id(0), () => gate)
  await Promise.resolve()
  const makeLane = () =>
    scheduler.lane<string>({
      run: async (names) => {
        passes.push(names)
        clock.advance(PASS_MS)
      },
      batch: (waiting) => waiting,
      joins: () => true,
      ...options,
    })
  const lane = makeLane()
  const add = (sequence: number, kind: WorkKind, name: string, own = lane): void => own.enqueue(id(sequence), kind, kind === 'decode' ? 1 : 8, name)
  /** Lets everything run, and time pass where chunks wait for their share. */
  const finish = async (): Promise<void> => {
    const idle = scheduler.idle()
    while (scheduler.waiting() > 0) {
      await new Promise(setImmediate)
      clock.advance(PASS_MS)
    }
    await idle
  }
  return { scheduler, clock, passes, add, makeLane, open, finish }
}

test('steps that wait for the same shard run as one pass, first come first served', async () => {
  const { finish, passes, add, open } = await gated()
  for (let i = 1; i <= 3; i++) add(i, 'decode', `d${i}`)
  expect(passes).toEqual([])
  open()
  await finish()
  expect(passes).toEqual([['d1', 'd2', 'd3']])
})

test('no more steps go together than the shard takes, and the rest goes next', async () => {
  const { finish, passes, add, open } = await gated({ batch: () => 2 })
  for (let i = 1; i <= 5; i++) add(i, 'decode', `d${i}`)
  open()
  await finish()
  expect(passes).toEqual([['d1', 'd2'], ['d3', 'd4'], ['d5']])
})

test('steps of two shards never share a pass, and take turns as they came', async () => {
  const { finish, passes, add, makeLane, open } = await gated()
  const other = makeLane()
  add(1, 'decode', 'a1')
  add(2, 'decode', 'b1', other)
  add(3, 'decode', 'a2')
  open()
  await finish()
  expect(passes).toEqual([['a1', 'a2'], ['b1']])
})

test('steps wait for those of other streams that decode, for a lap at most; one that ends is no longer waited for', async () => {
  const { scheduler, clock, passes, add, open } = await gated({ together: (decoding) => decoding })
  open()
  const settle = () => new Promise(setImmediate)
  const lap = async (names: Readonly<Record<number, string>>): Promise<void> => {
    for (const [stream, name] of Object.entries(names)) add(Number(stream), 'decode', name)
    await settle()
  }
  // At first nobody is known to decode.
  await lap({ 1: 'a1', 2: 'b1' })
  clock.advance(100)
  await lap({ 1: 'a2', 2: 'b2' })
  clock.advance(100)
  await lap({ 1: 'a3' })
  expect(passes.at(-1)).toEqual(['a2', 'b2'])
  await lap({ 2: 'b3' })
  expect(passes.at(-1)).toEqual(['a3', 'b3'])
  // The second does not come again in time.
  clock.advance(20)
  await lap({ 1: 'a4' })
  expect(passes.at(-1)).toEqual(['a3', 'b3'])
  clock.advance(120)
  await settle()
  expect(passes.at(-1)).toEqual(['a4'])
  // It has ended.
  await lap({ 2: 'b4' })
  clock.advance(5)
  await lap({ 1: 'a5' })
  clock.advance(5)
  await lap({ 1: 'a6' })
  scheduler.drop(id(2))
  await settle()
  expect(passes.flat()).toContain('a6')
})

test('steps that wait for each other keep those of another shard waiting no longer', async () => {
  const { clock, passes, add, makeLane, open } = await gated({ together: (decoding) => decoding })
  open()
  const other = makeLane()
  const settle = () => new Promise(setImmediate)
  for (const lap of [1, 2]) {
    for (const stream of [1, 2]) add(stream, 'decode', `${stream}.${lap}`)
    await settle()
    clock.advance(100)
  }
  add(1, 'decode', '1.3')
  add(3, 'decode', 'of another', other)
  await settle()
  expect(passes.at(-1)).toEqual(['of another'])
  add(2, 'decode', '2.3')
  await settle()
  expect(passes.at(-1)).toEqual(['1.3', '2.3'])
})

test('two steps of one sequence run behind each other', async () => {
  const { finish, passes, add, open } = await gated()
  add(1, 'decode', 'first')
  add(1, 'decode', 'second')
  add(2, 'decode', 'other')
  open()
  await finish()
  expect(passes).toEqual([['first', 'other'], ['second']])
})

test('streams whose steps come close together are taken to decode for some laps of theirs, however little lies between their steps', async () => {
  const { scheduler, clock, add, open, finish } = await gated({ batch: () => 1 })
  open()
  const LAP_MS = 200
  for (let lap = 0; lap < 20; lap++) {
    for (let stream = 1; stream <= 4; stream++) add(stream, 'decode', `${stream}.${lap}`)
    await finish()
    clock.advance(LAP_MS)
  }
  clock.advance(LAP_MS)
  expect(scheduler.chunkMs(2)).not.toBeNull()
  clock.advance(4 * LAP_MS)
  expect(scheduler.chunkMs(2)).toBeNull()
})

test.each([
  { joins: true, expected: [['a0', 'b0'], ['a1']] },
  { joins: false, expected: [['a0'], ['b0'], ['a1']] },
])('chunks of several prompts share a pass when no stream waits for steps and that is cheaper: $joins', async ({ joins, expected }) => {
  const { finish, passes, add, open } = await gated({ joins: () => joins })
  add(1, 'prefill', 'a0')
  add(2, 'prefill', 'b0')
  add(1, 'prefill', 'a1')
  open()
  await finish()
  expect(passes).toEqual(expected)
})

test('the last chunk of one token does not overtake the chunks before it', async () => {
  const { finish, passes, add, open } = await gated()
  add(1, 'prefill', 'chunk 0')
  add(1, 'decode', 'chunk 1')
  add(2, 'decode', 'other')
  open()
  await finish()
  expect(passes.flat().indexOf('chunk 0')).toBeLessThan(passes.flat().indexOf('chunk 1'))
})

test('a chunk does not overtake a waiting step of its own sequence', async () => {
  const { finish, passes, add, open } = await gated()
  add(1, 'decode', 'step')
  add(1, 'prefill', 'chunk')
  for (let i = 2; i <= 5; i++) add(i, 'decode', `other ${i}`)
  open()
  await finish()
  expect(passes.flat().indexOf('step')).toBeLessThan(passes.flat().indexOf('chunk'))
})

test('dropped work never runs', async () => {
  const { scheduler, finish, passes, add, open } = await gated()
  add(1, 'decode', 'kept')
  add(2, 'prefill', 'dropped')
  scheduler.drop(id(2))
  expect(scheduler.waiting()).toBe(1)
  open()
  await finish()
  expect(passes).toEqual([['kept']])
})

test('a line that refills itself without ever waiting lets events through', async () => {
  const timer = (delayMs: number, callback: () => void) => {
    const handle = setTimeout(callback, delayMs)
    return () => clearTimeout(handle)
  }
  const scheduler = createScheduler({ now: () => performance.now(), turn: eventTurn, timer })
  let cancelled = false
  setImmediate(() => (cancelled = true))
  // Bounded, so that a failure is not a hang: 10 seconds of steps of a millisecond.
  const endsAt = performance.now() + 10_000
  const step = async (): Promise<void> => {
    const until = performance.now() + 1
    while (performance.now() < until);
    if (!cancelled && performance.now() < endsAt) scheduler.enqueue(id(1), step)
  }
  scheduler.enqueue(id(1), step)
  await scheduler.idle()
  expect(cancelled).toBe(true)
})

test('frames that came while the thread computed, and that it has not been told of, go with the first of them; a lone stream waits for no others', async () => {
  const clock = createManualClock()
  const mailbox: (() => void)[] = []
  let turns = 0
  const turn = async (): Promise<void> => {
    turns += 1
    for (const deliver of mailbox.splice(0)) deliver()
  }
  const scheduler = createScheduler({ ...clock, turn })
  const passes: (readonly string[])[] = []
  const run = async (names: readonly string[]): Promise<void> => void passes.push(names)
  const lane = scheduler.lane<string>({ run, batch: (waiting) => waiting, joins: () => false })
  const step = (sequence: number, lap: number) => (): void => lane.enqueue(id(sequence), 'decode', 1, `${sequence}.${lap}`)
  step(1, 1)()
  await scheduler.idle()
  step(1, 2)()
  await scheduler.idle()
  expect(turns).toBe(0)
  // The second stream comes: from now on the thread asks before each pass.
  mailbox.push(step(3, 1))
  step(2, 1)()
  await scheduler.idle()
  mailbox.push(step(1, 3), step(3, 2))
  step(2, 2)()
  await scheduler.idle()
  expect(passes).toEqual([['1.1'], ['1.2'], ['2.1', '3.1'], ['2.2', '1.3', '3.2']])
})

test('with half of its time a device rests after each pass as long as the pass took', async () => {
  const clock = createManualClock()
  const scheduler = createScheduler({ ...clock, turn: () => Promise.resolve(), share: () => 0.5 })
  const begunAt: number[] = []
  const lane = scheduler.lane<string>({
    run: async () => {
      begunAt.push(clock.now())
      clock.advance(PASS_MS)
    },
    batch: () => 1,
    joins: () => false,
  })
  for (let i = 1; i <= 3; i++) lane.enqueue(id(i), 'decode', 1, `d${i}`)
  const idle = scheduler.idle()
  let steps = 0
  void idle.then(() => (steps = Infinity))
  while (steps < 100) {
    await new Promise(setImmediate)
    clock.advance(1)
    steps += 1
  }
  await idle
  const [first = 0, second = 0, third = 0] = begunAt
  expect(second - first).toBeGreaterThanOrEqual(2 * PASS_MS)
  expect(third - second).toBeGreaterThanOrEqual(2 * PASS_MS)
})
