import { expect, test } from 'vitest'
import { parseConfig } from '../model/config.ts'
import { ropeOf } from './rope.ts'

const BASE = {
  model_type: 'llama',
  hidden_size: 64,
  intermediate_size: 128,
  num_hidden_layers: 4,
  num_attention_heads: 4,
  num_key_value_heads: 4,
  vocab_size: 100,
  max_position_embeddings: 256,
}
const configOf = (keys: Record<string, unknown>) => parseConfig(JSON.stringify({ ...BASE, ...keys }))

test('linear scaling divides every frequency', () => {
  const plain = ropeOf(configOf({}), 0)?.inverseFrequencies ?? []
  const linear = ropeOf(configOf({ rope_scaling: { type: 'linear', factor: 4 } }), 0)?.inverseFrequencies ?? []
  expect(plain).toHaveLength(8)
  expect(plain[0]).toBe(1)
  linear.forEach((frequency, i) => expect(frequency).toBeCloseTo((plain[i] ?? NaN) / 4, 7))
})

test('yarn keeps the fastest pair, divides the slowest and grows attention by 0.1 ln(factor) + 1', () => {
  const plain = ropeOf(configOf({ rope_theta: 1e6 }), 0)?.inverseFrequencies ?? []
  const yarn = ropeOf(configOf({ rope_theta: 1e6, rope_scaling: { rope_type: 'yarn', factor: 8, original_max_position_embeddings: 512 } }), 0)
  expect(yarn?.magnitude).toBeCloseTo(0.1 * Math.log(8) + 1, 12)
  expect(yarn?.inverseFrequencies[0]).toBe(plain[0])
  expect(yarn?.inverseFrequencies[7]).toBeCloseTo((plain[7] ?? NaN) / 8, 12)
})

test('longrope states both rotations and the reach above which the second is taken', () => {
  const factors = { short_factor: Array(8).fill(1), long_factor: Array(8).fill(2) }
  const rope = ropeOf(configOf({ original_max_position_embeddings: 64, rope_scaling: { type: 'longrope', ...factors } }), 0)
  expect(rope?.long?.above).toBe(64)
  expect(rope?.long?.inverseFrequencies[0]).toBe(0.5)
  expect(rope?.magnitude).toBeCloseTo(Math.sqrt(1 + Math.log(4) / Math.log(64)), 12)
  expect(() => ropeOf(configOf({ rope_scaling: { type: 'longrope', short_factor: [1], long_factor: [1] } }), 0)).toThrow(/1 longrope factors where 8/)
})

test('layers are told apart: windows, local rotation, layers that do not rotate', () => {
  const gemma = configOf({ model_type: 'gemma3_text', head_dim: 16, sliding_window: 8, sliding_window_pattern: 2, rope_local_base_freq: 100 })
  expect(gemma.layers.map(({ window }) => window)).toEqual([8, null, 8, null])
  expect(ropeOf(gemma, 0)?.inverseFrequencies[1]).toBeCloseTo(100 ** (-1 / 8), 6)
  expect(ropeOf(gemma, 1)?.inverseFrequencies[1]).toBeCloseTo(1e6 ** (-1 / 8), 6)
  expect(configOf({ model_type: 'smollm3', no_rope_layer_interval: 2 }).layers.map(({ rotates }) => rotates)).toEqual([true, false, true, false])
  const qwen = { model_type: 'qwen2', sliding_window: 8, max_window_layers: 3 }
  expect(configOf({ ...qwen, use_sliding_window: true }).layers.map(({ window }) => window)).toEqual([null, null, null, 8])
  expect(configOf({ ...qwen, use_sliding_window: false }).layers.every(({ window }) => window === null)).toBe(true)
  const types = ['conv', 'full_attention', 'conv', 'conv']
  expect(configOf({ model_type: 'lfm2', layer_types: types }).layers.map(({ mixer }) => mixer === 'attention')).toEqual([false, true, false, false])
  expect(() => configOf({ model_type: 'lfm2', layer_types: ['conv'] })).toThrow(/1 of 4 layers/)
})

test('weights quantized in a way that is not read are refused by name', () => {
  expect(() => configOf({ quantization_config: { quant_method: 'awq' } })).toThrow(/awq/)
})
