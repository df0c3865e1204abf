/** What models are judged on: their own texts, given token by token. */
import { z } from 'zod'
import type { ModelSource } from '../../core/model/model-source.ts'
import { readGolden } from '../conformance/golden.ts'

const samplesSchema = z.looseObject({ samples: z.array(z.looseObject({ prompt_ids: z.array(z.number()), generated_ids: z.array(z.number()) })) })

/** Of the embedded model its samples, prompt and answer; of a golden case its prompt and greedy continuation. @param limit of texts */
export async function textsOf(source: ModelSource, limit = Infinity): Promise<readonly (readonly number[])[]> {
  const samples = await source.readText('samples.json')
  if (samples !== null) {
    return samplesSchema
      .parse(JSON.parse(samples))
      .samples.slice(0, limit)
      .map(({ prompt_ids: prompt, generated_ids: answer }) => [...prompt, ...answer])
  }
  const golden = await readGolden(source)
  return [[...golden.ids('input_ids'), ...golden.ids('greedy_ids')]]
}
