/** The embedded model's reference answers, straight from the runner. */
import { z } from 'zod'
import { describeModel } from '../../core/model/describe-model.ts'
import { chainOf, greedy, shardPool, type ChainOptions } from './chain.ts'

const samplesSchema = z.looseObject({ samples: z.array(z.looseObject({ prompt_ids: z.array(z.number()), generated_ids: z.array(z.number()) })) })

export type EmberReport = {
  readonly equal: number
  readonly total: number
  readonly tokens: number
  readonly milliseconds: number
  readonly different: readonly number[]
}
export type EmberOptions = Omit<ChainOptions, 'model' | 'contextLength'> & {
  readonly cuts?: readonly number[]
  /** Prompts to try, from the first; all when absent. */
  readonly limit?: number
  readonly handoff?: 'f16' | 'f32'
}

/** Prompt tokens that run in one go. */
const CHUNK_TOKENS = 128

/** Greedy answers against the stored ones, token for token, end token included. */
export async function runEmber(options: EmberOptions): Promise<EmberReport> {
  const model = await describeModel(options.source)
  const text = await options.source.readText('samples.json')
  if (text === null) throw new Error('the embedded model has no samples.json')
  const samples = samplesSchema.parse(JSON.parse(text)).samples.slice(0, options.limit)
  const pool = shardPool({ ...options, model, contextLength: model.contextLength })
  const different: number[] = []
  let tokens = 0
  const start = performance.now()
  try {
    const chain = await chainOf(pool, options.cuts ?? [], options.handoff)
    for (const [i, sample] of samples.entries()) {
      const expected = sample.generated_ids
      const ids = await greedy(chain, sample.prompt_ids, { maxTokens: expected.length, stopIds: model.eosIds, chunk: CHUNK_TOKENS })
      tokens += ids.length
      if (ids.join() !== expected.join()) different.push(i)
    }
  } finally {
    await pool.dispose()
  }
  return { equal: samples.length - different.length, total: samples.length, tokens, milliseconds: performance.now() - start, different }
}
