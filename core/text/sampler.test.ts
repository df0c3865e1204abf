import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { GREEDY, type Sampling } from '../../protocol/ring.ts'
import { samplingOutcome } from '../../tests/conformance/sampling-cases.ts'
import { ABSENT, GOLDEN_SETS } from '../../tests/fixtures/golden.ts'
import type { HeadOutput } from './head-output.ts'
import { finalDistribution, sampleToken } from './sampler.ts'

const PLAIN: Sampling = { ...GREEDY, temperature: 1, seed: '1' }
const NO_CONTEXT = { promptIds: [], generatedIds: [], index: 0 }

/** A head over float32 logits that counts how often all of them are read. */
function headOf(logits: Float32Array, shortlistSize: number) {
  const order = Array.from(logits.keys())
    .sort((a, b) => (logits[b] ?? 0) - (logits[a] ?? 0) || a - b)
    .slice(0, shortlistSize)
  const reads = { count: 0 }
  const head: HeadOutput = {
    vocabSize: logits.length,
    shortlist:
      shortlistSize === 0
        ? null
        : {
            ids: Int32Array.from(order),
            logits: Float32Array.from(order, (id) => logits[id] ?? 0),
            logSumExp: Math.fround(Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit), 0))),
          },
    readLogits: () => {
      reads.count++
      return Promise.resolve(logits)
    },
  }
  return { head, reads }
}

/** Logits that fall as a power of the rank, as those of language do, with the ranks spread over ids. */
const zipfLogits = (size: number): Float32Array => Float32Array.from({ length: size }, (_, id) => 12 - 1.6 * Math.log(1 + ((id * 7919) % size)))

for (const set of GOLDEN_SETS) {
  test(`distributions, logprobs and draws of ${set.name} are the reference's within 1e-12`, async ({ skip }) => {
    skip(!set.present, ABSENT)
    const { checks, failures } = await samplingOutcome(fileURLToPath(new URL('sampling/', set.root)))
    expect(checks).toBeGreaterThan(30 * 20)
    expect(failures).toEqual([])
  })
}

test('chooses the same token from a shortlist of 64 as from all 6000 logits, for every setting', async () => {
  const logits = zipfLogits(6000)
  const settings: Partial<Sampling>[] = [
    { temperature: 0 },
    { topK: 40 },
    { topK: 100 },
    { topP: 0.5 },
    { topP: 0.95, temperature: 0.6 },
    { minP: 0.2 },
    { temperature: 0.3 },
    { temperature: 1.7, topK: 20 },
    { temperature: 1 },
    { temperature: 2 },
    { topP: 0.3, minP: 0.05, topK: 50, temperature: 0.8 },
  ]
  for (const setting of settings) {
    for (let index = 0; index < 30; index++) {
      const sampling = { ...PLAIN, ...setting, seed: '42' }
      const long = await sampleToken(headOf(logits, 0).head, sampling, { ...NO_CONTEXT, index })
      expect(await sampleToken(headOf(logits, 64).head, sampling, { ...NO_CONTEXT, index }), JSON.stringify(setting)).toBe(long)
    }
  }
})

test('reads no logits where the shortlist decides, and reads them where it cannot', async () => {
  const logits = zipfLogits(20_000)
  const readsFor = async (setting: Partial<Sampling>): Promise<number> => {
    const { head, reads } = headOf(logits, 64)
    await sampleToken(head, { ...PLAIN, ...setting }, { promptIds: [1], generatedIds: [2], index: 3 })
    return reads.count
  }
  expect(await readsFor({ temperature: 0 })).toBe(0)
  expect(await readsFor({ topK: 40 })).toBe(0)
  expect(await readsFor({ topP: 0.1, temperature: 0.5 })).toBe(0)
  expect(await readsFor({ topK: 100, temperature: 2 })).toBe(1)
  expect(await readsFor({ temperature: 0, repetitionPenalty: 1.1 })).toBe(1)
  expect(await readsFor({ temperature: 0, logitBias: [[7, 1]] })).toBe(1)
})

test('takes the lowest id among ties, also when the tie goes on outside the shortlist', async () => {
  const logits = new Float32Array(500).fill(1)
  const { head } = headOf(logits, 64)
  const misordered: HeadOutput = {
    ...head,
    shortlist: { ids: Int32Array.from({ length: 64 }, (_, i) => 400 - i), logits: new Float32Array(64).fill(1), logSumExp: Math.log(500) + 1 },
  }
  expect(await sampleToken(misordered, { ...PLAIN, temperature: 0 }, NO_CONTEXT)).toBe(0)
})

test('draws follow the distribution: 20000 draws lie within 4 standard deviations', async () => {
  const logits = Float32Array.from([2, 1, 0, -1, -2])
  const expected = finalDistribution(logits, PLAIN, NO_CONTEXT)
  const counts = new Map<number, number>()
  for (let index = 0; index < 20_000; index++) {
    const id = await sampleToken(headOf(logits, 0).head, { ...PLAIN, seed: '7' }, { ...NO_CONTEXT, index })
    counts.set(id, (counts.get(id) ?? 0) + 1)
  }
  for (const [id, p] of expected) expect(Math.abs((counts.get(id) ?? 0) - 20_000 * p)).toBeLessThan(4 * Math.sqrt(20_000 * p * (1 - p)))
})

test('logits that are not numbers are an error, not a token', async () => {
  const logits = Float32Array.from([1, Number.NaN, 2])
  await expect(sampleToken(headOf(logits, 0).head, PLAIN, NO_CONTEXT)).rejects.toMatchObject({ code: 'internal' })
  await expect(sampleToken(headOf(logits, 0).head, { ...PLAIN, temperature: 0 }, NO_CONTEXT)).rejects.toMatchObject({ code: 'internal' })
})
