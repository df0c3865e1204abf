/** What every `Link` must do, whatever carries it. Runs on memory, relay and WebRTC. */
import assert from 'node:assert/strict'
import { MAX_FRAME_BYTES, LINK_HIGH_WATER_BYTES, LINK_WINDOW_BYTES } from '../../protocol/limits.ts'
import { contentOf, receiptOf, type LinkEnd, type Recipe } from './link-end.ts'

export type LinkPairUnderTest = {
  readonly a: LinkEnd
  readonly b: LinkEnd
  /** The peer behind `b` dies without a word. */
  readonly killB: () => Promise<void>
  /** Undoes everything; may be called after `killB`. */
  readonly close: () => Promise<void>
}

type LinkCase = { readonly name: string; readonly run: (pair: LinkPairUnderTest) => Promise<void> }

const KIB = 1024
const sizes = [0, 1, 19, 4619, 4620, 4621, 16 * KIB, 100_000, 1024 * KIB + 3, 4 * 1024 * KIB]
const recipesOf = (bytes: readonly number[]): readonly Recipe[] => bytes.map((size, seed) => ({ seed, bytes: size }))
const receiptsOf = (recipes: readonly Recipe[]) => recipes.map((recipe) => receiptOf(contentOf(recipe)))

async function assertPasses(from: LinkEnd, to: LinkEnd, recipes: readonly Recipe[]): Promise<void> {
  const outcomes = await from.send(recipes, 30_000)
  assert.deepEqual(new Set(outcomes), new Set(['sent']))
  assert.deepEqual(await to.received(recipes.length), receiptsOf(recipes))
}

export const linkCases: readonly LinkCase[] = [
  {
    name: 'passes messages of 0 B to 4 MiB whole and in order, both ways',
    run: async ({ a, b }) => {
      await Promise.all([a.listen(), b.listen()])
      await assertPasses(a, b, recipesOf(sizes))
      await assertPasses(b, a, recipesOf([...sizes].reverse()))
    },
  },
  {
    name: 'passes 1000 small messages a side, both sides at once, in order',
    run: async ({ a, b }) => {
      await Promise.all([a.listen(), b.listen()])
      const recipes = recipesOf(Array.from({ length: 1000 }, (_, i) => 1 + ((i * 37) % 900)))
      await Promise.all([assertPasses(a, b, recipes), assertPasses(b, a, recipes)])
    },
  },
  {
    name: 'stops a sender whose reader does not read, by deadline, and goes on when it does',
    run: async ({ a, b }) => {
      await a.listen()
      const recipe = { seed: 1, bytes: 64 * KIB }
      const { accepted, outcome } = await a.sendUntilRefused(recipe, 400, 1000)
      assert.equal(outcome, 'deadline_exceeded')
      const acceptedBytes = accepted * recipe.bytes
      // The reader's window, what it holds before it stops giving credit, and what the channel buffers.
      assert.ok(
        acceptedBytes <= 2 * LINK_WINDOW_BYTES + LINK_HIGH_WATER_BYTES,
        `${acceptedBytes} bytes were accepted for a reader that reads nothing`,
      )
      assert.ok(acceptedBytes >= LINK_HIGH_WATER_BYTES, `only ${acceptedBytes} bytes were accepted`)
      await b.listen()
      const expected = Array.from({ length: accepted }, (_, i) => ({ ...recipe, seed: recipe.seed + i }))
      assert.deepEqual(await b.received(accepted), receiptsOf(expected))
      // The message that missed its deadline is gone as a whole; the next ones pass.
      await assertPasses(a, b, recipesOf([5000, 64 * KIB, 1]))
    },
  },
  {
    name: 'refuses a message above MAX_FRAME_BYTES and goes on',
    run: async ({ a, b }) => {
      await b.listen()
      assert.deepEqual(await a.send([{ seed: 1, bytes: MAX_FRAME_BYTES + 1 }]), ['frame_too_large'])
      await assertPasses(a, b, recipesOf([10]))
    },
  },
  {
    name: 'may be closed twice; both sides learn of it and refuse to send',
    run: async ({ a, b }) => {
      await Promise.all([a.listen(), b.listen()])
      await assertPasses(a, b, recipesOf([100]))
      await a.close()
      await a.close()
      assert.ok((await a.closed()).length > 0)
      assert.ok((await b.closed()).length > 0)
      assert.deepEqual(await a.send([{ seed: 1, bytes: 1 }]), ['link_closed'])
      assert.deepEqual(await b.send([{ seed: 1, bytes: 1 }]), ['link_closed'])
    },
  },
  {
    name: 'fails a pending send when it is closed, at once',
    run: async ({ a }) => {
      assert.equal(await a.closeWhileSending({ seed: 1, bytes: 8 * 1024 * KIB }), 'link_closed')
    },
  },
  {
    name: 'notices a peer that dies without a word',
    run: async ({ a, b, killB }) => {
      await Promise.all([a.listen(), b.listen()])
      await assertPasses(a, b, recipesOf([100]))
      await killB()
      assert.ok((await a.closed()).length > 0)
      assert.deepEqual(await a.send([{ seed: 1, bytes: 1 }]), ['link_closed'])
    },
  },
  {
    name: 'counts bytes and measures the round trip',
    run: async ({ a, b }) => {
      await Promise.all([a.listen(), b.listen()])
      await assertPasses(a, b, recipesOf([50_000]))
      // An answer comes behind the answer to the first beat.
      await assertPasses(b, a, recipesOf([7]))
      const [from, to] = [await a.stats(), await b.stats()]
      assert.ok(from.bytesSent >= 50_000, `${from.bytesSent} bytes sent`)
      assert.equal(to.bytesReceived, 50_000)
      assert.ok(from.rttMs !== null && from.rttMs >= 0 && from.rttMs < 5000, `round trip ${from.rttMs} ms`)
    },
  },
]
