/** The settings of `sampling/` against the distributions that an independent implementation of the stated order gives. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { uniformAt } from '../../core/text/counter-random.ts'
import type { HeadOutput } from '../../core/text/head-output.ts'
import { adjustLogits, finalDistribution, sampleToken, type SamplingContext } from '../../core/text/sampler.ts'
import { GREEDY, type Sampling } from '../../protocol/ring.ts'
import { startOutcome, type Outcome } from './outcome.ts'

const ranked = z.array(z.object({ id: z.number(), logprob: z.number() }))
const caseSchema = z.object({
  logits: z.string(),
  settings: z.object({
    temperature: z.number(),
    top_k: z.number(),
    top_p: z.number(),
    min_p: z.number(),
    repetition_penalty: z.number(),
    presence_penalty: z.number(),
    frequency_penalty: z.number(),
    logit_bias: z.record(z.string(), z.number()),
  }),
  prompt_ids: z.array(z.number()),
  generated_ids: z.array(z.number()),
  probabilities: z.record(z.string(), z.number()),
  top5_logprobs_raw: ranked,
  top5_logprobs_after_penalties: ranked,
  top5_logprobs_final: ranked,
})
const fileSchema = z.object({ logits: z.record(z.string(), z.array(z.number())), cases: z.array(caseSchema) })
type SamplingCase = z.infer<typeof caseSchema>

const BOUND = 1e-12
/** Of a logarithm of the smallest probabilities. */
const LOG_BOUND = 1e-11
const PLAIN: Sampling = { ...GREEDY, temperature: 1, seed: '1' }
const NO_CONTEXT: SamplingContext = { promptIds: [], generatedIds: [], index: 0 }
const DRAWS = 8
const SHORTLIST = 16

function samplingOf({ settings }: SamplingCase): Sampling {
  return {
    ...PLAIN,
    temperature: settings.temperature,
    topK: settings.top_k,
    topP: settings.top_p,
    minP: settings.min_p,
    repetitionPenalty: settings.repetition_penalty,
    presencePenalty: settings.presence_penalty,
    frequencyPenalty: settings.frequency_penalty,
    logitBias: Object.entries(settings.logit_bias).map(([id, bias]) => [Number(id), bias]),
  }
}

type Distribution = ReadonlyMap<number, number>
const descending = (distribution: Distribution): (readonly [number, number])[] => [...distribution].sort(([a, p], [b, q]) => q - p || a - b)

function matchesRanking(distribution: Distribution, expected: z.infer<typeof ranked>): boolean {
  const top = descending(distribution).slice(0, expected.length)
  return expected.every(({ id, logprob }, i) => top[i]?.[0] === id && Math.abs(Math.log(top[i]?.[1] ?? 0) - logprob) < LOG_BOUND)
}

function matches(distribution: Distribution, expected: SamplingCase['probabilities']): boolean {
  const ids = Object.keys(expected)
  return ids.length === distribution.size && ids.every((id) => Math.abs((distribution.get(Number(id)) ?? -1) - (expected[id] ?? 0)) < BOUND)
}

/** The id at which the sum of the expected distribution passes a draw. */
function expectedDraw(expected: SamplingCase['probabilities'], draw: number): number {
  const all = descending(new Map(Object.entries(expected).map(([id, probability]) => [Number(id), probability])))
  let mass = 0
  return (all.find(([, probability]) => (mass += probability) > draw) ?? all.at(-1) ?? [-1])[0]
}

function headOf(logits: readonly number[], shortlistSize: number): HeadOutput {
  const raw = Float32Array.from(logits)
  const ids = Int32Array.from([...raw.keys()].sort((a, b) => (raw[b] ?? 0) - (raw[a] ?? 0) || a - b).slice(0, shortlistSize))
  const top = Math.max(...raw)
  const logSumExp = top + Math.log(raw.reduce((sum, logit) => sum + Math.exp(logit - top), 0))
  return {
    vocabSize: raw.length,
    shortlist: shortlistSize === 0 ? null : { ids, logits: Float32Array.from(ids, (id) => raw[id] ?? 0), logSumExp },
    readLogits: () => Promise.resolve(raw),
  }
}

/** @param folder has cases.json */
export async function samplingOutcome(folder: string): Promise<Outcome> {
  const { logits: named, cases } = fileSchema.parse(JSON.parse(readFileSync(join(folder, 'cases.json'), 'utf8')))
  const { check, end } = startOutcome('sampling')
  for (const one of cases) {
    const [logits, sampling] = [named[one.logits] ?? [], samplingOf(one)]
    const context = { promptIds: one.prompt_ids, generatedIds: one.generated_ids, index: 0 }
    const told = `${one.logits} ${JSON.stringify(one.settings)}`
    const final = finalDistribution(logits, sampling, context)
    check(`probabilities of ${told}`, matches(final, one.probabilities))
    check(`final logprobs of ${told}`, matchesRanking(final, one.top5_logprobs_final))
    check(`raw logprobs of ${told}`, matchesRanking(finalDistribution(logits, PLAIN, NO_CONTEXT), one.top5_logprobs_raw))
    const adjusted = finalDistribution(adjustLogits(logits, sampling, context), PLAIN, NO_CONTEXT)
    check(`logprobs after penalties of ${told}`, matchesRanking(adjusted, one.top5_logprobs_after_penalties))
    for (let index = 0; index < DRAWS; index++) {
      const expected = expectedDraw(one.probabilities, sampling.temperature === 0 ? 0 : uniformAt(sampling.seed, index))
      for (const size of [0, SHORTLIST]) {
        const drawn = await sampleToken(headOf(logits, size), sampling, { ...context, index })
        check(`draw ${index} of ${told} from ${size || 'all'} logits: ${drawn}, not ${expected}`, drawn === expected)
      }
    }
  }
  return end()
}
