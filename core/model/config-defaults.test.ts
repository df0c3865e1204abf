import { expect, test } from 'vitest'
import { parseConfig } from './config.ts'

const BASE = {
  hidden_size: 64,
  intermediate_size: 96,
  num_hidden_layers: 2,
  num_attention_heads: 8,
  vocab_size: 100,
  max_position_embeddings: 256,
}
const configOf = (model_type: string, keys: Record<string, unknown> = {}) => parseConfig(JSON.stringify({ model_type, ...BASE, ...keys }))

test('a key that is absent takes what the class takes, null means none', () => {
  expect(configOf('gemma2').softcaps).toEqual({ scores: 50, logits: 30 })
  expect(configOf('gemma2', { attn_logit_softcapping: null, final_logit_softcapping: null }).softcaps).toEqual({ scores: null, logits: null })
  expect(configOf('gemma3_text').softcaps).toEqual({ scores: null, logits: null })
  expect(configOf('starcoder2').numKvHeads).toBe(2)
  expect(configOf('starcoder2', { num_key_value_heads: null }).numKvHeads).toBe(8)
  expect(configOf('llama').numKvHeads).toBe(8)
  expect(configOf('gpt_oss')).toMatchObject({ attentionBias: true, rope: { type: 'yarn', factor: 32, truncate: false, originalContext: 4096 } })
  expect(configOf('gpt_oss', { attention_bias: false }).attentionBias).toBe(false)
})

test('LFM2 states the width of its MLP before an adjustment, and ties by a key of its own', () => {
  const widthOf = (keys: Record<string, unknown>): number =>
    configOf('lfm2', { layer_types: ['conv', 'conv'], block_multiple_of: 16, ...keys }).intermediateSize
  // 96 · 2/3 = 64; · 1.3 = 83, up to a multiple of 16.
  expect(widthOf({ block_ffn_dim_multiplier: 1.3 })).toBe(96)
  expect(widthOf({ block_ffn_dim_multiplier: null, block_ff_dim: 100 })).toBe(66)
  expect(widthOf({ block_auto_adjust_ff_dim: false })).toBe(96)
  expect(configOf('lfm2', { layer_types: ['conv', 'conv'], tie_embedding: false, tie_word_embeddings: true }).tieWordEmbeddings).toBe(false)
})

const FACTORS = { short_factor: [1, 1, 1, 1], long_factor: [2, 2, 2, 2] }

test('a stretched rotation finds its original context and its factor where the checkpoint states them', () => {
  const yarn = { rope_type: 'yarn', original_max_position_embeddings: 64 }
  expect(configOf('llama', { rope_scaling: yarn }).rope).toMatchObject({ type: 'yarn', factor: 4, originalContext: 64 })
  expect(configOf('llama', { rope_scaling: { ...yarn, beta_fast: 0, beta_slow: null } }).rope).toMatchObject({ betaFast: 32, betaSlow: 1 })
  const long = { rope_scaling: { type: 'longrope', ...FACTORS }, original_max_position_embeddings: 32 }
  expect(configOf('phi3', long).rope).toMatchObject({ type: 'longrope', originalContext: 32, magnitude: Math.sqrt(1 + Math.log(8) / Math.log(32)) })
  expect(configOf('phi3', { ...long, rope_scaling: { type: 'su', ...FACTORS } }).rope.type).toBe('longrope')
  expect(configOf('phi3', { ...long, rope_scaling: { type: 'yarn', ...FACTORS } }).rope.type).toBe('longrope')
  expect(configOf('llama', { rope_scaling: { rope_type: 'dynamic', factor: 2 } }).rope).toEqual({ type: 'default', theta: 10_000, until: 256 })
})

test('of groups of experts only what can be chosen is taken', () => {
  const experts = { kv_lora_rank: 8, qk_rope_head_dim: 4, qk_nope_head_dim: 4, v_head_dim: 4, n_routed_experts: 16, num_experts_per_tok: 4 }
  expect(configOf('deepseek_v3', experts).experts?.groups).toEqual({ count: 8, chosen: 4 })
  expect(configOf('deepseek_v3', { ...experts, n_group: 1 }).experts?.groups).toBeNull()
  expect(() => configOf('deepseek_v3', { ...experts, n_group: 4, topk_group: 5 })).toThrow(/16 experts in 4 groups, of which 5 are chosen/)
  expect(() => configOf('deepseek_v3', { ...experts, n_group: 8, topk_group: 1 })).toThrow(/4 experts of 1 groups/)
})
