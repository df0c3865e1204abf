/** Mixture of experts and latent attention as a config.json states them. */
import { badConfig, required, type ConfigJson } from './config-schema.ts'

export type ExpertsConfig = {
  readonly count: number
  /** Experts a token takes. */
  readonly chosen: number
  readonly intermediateSize: number
  /** Weights of the chosen experts are divided by their sum. */
  readonly normalize: boolean
  /** Multiplies the weights. */
  readonly scale: number
  /** Experts that every token takes, as one of this many times the size. */
  readonly shared: number
  /** Only the experts of the best `chosen` of `count` groups may be taken. */
  readonly groups: { readonly count: number; readonly chosen: number } | null
  /** By layer: experts, or one MLP. */
  readonly sparse: readonly boolean[]
  /** Of a clamped SwiGLU: the bound of gate and up, and the factor within its sigmoid. */
  readonly limit: number
  readonly alpha: number
}

/** Attention whose keys and values come from one narrow vector a token (DeepSeek). */
export type LatentConfig = {
  /** Null: queries come straight from the hidden states. */
  readonly queryRank: number | null
  readonly keyRank: number
  readonly rotatedDim: number
  readonly plainDim: number
  readonly valueDim: number
  readonly interleaved: boolean
}

function isSparse(config: ConfigJson, index: number): boolean {
  switch (config.model_type) {
    case 'qwen3_moe':
      return !(config.mlp_only_layers ?? []).includes(index) && (index + 1) % (config.decoder_sparse_step ?? 1) === 0
    case 'deepseek_v3':
      return index >= (config.first_k_dense_replace ?? 3)
    default:
      return true
  }
}

/** Null for families without experts. @throws {ClusterError} bad_checkpoint */
export function parseExperts(config: ConfigJson): ExpertsConfig | null {
  const count = config.num_local_experts ?? config.num_experts ?? config.n_routed_experts ?? 0
  if (count === 0) return null
  const chosen = required(config.num_experts_per_tok, 'num_experts_per_tok')
  const isDeepseek = config.model_type === 'deepseek_v3'
  const groupCount = isDeepseek ? (config.n_group ?? 8) : 1
  const groups = groupCount > 1 ? { count: groupCount, chosen: config.topk_group ?? 4 } : null
  if (chosen > count) throw badConfig(`${chosen} of ${count} experts are chosen`)
  if (groups && (count % groups.count !== 0 || groups.chosen > groups.count))
    throw badConfig(`${count} experts in ${groups.count} groups, of which ${groups.chosen} are chosen`)
  if (groups && chosen > (count / groups.count) * groups.chosen) throw badConfig(`${chosen} experts of ${groups.chosen} groups`)
  return {
    count,
    chosen,
    intermediateSize: config.moe_intermediate_size ?? required(config.intermediate_size, 'intermediate_size'),
    normalize: config.norm_topk_prob ?? isDeepseek,
    scale: isDeepseek ? (config.routed_scaling_factor ?? 2.5) : 1,
    shared: isDeepseek ? (config.n_shared_experts ?? 1) : 0,
    groups,
    sparse: Array.from({ length: config.num_hidden_layers }, (_, index) => isSparse(config, index)),
    limit: config.swiglu_limit ?? 7,
    alpha: config.swiglu_alpha ?? 1.702,
  }
}

/** Null for families with plain keys and values. @throws {ClusterError} bad_checkpoint */
export function parseLatent(config: ConfigJson): LatentConfig | null {
  if (config.model_type !== 'deepseek_v3') return null
  return {
    queryRank: config.q_lora_rank === undefined ? 1536 : config.q_lora_rank,
    keyRank: required(config.kv_lora_rank, 'kv_lora_rank'),
    rotatedDim: required(config.qk_rope_head_dim, 'qk_rope_head_dim'),
    plainDim: required(config.qk_nope_head_dim, 'qk_nope_head_dim'),
    valueDim: required(config.v_head_dim, 'v_head_dim'),
    interleaved: config.rope_interleave ?? true,
  }
}
