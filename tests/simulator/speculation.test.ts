/** Guesses ahead of an answer, in virtual time: how they change when tokens come, and never which. */
import { expect, test } from 'vitest'
import { placementState } from '../../core/cluster/cluster-view.ts'
import { createSimCluster, simPlacement, simRequest, simWish, type SimClient, type SimOptions } from './sim-cluster.ts'
import { follow } from './stream.ts'
import { toyDrafter } from './toy-drafter.ts'
import { TOY_VOCAB, toyAnswer } from './toy-model.ts'

const PROMPT = Array.from({ length: 30 }, (_, i) => (i * 37 + 11) % TOY_VOCAB)
const TOKENS = 120
const EXPECTED = toyAnswer(PROMPT, TOKENS)
const HOP_MS = 20

const isServing = (client: SimClient, devices: number): boolean => {
  const view = client.network.view()
  const placement = simPlacement(view)
  return placement?.shards.length === devices && placementState(view, placement) === 'ready'
}

type Run = Partial<SimOptions> & { readonly devices?: number; readonly drafts?: boolean; readonly wrong?: (guess: number) => boolean }

/** One answer of a ring with 20 ms from device to device, checked. */
async function answer({ devices = 2, drafts = true, wrong = () => false, ...options }: Run) {
  let [guesses, drafted] = [0, 0]
  const newDrafter = () =>
    toyDrafter(
      () => [{ prompt: PROMPT, ids: EXPECTED }],
      () => wrong(guesses++),
      (count) => void (drafted += count),
    )
  const cluster = createSimCluster({ seed: 3, paths: { delayMs: HOP_MS }, newDrafter, ...options })
  const client = await cluster.addClient('client')
  for (let i = 0; i < devices; i++) await cluster.addDevice(`device-${i}`, 100 * Math.ceil(8 / devices))
  client.network.wish(simWish(devices))
  expect(await cluster.time.run(() => isServing(client, devices), 30_000)).toBe(true)
  const request = { ...simRequest(PROMPT, TOKENS), drafts }
  const stream = follow(cluster.time, client.client.complete(request))
  await cluster.time.run(() => stream.isDone, 200_000)
  expect(stream.error).toBeNull()
  expect(stream.ids).toEqual(EXPECTED)
  expect(stream.indexes).toEqual(EXPECTED.map((_, i) => i))
  // What the tail tells the others on its last token is under way still.
  await cluster.time.run(() => false, 100)
  return { ms: (stream.atMs.at(-1) ?? 0) - (stream.atMs[0] ?? 0), drafted, caches: cluster.devices.map(({ shards }) => shards.caches()) }
}

test.each([1, 2, 3])(
  'a ring of %i gives the same answer with guesses that hold, in less than half the laps where hops take time',
  async (devices) => {
    const plain = await answer({ devices, drafts: false })
    const ahead = await answer({ devices })
    expect(plain.drafted).toBe(0)
    expect(ahead.drafted).toBeGreaterThan(TOKENS / 2)
    if (devices > 1) expect(ahead.ms).toBeLessThan(0.5 * plain.ms)
    expect(ahead.caches).toEqual(Array.from({ length: devices }, () => 0))
  },
)

test.each([
  ['never hold', () => true, 1 / 0.97],
  ['hold two times in three', (guess: number) => guess % 3 === 2, 1],
])('guesses that %s change no token and cost next to nothing', async (_, wrong, most) => {
  const plain = await answer({ drafts: false })
  const ahead = await answer({ wrong })
  expect(ahead.drafted).toBeGreaterThan(0)
  expect(ahead.ms).toBeLessThanOrEqual(most * plain.ms)
})

test('frames that are lost while guesses fail are asked for again, and the answer is the same', async () => {
  for (const seed of [1, 2, 3, 4]) {
    const run = await answer({ devices: 3, seed, paths: { delayMs: 5, corrupt: 0.03 }, wrong: (guess) => guess % 4 === 3 })
    expect(run.drafted).toBeGreaterThan(20)
  }
})

test('a model that rotates otherwise from some length on is run anew at that length, in the middle of guesses', async () => {
  for (const restartAt of [PROMPT.length + 17, PROMPT.length + 40]) {
    const run = await answer({ restartAt })
    expect(run.drafted).toBeGreaterThan(TOKENS / 3)
  }
})
