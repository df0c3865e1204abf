/** Answers that begin from the KV caches of earlier ones are the answers they would have been: real models, every backend that Node has. */
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import type { CompletionRequest } from '../../core/client/ring-client.ts'
import { GREEDY } from '../../protocol/ring.ts'
import { RING_MODEL, type MemoryRing } from '../harness/memory-ring.ts'
import { openNodeRing } from '../harness/node-ring.ts'

const EMBER = path.join(import.meta.dirname, '../../models/ember')
/** All of a sequence rotates otherwise once it is longer than 32 tokens. */
const CROSSING = path.join(import.meta.dirname, '../fixtures/golden/phi3_crossing')
/** Short convolutions keep states, which cannot be cut: only a whole earlier sequence can be gone on from. */
const LFM2 = path.join(import.meta.dirname, '../../../shared/golden/arch/lfm2')
const TOKENS = 8
type Sample = { readonly prompt_ids: readonly number[] }
const samples = (JSON.parse(readFileSync(path.join(EMBER, 'samples.json'), 'utf8')) as { samples: readonly Sample[] }).samples
const said = (from: number, count: number): readonly number[] => samples.slice(from, from + count).flatMap(({ prompt_ids }) => prompt_ids)

async function ask(
  { client }: MemoryRing,
  promptIds: readonly number[],
  cacheScope: string | null,
  sampling: CompletionRequest['sampling'] = GREEDY,
) {
  const { signal } = new AbortController()
  const ids: number[] = []
  let cached = 0
  for await (const event of client.complete({ model: RING_MODEL, promptIds, sampling, stopIds: [], maxTokens: TOKENS, cacheScope, signal })) {
    if (event.type !== 'token') continue
    if (event.index === 0) cached = event.cached
    ids.push(event.tokenId)
  }
  return { ids, cached }
}

describe.each([
  ['wasm', 'f32'],
  ['simd', 'f32'],
  ['simd', 'int8'],
] as const)('two devices on %s with %s weights', (backend, weightFormat) => {
  test('three turns of three conversations, greedy and sampled: equal to answers that compute everything', { timeout: 120_000 }, async () => {
    await using ring = await openNodeRing(EMBER, backend, weightFormat)
    for (let conversation = 0; conversation < 3; conversation++) {
      const sampling = conversation < 2 ? GREEDY : { ...GREEDY, temperature: 0.9, seed: `${conversation}` }
      let prompt = [...said(conversation * 4, 2)]
      let before = 0
      for (let turn = 0; turn < 3; turn++) {
        const expected = await ask(ring, prompt, null, sampling)
        expect(expected.cached).toBe(0)
        const answer = await ask(ring, prompt, `conversation ${conversation}`, sampling)
        expect(answer).toEqual({ ids: expected.ids, cached: turn === 0 ? 0 : before - 1 })
        prompt = [...prompt, ...answer.ids]
        before = prompt.length
        prompt = [...prompt, ...said(20 + conversation + turn, 1)]
      }
      // The same beginning told otherwise: cut in the middle of what is kept.
      const other = [...prompt.slice(0, 40), ...said(7, 1)]
      const { ids } = await ask(ring, other, null, sampling)
      const cut = await ask(ring, other, `conversation ${conversation}`, sampling)
      expect(cut.ids).toEqual(ids)
      expect(cut.cached).toBeGreaterThanOrEqual(40)
    }
  })

  test('a model that keeps states goes on from a whole answer, and computes anew what it would have to cut', async ({ skip }) => {
    skip(!existsSync(LFM2), 'the whole golden set is not beside the repository')
    await using ring = await openNodeRing(LFM2, backend, 'f32')
    const prompt = Array.from({ length: 30 }, (_, i) => 3 + ((i * 7) % 40))
    const first = await ask(ring, prompt, 'a')
    const next = [...prompt, ...first.ids, 5, 6, 7]
    const expected = await ask(ring, next, null)
    expect(await ask(ring, next, 'a')).toEqual({ ids: expected.ids, cached: prompt.length + TOKENS - 1 })
    const cut = [...prompt.slice(0, 20), 9, 9]
    expect(await ask(ring, cut, 'a')).toEqual({ ids: (await ask(ring, cut, null)).ids, cached: 0 })
  })

  test('a model that rotates otherwise from some length on takes over what rotated as it will, and nothing else', async () => {
    await using ring = await openNodeRing(CROSSING, backend, 'f32')
    const prompt = Array.from({ length: 60 }, (_, i) => 3 + ((i * 7) % 40))
    const cachedBy: number[] = []
    for (const length of [20, 22, 30, 40, 24]) {
      const [expected, answer] = [await ask(ring, prompt.slice(0, length), null), await ask(ring, prompt.slice(0, length), 'a')]
      expect(answer.ids).toEqual(expected.ids)
      cachedBy.push(answer.cached)
    }
    // The third crosses while it decodes, and leaves what the fourth goes on from, but not the fifth.
    expect(cachedBy).toEqual([0, 20, 22, 30, 0])
  })
})
