/** A shard in manual time: streams come again some time after each of their steps, and prompts have one more chunk each time one has run. */
import { expect, test } from 'vitest'
import { createManualClock } from '../../core/link/manual-clock.ts'
import { sequenceId, type SequenceId } from '../../protocol/ids.ts'
import { createScheduler, type LaneOptions } from './scheduler.ts'

const id = (n: number): SequenceId => sequenceId(n.toString(16).padStart(16, '0'))
const settle = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))
const STEP_MS = 10
const AWAY_MS = 20
const LAP_MS = STEP_MS + AWAY_MS
const PROMPT = 100

type Item = { readonly sequence: number; readonly name: string }

function shard({ chunkMs = 0, ...options }: Partial<LaneOptions<Item>> & { readonly chunkMs?: number } = {}) {
  const clock = createManualClock()
  const scheduler = createScheduler({ ...clock, turn: () => Promise.resolve() })
  const passes: (readonly string[])[] = []
  const endless = new Set<number>()
  let stepAt = 0
  const lane = scheduler.lane<Item>({
    run: async (items) => {
      passes.push(items.map(({ name }) => name))
      const hasSteps = items.some(({ sequence }) => sequence < PROMPT)
      const chunks = items.filter(({ sequence }) => sequence >= PROMPT)
      clock.advance((hasSteps ? STEP_MS : 0) + chunkMs * chunks.length)
      if (hasSteps) stepAt = clock.now()
      for (const { sequence } of chunks) if (endless.has(sequence)) chunk(sequence)
    },
    batch: (waiting) => waiting,
    joins: () => false,
    leads: true,
    ...options,
  })
  const chunk = (sequence: number, name = 'p'): void => lane.enqueue(id(sequence), 'prefill', 4, { sequence, name })
  const step = (sequence = 1, name = 's'): void => lane.enqueue(id(sequence), 'decode', 1, { sequence, name })
  const lap = async (streams: number): Promise<void> => {
    for (let stream = 1; stream <= streams; stream++) step(stream)
    await settle()
    clock.advance(Math.max(0, stepAt + AWAY_MS - clock.now()))
  }
  const laps = async (count: number, streams = 1): Promise<void> => {
    for (let i = 0; i < count; i++) await lap(streams)
  }
  /** From now on a prompt has a chunk in line all the time. */
  const prompt = (sequence: number): void => {
    endless.add(sequence)
    chunk(sequence)
  }
  /** Part of their speed that streams keep over so many laps. */
  const kept = async (count: number, streams = 1): Promise<number> => {
    const begun = clock.now()
    await laps(count, streams)
    return (count * LAP_MS) / (clock.now() - begun)
  }
  return { scheduler, clock, passes, chunk, step, laps, prompt, kept }
}

test('at the head a chunk goes right behind steps, each time as long as their laps do not become longer', async () => {
  const { passes, laps, prompt, kept } = shard({ chunkMs: AWAY_MS })
  await laps(20)
  prompt(PROMPT)
  passes.length = 0
  expect(await kept(50)).toBe(1)
  expect(passes.slice(0, 4)).toEqual([['s'], ['p'], ['s'], ['p']])
  expect(passes.length).toBe(100)
})

test('a chunk that comes while steps are elsewhere waits for the next ones: they may be back at any moment', async () => {
  const { clock, passes, chunk, step, laps } = shard({ chunkMs: AWAY_MS })
  await laps(20)
  passes.length = 0
  clock.advance(-5)
  chunk(PROMPT)
  await settle()
  expect(passes).toEqual([])
  step()
  await settle()
  expect(passes).toEqual([['s'], ['p']])
})

test.each([
  { prompts: 1, streams: 4, keep: 0.8 },
  { prompts: 1, streams: 1, keep: 0.55 },
  { prompts: 3, streams: 4, keep: 0.62 },
])('what laps lose to chunks of $prompts prompts leaves $streams streams $keep of their speed, and little more', async (given) => {
  const { prompts, streams, keep } = given
  const { laps, prompt, kept } = shard({ chunkMs: 2 * LAP_MS })
  await laps(20, streams)
  for (let i = 0; i < prompts; i++) prompt(PROMPT + i)
  const part = await kept(400, streams)
  expect(part).toBeGreaterThanOrEqual(keep)
  expect(part).toBeLessThan(keep + 0.15)
})

test('where it makes their pass little longer a chunk goes with steps, and never by itself', async () => {
  const { passes, laps, prompt } = shard({ chunkMs: 1, joins: () => true })
  await laps(20)
  prompt(PROMPT)
  passes.length = 0
  await laps(40)
  expect(new Set(passes.map((names) => names.join(' ')))).toEqual(new Set(['s p']))
})

test('chunks go as they like once no stream decodes', async () => {
  const { clock, passes, chunk, laps, scheduler } = shard({ chunkMs: 1_000 })
  await laps(20)
  passes.length = 0
  for (let i = 0; i < 3; i++) chunk(PROMPT)
  expect(scheduler.chunkMs(1)).not.toBeNull()
  clock.advance(10 * LAP_MS)
  await settle()
  expect(passes).toEqual([['p'], ['p'], ['p']])
  expect(scheduler.chunkMs(1)).toBeNull()
})

test('a stream that ends with its step decodes no more, and what waited for its time goes', async () => {
  const { passes, chunk, laps, scheduler } = shard({ chunkMs: 1_000 })
  await laps(20)
  passes.length = 0
  chunk(PROMPT)
  await settle()
  expect(passes).toEqual([])
  scheduler.drop(id(1))
  await settle()
  expect(passes).toEqual([['p']])
})

test('what stood in line before any stream decoded goes before their steps, one prompt behind the other, and they owe nothing', async () => {
  const { clock, passes, chunk, step } = shard({ chunkMs: 50 })
  for (let i = 0; i < 3; i++) chunk(PROMPT + i, `p${i}`)
  clock.advance(1)
  step(1, 'first step')
  await settle()
  expect(passes).toEqual([['p0'], ['p1'], ['p2'], ['first step']])
  chunk(PROMPT + 3, 'later')
  step(1, 'second step')
  await settle()
  expect(passes.slice(4)).toEqual([['second step'], ['later']])
})

test('behind the head a chunk goes as soon as no step waits, and before steps when it has waited for a lap', async () => {
  const { passes, chunk, step, laps } = shard({ chunkMs: 5, leads: false, batch: () => 1 })
  await laps(20)
  passes.length = 0
  for (let stream = 1; stream <= 7; stream++) step(stream, `s${stream}`)
  chunk(PROMPT)
  await settle()
  expect(passes.flat()).toEqual(['s1', 's2', 's3', 's4', 'p', 's5', 's6', 's7'])
  step(1, 'one')
  chunk(PROMPT)
  await settle()
  expect(passes.flat().slice(8)).toEqual(['one', 'p'])
})
