/** The snake_case keys of config.json that are read, and what transformers takes where a checkpoint leaves one out. */
import { z } from 'zod'
import { ClusterError } from '../../protocol/errors.ts'

const size = z
  .number()
  .int()
  .min(1)
  .max(2 ** 31 - 1)
const positive = z.number().positive()
const index = z.number().int().min(0)
const flag = z.boolean()
export const tokenIdsSchema = z.union([z.number().int(), z.array(z.number().int())]).nullish()

/** rope_scaling (old form) and rope_parameters (transformers 5): the same keys, theta inside in the second. */
const ropeSchema = z.looseObject({
  rope_type: z.string().optional(),
  type: z.string().optional(),
  rope_theta: positive.optional(),
  partial_rotary_factor: positive.max(1).nullish(),
  factor: positive.nullish(),
  low_freq_factor: positive.optional(),
  high_freq_factor: positive.optional(),
  original_max_position_embeddings: size.nullish(),
  attention_factor: positive.nullish(),
  beta_fast: z.number().min(0).nullish(),
  beta_slow: z.number().min(0).nullish(),
  mscale: z.number().nullish(),
  mscale_all_dim: z.number().nullish(),
  truncate: flag.nullish(),
  short_factor: z.array(positive).optional(),
  long_factor: z.array(positive).optional(),
})
export type RopeJson = z.infer<typeof ropeSchema>

export const configSchema = z.looseObject({
  model_type: z.string(),
  hidden_size: size,
  intermediate_size: size.nullish(),
  num_hidden_layers: size.max(4096),
  num_attention_heads: size,
  num_key_value_heads: size.nullish(),
  head_dim: size.nullish(),
  vocab_size: size,
  rms_norm_eps: positive.nullish(),
  layer_norm_eps: positive.nullish(),
  norm_epsilon: positive.nullish(),
  norm_eps: positive.nullish(),
  hidden_act: z.string().nullish(),
  hidden_activation: z.string().nullish(),
  rope_theta: positive.nullish(),
  rope_local_base_freq: positive.nullish(),
  rope_scaling: ropeSchema.nullish(),
  /** One rotation, or one a kind of layer. */
  rope_parameters: z.looseObject({ ...ropeSchema.shape, full_attention: ropeSchema.nullish(), sliding_attention: ropeSchema.nullish() }).nullish(),
  partial_rotary_factor: positive.max(1).nullish(),
  rope_interleave: flag.nullish(),
  max_position_embeddings: size.nullish(),
  original_max_position_embeddings: size.nullish(),
  tie_word_embeddings: flag.nullish(),
  tie_embedding: flag.nullish(),
  attention_bias: flag.nullish(),
  use_qkv_bias: flag.nullish(),
  use_bias: flag.nullish(),
  mlp_bias: flag.nullish(),
  eos_token_id: tokenIdsSchema,
  layer_types: z.array(z.string()).nullish(),
  sliding_window: size.nullish(),
  use_sliding_window: flag.nullish(),
  max_window_layers: index.nullish(),
  sliding_window_pattern: size.nullish(),
  _sliding_window_pattern: size.nullish(),
  no_rope_layers: z.array(index).nullish(),
  no_rope_layer_interval: size.nullish(),
  qk_layernorm: flag.nullish(),
  use_parallel_residual: flag.nullish(),
  query_pre_attn_scalar: positive.nullish(),
  attn_logit_softcapping: positive.nullish(),
  final_logit_softcapping: positive.nullish(),
  embedding_multiplier: z.number().nullish(),
  attention_multiplier: positive.nullish(),
  residual_multiplier: z.number().nullish(),
  logits_scaling: positive.nullish(),
  num_local_experts: index.nullish(),
  num_experts: index.nullish(),
  n_routed_experts: index.nullish(),
  num_experts_per_tok: size.nullish(),
  moe_intermediate_size: size.nullish(),
  norm_topk_prob: flag.nullish(),
  decoder_sparse_step: size.nullish(),
  mlp_only_layers: z.array(index).nullish(),
  swiglu_limit: positive.nullish(),
  swiglu_alpha: positive.nullish(),
  quantization_config: z.looseObject({ quant_method: z.string().nullish() }).nullish(),
  n_shared_experts: index.nullish(),
  routed_scaling_factor: positive.nullish(),
  n_group: size.nullish(),
  topk_group: size.nullish(),
  first_k_dense_replace: index.nullish(),
  q_lora_rank: size.nullish(),
  kv_lora_rank: size.nullish(),
  qk_rope_head_dim: size.nullish(),
  qk_nope_head_dim: index.nullish(),
  v_head_dim: size.nullish(),
  full_attn_idxs: z.array(index).nullish(),
  conv_L_cache: size.min(2).nullish(),
  conv_bias: flag.nullish(),
  block_ff_dim: size.nullish(),
  block_auto_adjust_ff_dim: flag.nullish(),
  block_ffn_dim_multiplier: positive.nullish(),
  block_multiple_of: size.nullish(),
})
export type ConfigJson = z.infer<typeof configSchema>

/** What a family's configuration class takes where the key is absent, if it is not what most take. */
export type FamilyDefaults = {
  readonly tie?: boolean
  readonly epsilon?: number
  readonly theta?: number
  readonly headDim?: number
  readonly kvHeads?: number
  readonly attentionBias?: boolean
  readonly softcaps?: { readonly scores: number; readonly logits: number }
  readonly activation?: string
  readonly partialRotary?: number
}
const FAMILIES: Readonly<Record<string, FamilyDefaults>> = {
  mistral: { kvHeads: 8 },
  mixtral: { epsilon: 1e-5, theta: 1_000_000, kvHeads: 8 },
  phi3: { epsilon: 1e-5 },
  olmo2: { epsilon: 1e-5 },
  stablelm: { epsilon: 1e-5, partialRotary: 0.25, kvHeads: 32 },
  starcoder2: { epsilon: 1e-5, tie: true, activation: 'gelu_pytorch_tanh', kvHeads: 2 },
  smollm3: { tie: true, theta: 2_000_000, kvHeads: 4 },
  qwen2: { kvHeads: 32 },
  qwen3: { headDim: 128, kvHeads: 32 },
  qwen3_moe: { kvHeads: 4 },
  gemma2: { tie: true, headDim: 256, activation: 'gelu_pytorch_tanh', kvHeads: 4, softcaps: { scores: 50, logits: 30 } },
  gemma3_text: { tie: true, headDim: 256, theta: 1_000_000, activation: 'gelu_pytorch_tanh', kvHeads: 4 },
  gpt_oss: { epsilon: 1e-5, theta: 150_000, headDim: 64, kvHeads: 8, attentionBias: true },
  lfm2: { tie: true, epsilon: 1e-5, theta: 1_000_000, kvHeads: 8 },
}
export const defaultsOf = (modelType: string): FamilyDefaults => FAMILIES[modelType] ?? {}

export const badConfig = (what: string, cause?: unknown): ClusterError =>
  new ClusterError('bad_checkpoint', `config.json is not usable: ${what}`, { cause })

/** What a class takes where the key is absent; null in the file stays null: "none". */
export const unlessAbsent = <T>(value: T | null | undefined, standard: T | undefined): T | null => (value === undefined ? (standard ?? null) : value)

/** @throws {ClusterError} bad_checkpoint naming the key */
export function required<T>(value: T | null | undefined, key: string): T {
  if (value === null || value === undefined) throw badConfig(`${key} is missing`)
  return value
}
