/** config.json of a checkpoint as the rest of the code sees it. Only `core/model/config-*.ts` know its snake_case keys. */
import { z } from 'zod'
import { ClusterError } from '../../protocol/errors.ts'
import { parseExperts, parseLatent, type ExpertsConfig, type LatentConfig } from './config-experts.ts'
import { parseLayers, type LayerKind } from './config-layers.ts'
import { parseRope, type RopeParameters } from './config-rope.ts'
import { badConfig, configSchema, defaultsOf, required, tokenIdsSchema, unlessAbsent, type ConfigJson } from './config-schema.ts'

export type ModelConfig = {
  readonly modelType: string
  readonly hiddenSize: number
  readonly intermediateSize: number
  readonly numLayers: number
  readonly numHeads: number
  readonly numKvHeads: number
  readonly headDim: number
  readonly vocabSize: number
  readonly normEpsilon: number
  readonly activation: string
  readonly rope: RopeParameters
  /** Of layers with a window, where they rotate otherwise. */
  readonly localRope: RopeParameters | null
  /** Dimensions of a head that rotate; `headDim` unless the checkpoint rotates a part. */
  readonly rotaryDim: number
  readonly layers: readonly LayerKind[]
  readonly maxPositions: number
  readonly tieWordEmbeddings: boolean
  /** On q, k, v and the output projection; what `qkvBias` and `useBias` say instead in some families. */
  readonly attentionBias: boolean
  readonly qkvBias: boolean
  readonly useBias: boolean
  readonly mlpBias: boolean
  /** Norms of q and k in the families that have them by choice. */
  readonly headNorms: boolean
  /** Attention and MLP read the same input. */
  readonly parallelResidual: boolean
  /** Scores are divided by its root. */
  readonly queryScalar: number
  readonly softcaps: { readonly scores: number | null; readonly logits: number | null }
  readonly multipliers: { readonly embedding: number; readonly attention: number; readonly residual: number; readonly logits: number }
  readonly experts: ExpertsConfig | null
  /** Stacks of experts are stored in blocks of four-bit floats. */
  readonly expertsAreMxfp4: boolean
  /** Stacks of gate and of up lie apart, [out, in] as elsewhere: GGUF's way. */
  readonly expertsAreSplit: boolean
  readonly latent: LatentConfig | null
  readonly convolution: { readonly length: number; readonly bias: boolean }
  readonly eosIds: readonly number[]
}

const generationSchema = z.looseObject({ eos_token_id: tokenIdsSchema })
const modelTypeSchema = z.looseObject({ model_type: z.string() })

function parseJson<T>(schema: z.ZodType<T>, text: string, file: string): T {
  const bad = (what: string, cause?: unknown): ClusterError => new ClusterError('bad_checkpoint', `${file} is not usable: ${what}`, { cause })
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw bad('it is not JSON', cause)
  }
  const parsed = schema.safeParse(value)
  if (!parsed.success) throw bad(z.prettifyError(parsed.error))
  return parsed.data
}

const idList = (ids: number | readonly number[] | null | undefined): readonly number[] =>
  ids === null || ids === undefined ? [] : typeof ids === 'number' ? [ids] : ids

/** The architecture's name, read before the rest so that a foreign model is refused by name. @throws {ClusterError} bad_checkpoint */
export const parseModelType = (text: string): string => parseJson(modelTypeSchema, text, 'config.json').model_type

/** LFM2 states the width of its MLP before an adjustment. */
function intermediateSizeOf(config: ConfigJson): number {
  if (config.model_type !== 'lfm2') return required(config.intermediate_size, 'intermediate_size')
  const stated = required(config.block_ff_dim ?? config.intermediate_size, 'intermediate_size')
  if (!(config.block_auto_adjust_ff_dim ?? true)) return stated
  const adjusted = Math.floor((2 * stated) / 3)
  if (config.block_ffn_dim_multiplier === null) return adjusted
  const multiple = config.block_multiple_of ?? 256
  return multiple * Math.ceil(Math.floor((config.block_ffn_dim_multiplier ?? 1) * adjusted) / multiple)
}

function headsOf(config: ConfigJson): Pick<ModelConfig, 'numHeads' | 'numKvHeads' | 'headDim'> {
  const numHeads = config.num_attention_heads
  const defaults = defaultsOf(config.model_type)
  const headDim = config.head_dim ?? defaults.headDim ?? config.hidden_size / numHeads
  const numKvHeads = unlessAbsent(config.num_key_value_heads, defaults.kvHeads) ?? numHeads
  if (!Number.isInteger(headDim)) throw badConfig('hidden_size is not a multiple of num_attention_heads and head_dim is missing')
  if (numHeads % numKvHeads !== 0) throw badConfig('num_attention_heads is not a multiple of num_key_value_heads')
  return { numHeads, numKvHeads, headDim }
}

/** @throws {ClusterError} unsupported_model for weights that are stored quantized in another way */
function isMxfp4(config: ConfigJson): boolean {
  const method = config.quantization_config?.quant_method ?? null
  if (method !== null && !(method === 'mxfp4' && config.model_type === 'gpt_oss'))
    throw new ClusterError('unsupported_model', `weights quantized by ${method} are not read; supported are plain ones and mxfp4 of gpt_oss`)
  return method !== null
}

type Choices = 'attentionBias' | 'qkvBias' | 'useBias' | 'mlpBias' | 'headNorms' | 'parallelResidual' | 'softcaps' | 'multipliers' | 'convolution'
const choicesOf = (config: ConfigJson): Pick<ModelConfig, Choices> => ({
  attentionBias: config.attention_bias ?? defaultsOf(config.model_type).attentionBias ?? false,
  qkvBias: config.use_qkv_bias ?? false,
  useBias: config.use_bias ?? true,
  mlpBias: config.mlp_bias ?? false,
  headNorms: config.qk_layernorm ?? false,
  parallelResidual: config.use_parallel_residual ?? false,
  softcaps: {
    scores: unlessAbsent(config.attn_logit_softcapping, defaultsOf(config.model_type).softcaps?.scores),
    logits: unlessAbsent(config.final_logit_softcapping, defaultsOf(config.model_type).softcaps?.logits),
  },
  multipliers: {
    embedding: config.embedding_multiplier ?? 1,
    attention: config.attention_multiplier ?? 1,
    residual: config.residual_multiplier ?? 1,
    logits: 1 / (config.logits_scaling ?? 1),
  },
  convolution: { length: config.conv_L_cache ?? 3, bias: config.conv_bias ?? false },
})

/** @throws {ClusterError} bad_checkpoint, unsupported_model (rope type) */
export function parseConfig(text: string): ModelConfig {
  const config = parseJson(configSchema, text, 'config.json')
  const defaults = defaultsOf(config.model_type)
  const heads = headsOf(config)
  const { rope, localRope, partialRotaryFactor } = parseRope(config)
  return {
    modelType: config.model_type,
    hiddenSize: config.hidden_size,
    intermediateSize: intermediateSizeOf(config),
    numLayers: config.num_hidden_layers,
    ...heads,
    vocabSize: config.vocab_size,
    normEpsilon: config.rms_norm_eps ?? config.layer_norm_eps ?? config.norm_epsilon ?? config.norm_eps ?? defaults.epsilon ?? 1e-6,
    activation: config.hidden_activation ?? (config.model_type.startsWith('gemma') ? null : config.hidden_act) ?? defaults.activation ?? 'silu',
    rope,
    localRope,
    rotaryDim: Math.floor(heads.headDim * partialRotaryFactor),
    layers: parseLayers(config),
    maxPositions: config.max_position_embeddings ?? 2048,
    tieWordEmbeddings: config.tie_embedding ?? config.tie_word_embeddings ?? defaults.tie ?? false,
    ...choicesOf(config),
    queryScalar: config.query_pre_attn_scalar ?? 256,
    experts: parseExperts(config),
    expertsAreMxfp4: isMxfp4(config),
    expertsAreSplit: false,
    latent: parseLatent(config),
    eosIds: idList(config.eos_token_id),
  }
}

/** EOS ids of generation_config.json, which override config.json's; empty when it names none. @throws {ClusterError} bad_checkpoint */
export const parseGenerationEosIds = (text: string): readonly number[] =>
  idList(parseJson(generationSchema, text, 'generation_config.json').eos_token_id)
