/** Heads on WebGPU at the end of real rings: what they compute for a token, and that every format of weights chooses as all its logits do. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from '@playwright/test'
import { openHarness, type Harness } from '../harness/browser.ts'
import { SWEEP } from '../harness/sweep.ts'
import type { CountedAnswer, RingAnswer, TwoWays } from './gpu-ring.page.ts'

const PAGE = 'tests/conformance/gpu-ring.page.ts'
const SAMPLES = fileURLToPath(new URL('../../models/ember/samples.json', import.meta.url))
const { samples } = JSON.parse(readFileSync(SAMPLES, 'utf8')) as {
  samples: readonly { readonly prompt_ids: readonly number[] }[]
}
const PROMPTS = samples.map(({ prompt_ids }) => prompt_ids)
const MAX_TOKENS = 4

let harness: Harness
let found = { adapter: null as string | null, f16: false }

test.beforeAll(async () => {
  harness = await openHarness({ onConsole: (line) => console.log(line) })
  found = await harness.call<typeof found>('tests/harness/self-check.page.ts', 'describePage')
})
test.afterAll(() => harness.close())
test.beforeEach(() => test.skip(found.adapter === null, 'this browser has no WebGPU adapter'))
// A software GPU compiles and runs every shader on the CPU.
test.describe.configure({ timeout: 180_000 })

const page = (weightFormat: string) => ({
  url: `${harness.origin}/models/ember/`,
  wasmPaths: `${harness.origin}/node_modules/onnxruntime-web/dist/`,
  weightFormat,
  maxTokens: MAX_TOKENS,
})

const LETTERS = { ebnf: 'root ::= [a-z ]+', markers: [] }
/** Products more than tokens, and whether all of them write all logits or none does. */
const WAYS: readonly { readonly name: string; readonly answer: Omit<RingAnswer, 'promptIds'>; readonly more: number; readonly writes: boolean }[] = [
  { name: 'greedy', answer: {}, more: 0, writes: false },
  { name: 'a few of the likeliest', answer: { sampling: { temperature: 0.7, topK: 20, seed: '5' } }, more: 0, writes: false },
  { name: 'log probabilities', answer: { topLogprobs: 3 }, more: 0, writes: true },
  { name: 'a penalty', answer: { sampling: { repetitionPenalty: 1.3 } }, more: 0, writes: true },
  { name: 'a bias', answer: { sampling: { logitBias: [[300, 100]] } }, more: 0, writes: true },
  { name: 'a grammar', answer: { grammar: { ...LETTERS, trigger: null, optional: false } }, more: 0, writes: true },
  { name: 'a grammar behind words that never come', answer: { grammar: { ...LETTERS, trigger: '<call>', optional: true } }, more: 0, writes: false },
  // More than a list has: the first token tells.
  { name: 'many of the likeliest', answer: { sampling: { temperature: 1, topK: 1000, seed: '5' } }, more: 1, writes: true },
]

test('a WebGPU head multiplies once for each token, however it is chosen, and writes all logits only where they are read', async () => {
  const promptIds = PROMPTS[0] ?? []
  const answers: readonly RingAnswer[] = WAYS.map(({ answer }) => ({ promptIds, ...answer }))
  const counted = await harness.call<CountedAnswer[]>(PAGE, 'countHeads', { ...page('f32'), answers })
  const seen = counted.map(({ products, written }, i) => ({ name: WAYS[i]?.name, products, written }))
  const tokens = (i: number): number => counted[i]?.ids.length ?? 0
  expect(seen).toEqual(WAYS.map(({ name, more, writes }, i) => ({ name, products: tokens(i) + more, written: writes ? tokens(i) : 0 })))
  expect(Math.min(...counted.map(({ ids }) => ids.length))).toBeGreaterThanOrEqual(3)
  const [greedy, , withLogprobs, , biased] = counted.map(({ ids }) => ids)
  expect(withLogprobs).toEqual(greedy)
  expect(biased).toEqual(Array(MAX_TOKENS).fill(300))
})

for (const weightFormat of ['f16', 'int8', 'int4'] as const) {
  test(`a ring that ends in a WebGPU device with ${weightFormat} weights answers as all logits of its shards do`, async () => {
    test.skip(weightFormat === 'f16' && !found.f16, 'this adapter has no shader-f16')
    const prompts = PROMPTS.slice(0, SWEEP ? 2 : 1)
    const ways = await harness.call<TwoWays[]>(PAGE, 'greedyTwoWays', { ...page(weightFormat), prompts })
    expect(ways.map(({ ring }) => ring)).toEqual(ways.map(({ allLogits }) => allLogits))
    expect(ways.every(({ ring }) => ring.length === MAX_TOKENS && new Set(ring).size > 1)).toBe(true)
  })
}
