import { expect, test } from 'vitest'
import { architectureOf } from '../arch/registry.ts'
import { CHECKPOINTS } from './checkpoints.ts'
import { parameterCount, statedModel, tensorBytes } from './stated-model.ts'

const stated = (id: string) => {
  const checkpoint = CHECKPOINTS.find((candidate) => candidate.id === id)
  if (!checkpoint) throw new Error(`${id} is not in the catalogue`)
  return statedModel(JSON.stringify(checkpoint.config))
}

// Totals as the publishers' own index files and model cards state them.
const PUBLISHED: readonly (readonly [string, number])[] = [
  ['meta-llama/Llama-3.2-1B-Instruct', 1_235_814_400],
  ['meta-llama/Llama-3.1-8B-Instruct', 8_030_261_248],
  ['HuggingFaceTB/SmolLM2-135M-Instruct', 134_515_008],
  ['Qwen/Qwen2.5-0.5B-Instruct', 494_032_768],
  ['Qwen/Qwen2.5-7B-Instruct', 7_615_616_512],
  ['Qwen/Qwen3-30B-A3B', 30_532_122_624],
  ['google/gemma-2-2b-it', 2_614_341_888],
  ['google/gemma-3-1b-it', 999_885_952],
  ['microsoft/Phi-3-mini-4k-instruct', 3_821_079_552],
  ['mistralai/Mistral-7B-Instruct-v0.3', 7_248_023_552],
  ['mistralai/Mixtral-8x7B-Instruct-v0.1', 46_702_792_704],
  ['allenai/OLMo-2-1124-7B-Instruct', 7_298_617_344],
  ['LiquidAI/LFM2-1.2B', 1_170_340_608],
]

test.each(PUBLISHED)('%s has the published number of parameters, from its architecture alone', (id, parameters) => {
  expect(parameterCount(stated(id).config)).toBe(parameters)
  expect(tensorBytes(stated(id))).toBe(2 * parameters)
})

test('experts in four-bit floats take the bytes of their index file, scales included', () => {
  expect(tensorBytes(stated('openai/gpt-oss-20b'))).toBe(13_761_264_768)
})

test('every checkpoint is named once, of a family that runs here, and can be stated whole', () => {
  expect(new Set(CHECKPOINTS.map(({ id }) => id)).size).toBe(CHECKPOINTS.length)
  for (const { config } of CHECKPOINTS) {
    expect(architectureOf(config.model_type).modelType).toBe(config.model_type)
    const model = statedModel(JSON.stringify(config))
    const { embedding } = architectureOf(model.config.modelType)
    expect(model.tensors.has(embedding(model.config).weight.tensor)).toBe(true)
  }
})
