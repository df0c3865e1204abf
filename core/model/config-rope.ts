/** The rotation that a config.json states, in any of its forms. */
import { ClusterError } from '../../protocol/errors.ts'
import { badConfig, defaultsOf, required, type ConfigJson, type RopeJson } from './config-schema.ts'

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
  | {
      readonly type: 'yarn'
      readonly theta: number
      readonly factor: number
      readonly originalContext: number
      readonly betaFast: number
      readonly betaSlow: number
      /** Multiplies cos and sin. */
      readonly magnitude: number
      /** Ends of the ramp are rounded to whole dimensions. */
      readonly truncate: boolean
      /** Attention of DeepSeek is scaled by the square of the magnitude this gives; 0 leaves it. */
      readonly mscaleAllDim: number
    }
  | {
      readonly type: 'longrope'
      readonly theta: number
      readonly shortFactor: readonly number[]
      readonly longFactor: readonly number[]
      /** Passes that reach more tokens take `longFactor`. */
      readonly originalContext: number
      readonly magnitude: number
    }

const SUPPORTED = 'default, linear, llama3, yarn and longrope'

/** How much attention sharpens when a context is stretched. Source: transformers `modeling_rope_utils.py`. */
export const yarnMagnitude = (factor: number, mscale: number): number => (factor <= 1 ? 1 : 0.1 * mscale * Math.log(factor) + 1)

function parseYarn(spec: RopeJson, config: ConfigJson, theta: number): RopeParameters {
  const factor = required(spec.factor, 'the factor of rope type yarn')
  const [mscale, mscaleAllDim] = [spec.mscale ?? 0, spec.mscale_all_dim ?? 0]
  const byScales = mscale && mscaleAllDim ? yarnMagnitude(factor, mscale) / yarnMagnitude(factor, mscaleAllDim) : yarnMagnitude(factor, 1)
  return {
    type: 'yarn',
    theta,
    factor,
    originalContext: spec.original_max_position_embeddings ?? config.max_position_embeddings ?? 2048,
    betaFast: spec.beta_fast ?? 32,
    betaSlow: spec.beta_slow ?? 1,
    magnitude: spec.attention_factor ?? byScales,
    truncate: spec.truncate ?? true,
    mscaleAllDim,
  }
}

function parseLongRope(spec: RopeJson, config: ConfigJson, theta: number): RopeParameters {
  const maxPositions = required(config.max_position_embeddings, 'max_position_embeddings')
  const stated = config.original_max_position_embeddings ?? spec.original_max_position_embeddings
  const originalContext = stated ?? maxPositions
  const factor = stated ? maxPositions / stated : (spec.factor ?? 1)
  return {
    type: 'longrope',
    theta,
    shortFactor: required(spec.short_factor, 'the short_factor of rope type longrope'),
    longFactor: required(spec.long_factor, 'the long_factor of rope type longrope'),
    originalContext,
    magnitude: spec.attention_factor ?? (factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(originalContext))),
  }
}

function parseSpec(spec: RopeJson, config: ConfigJson, theta: number): RopeParameters {
  const type = spec.rope_type ?? spec.type ?? 'default'
  const need = (value: number | null | undefined, key: string): number => required(value, `the ${key} of rope type ${type}`)
  switch (type) {
    case 'default':
      return { type, theta }
    case 'linear':
      return { type, theta, factor: need(spec.factor, 'factor') }
    case 'llama3':
      return {
        type,
        theta,
        factor: need(spec.factor, 'factor'),
        lowFreqFactor: need(spec.low_freq_factor, 'low_freq_factor'),
        highFreqFactor: need(spec.high_freq_factor, 'high_freq_factor'),
        originalContext: need(spec.original_max_position_embeddings, 'original_max_position_embeddings'),
      }
    case 'yarn':
      return parseYarn(spec, config, theta)
    // The name that Phi-3's first checkpoints gave it.
    case 'su':
    case 'longrope':
      return parseLongRope(spec, config, theta)
    default:
      throw new ClusterError('unsupported_model', `rope type ${type} is not supported; supported are ${SUPPORTED}`)
  }
}

export type RopeConfig = {
  readonly rope: RopeParameters
  /** Of layers with a sliding window, where they rotate otherwise. */
  readonly localRope: RopeParameters | null
  readonly partialRotaryFactor: number
}

/** @throws {ClusterError} bad_checkpoint, unsupported_model */
export function parseRope(config: ConfigJson): RopeConfig {
  const parameters = config.rope_parameters
  const spec = parameters?.full_attention ?? parameters ?? config.rope_scaling ?? {}
  const defaults = defaultsOf(config.model_type)
  const theta = spec.rope_theta ?? config.rope_theta ?? defaults.theta ?? 10_000
  const local = parameters?.sliding_attention
  const rope = parseSpec(spec, config, theta)
  const partialRotaryFactor = spec.partial_rotary_factor ?? config.partial_rotary_factor ?? defaults.partialRotary ?? 1
  if (config.model_type !== 'gemma3_text') {
    if (local && JSON.stringify(local) !== JSON.stringify(spec)) throw badConfig(`a rotation of sliding layers in model type ${config.model_type}`)
    return { rope, localRope: null, partialRotaryFactor }
  }
  const localTheta = local?.rope_theta ?? config.rope_local_base_freq ?? 10_000
  return { rope, localRope: parseSpec(local ?? {}, config, localTheta), partialRotaryFactor }
}
