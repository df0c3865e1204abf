/** The one place that knows the snake_case keys of a Hugging Face config.json. */
import { z } from 'zod'
import { ClusterError } from '../../protocol/errors.ts'

/** Rotary frequencies as a checkpoint states them; `core/arch/rope.ts` computes the angles. */
export type RopeParameters =
  | { readonly type: 'default'; readonly theta: number }
  | { readonly type: 'linear'; readonly theta: number; readonly factor: number }
  | {
      readonly type: 'llama3'
      readonly theta: number
      readonly factor: number
      readonly lowFreqFactor: number
      readonly highFreqFactor: number
      readonly originalContext: number
    }

export type ModelConfig = {
  readonly modelType: string
  readonly hiddenSize: number
  readonly intermediateSize: number
  readonly numLayers: number
  readonly numHeads: number
  readonly numKvHeads: number
  readonly headDim: number
  readonly vocabSize: number
  readonly rmsNormEps: number
  readonly activation: string
  readonly rope: RopeParameters
  /** Dimensions of a head that rotate; `headDim` unless the checkpoint rotates a part. */
  readonly rotaryDim: number
  readonly maxPositions: number
  readonly tieWordEmbeddings: boolean
  readonly attentionBias: boolean
  readonly mlpBias: boolean
  readonly eosIds: readonly number[]
}

const size = z
  .number()
  .int()
  .min(1)
  .max(2 ** 31 - 1)
const tokenIds = z.union([z.number().int(), z.array(z.number().int())]).nullish()
/** rope_scaling (old form) and rope_parameters (transformers 5): the same keys, theta inside in the second. */
const ropeSchema = z.looseObject({
  rope_type: z.string().optional(),
  type: z.string().optional(),
  rope_theta: z.number().positive().optional(),
  factor: z.number().positive().optional(),
  low_freq_factor: z.number().positive().optional(),
  high_freq_factor: z.number().positive().optional(),
  original_max_position_embeddings: size.optional(),
})
const configSchema = z.looseObject({
  model_type: z.string(),
  hidden_size: size,
  intermediate_size: size,
  num_hidden_layers: size.max(4096),
  num_attention_heads: size,
  num_key_value_heads: size.nullish(),
  head_dim: size.nullish(),
  vocab_size: size,
  rms_norm_eps: z.number().positive().optional(),
  hidden_act: z.string().optional(),
  rope_theta: z.number().positive().nullish(),
  rope_scaling: ropeSchema.nullish(),
  rope_parameters: ropeSchema.nullish(),
  partial_rotary_factor: z.number().positive().max(1).nullish(),
  max_position_embeddings: size.optional(),
  tie_word_embeddings: z.boolean().optional(),
  attention_bias: z.boolean().optional(),
  mlp_bias: z.boolean().optional(),
  eos_token_id: tokenIds,
})
const generationSchema = z.looseObject({ eos_token_id: tokenIds })
const modelTypeSchema = z.looseObject({ model_type: z.string() })

const bad = (file: string, what: string, cause?: unknown): ClusterError =>
  new ClusterError('bad_checkpoint', `${file} is not usable: ${what}`, { cause })

function parseJson<T>(schema: z.ZodType<T>, text: string, file: string): T {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw bad(file, 'it is not JSON', cause)
  }
  const parsed = schema.safeParse(value)
  if (!parsed.success) throw bad(file, z.prettifyError(parsed.error))
  return parsed.data
}

const idList = (ids: number | readonly number[] | null | undefined): readonly number[] =>
  ids === null || ids === undefined ? [] : typeof ids === 'number' ? [ids] : ids

function parseRope(config: z.infer<typeof configSchema>): RopeParameters {
  const spec = config.rope_parameters ?? config.rope_scaling ?? {}
  const theta = spec.rope_theta ?? config.rope_theta ?? 10_000
  const type = spec.rope_type ?? spec.type ?? 'default'
  const required = (value: number | undefined, key: string): number => {
    if (value === undefined) throw bad('config.json', `rope type ${type} needs ${key}`)
    return value
  }
  if (type === 'default') return { type, theta }
  if (type === 'linear') return { type, theta, factor: required(spec.factor, 'factor') }
  if (type === 'llama3') {
    return {
      type,
      theta,
      factor: required(spec.factor, 'factor'),
      lowFreqFactor: required(spec.low_freq_factor, 'low_freq_factor'),
      highFreqFactor: required(spec.high_freq_factor, 'high_freq_factor'),
      originalContext: required(spec.original_max_position_embeddings, 'original_max_position_embeddings'),
    }
  }
  throw new ClusterError('unsupported_model', `rope type ${type} is not supported; supported are default, linear and llama3`)
}

/** The architecture's name, read before the rest so that a foreign model is refused by name. @throws {ClusterError} bad_checkpoint */
export const parseModelType = (text: string): string => parseJson(modelTypeSchema, text, 'config.json').model_type

/** @throws {ClusterError} bad_checkpoint, unsupported_model (rope type) */
export function parseConfig(text: string): ModelConfig {
  const config = parseJson(configSchema, text, 'config.json')
  const headDim = config.head_dim ?? config.hidden_size / config.num_attention_heads
  const numKvHeads = config.num_key_value_heads ?? config.num_attention_heads
  if (!Number.isInteger(headDim)) throw bad('config.json', 'hidden_size is not a multiple of num_attention_heads and head_dim is missing')
  if (config.num_attention_heads % numKvHeads !== 0) throw bad('config.json', 'num_attention_heads is not a multiple of num_key_value_heads')
  return {
    modelType: config.model_type,
    hiddenSize: config.hidden_size,
    intermediateSize: config.intermediate_size,
    numLayers: config.num_hidden_layers,
    numHeads: config.num_attention_heads,
    numKvHeads,
    headDim,
    vocabSize: config.vocab_size,
    rmsNormEps: config.rms_norm_eps ?? 1e-6,
    activation: config.hidden_act ?? 'silu',
    rope: parseRope(config),
    rotaryDim: Math.floor(headDim * (config.partial_rotary_factor ?? 1)),
    maxPositions: config.max_position_embeddings ?? 2048,
    tieWordEmbeddings: config.tie_word_embeddings ?? false,
    attentionBias: config.attention_bias ?? false,
    mlpBias: config.mlp_bias ?? false,
    eosIds: idList(config.eos_token_id),
  }
}

/** EOS ids of generation_config.json, which override config.json's; empty when it names none. @throws {ClusterError} bad_checkpoint */
export const parseGenerationEosIds = (text: string): readonly number[] =>
  idList(parseJson(generationSchema, text, 'generation_config.json').eos_token_id)
