/** Answers with guesses ahead are the answers without, on every backend that Node has. */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { GREEDY, type Sampling } from '../../protocol/ring.ts'
import { RING_MODEL, type MemoryRing } from '../harness/memory-ring.ts'
import { openNodeRing } from '../harness/node-ring.ts'

const EMBER = path.join(import.meta.dirname, '../../models/ember')
const { samples } = JSON.parse(readFileSync(path.join(EMBER, 'samples.json'), 'utf8')) as {
  samples: readonly { readonly prompt_ids: readonly number[]; readonly generated_ids: readonly number[] }[]
}
const TOKENS = 40
/** A question with its answer, and the question again: what comes next was there before. */
const quoting = (index: number): readonly number[] => {
  const { prompt_ids = [], generated_ids = [] } = samples[index] ?? {}
  return [...prompt_ids, ...generated_ids, ...prompt_ids]
}
const SAMPLINGS: readonly Sampling[] = [
  GREEDY,
  { ...GREEDY, repetitionPenalty: 1.05, frequencyPenalty: 0.1, presencePenalty: 0.1 },
  { ...GREEDY, temperature: 0.7, topP: 0.9, seed: '11' },
]

async function ask({ client }: MemoryRing, promptIds: readonly number[], sampling: Sampling, drafts: boolean): Promise<readonly number[]> {
  const { signal } = new AbortController()
  const ids: number[] = []
  for await (const event of client.complete({ model: RING_MODEL, promptIds, sampling, stopIds: [2], maxTokens: TOKENS, drafts, signal }))
    if (event.type === 'token') ids.push(event.tokenId)
  return ids
}

test.each([
  ['wasm', 'f32'],
  ['simd', 'f32'],
  ['simd', 'int8'],
] as const)('on %s with %s weights: greedy, with penalties, and sampled', { timeout: 120_000 }, async (backend, weightFormat) => {
  await using ring = await openNodeRing(EMBER, backend, weightFormat)
  const guessed = (): number => ring.cluster.sent.reduce((sum, { frame }) => sum + (frame.type === 'activation' ? frame.guess.drafts.length : 0), 0)
  for (const [index, sampling] of SAMPLINGS.entries()) {
    const plain = await ask(ring, quoting(index), sampling, false)
    const before = guessed()
    expect(await ask(ring, quoting(index), sampling, true)).toEqual(plain)
    if (index === 0) expect(guessed()).toBeGreaterThan(before)
    else expect(before).toBeGreaterThan(0)
  }
})
