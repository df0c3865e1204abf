import { z } from 'zod'
import type { Sampling } from '../../protocol/ring.ts'

const number = z.number().nullish()
export const generationSamplingSchema = z.looseObject({
  do_sample: z.boolean().nullish(),
  temperature: number,
  top_p: number,
  top_k: z.number().int().nullish(),
  min_p: number,
  repetition_penalty: number,
})

/** How a model's authors want it sampled where a request does not say: `generation_config.json`, read as vLLM and transformers do. */
export function defaultSampling(config: z.infer<typeof generationSamplingSchema>): Omit<Sampling, 'seed'> {
  return {
    temperature: config.do_sample === false ? 0 : (config.temperature ?? 1),
    topP: config.top_p ?? 1,
    topK: Math.max(0, config.top_k ?? 0),
    minP: config.min_p ?? 0,
    repetitionPenalty: config.repetition_penalty ?? 1,
    presencePenalty: 0,
    frequencyPenalty: 0,
    logitBias: [],
  }
}
