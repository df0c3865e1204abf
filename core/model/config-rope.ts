/** The rotation that a config.json states, in any of its forms. */
import { ClusterError } from '../../protocol/errors.ts'
import { badConfig, defaultsOf, required, type ConfigJson, type RopeJson } from './config-schema.ts'

/** Rotary frequencies as a checkpoint states them; `core/arch/rope.ts` computes the angles. */
export type RopeParameters =
  | {
      readonly type: 'default'
      readonly theta: number
      /** Positions it holds for, where it changes behind them. */
      readonly until?: number
    }
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

const SUPPORTED = 'default, linear, dynamic, llama3, yarn and longrope'

/** How much attention sharpens when a context is stretched. Source: transformers `modeling_rope_utils.py`. */
export const yarnMagnitude = (factor: number, mscale: number): number => (factor <= 1 ? 1 : 0.1 * mscale * Math.log(factor) + 1)

/** A context that the frequencies were trained for, where a checkpoint states another one than its longest. */
const originalContextOf = (spec: RopeJson, config: ConfigJson): number =>
  config.original_max_position_embeddings ?? spec.original_max_position_embeddings ?? contextOf(config)
const contextOf = (config: ConfigJson): number => config.max_position_embeddings ?? 2048
const factorOf = (spec: RopeJson, config: ConfigJson): number => spec.factor ?? contextOf(config) / originalContextOf(spec, config)

function parseYarn(spec: RopeJson, config: ConfigJson, theta: number): RopeParameters {
  const factor = factorOf(spec, config)
  const [mscale, mscaleAllDim] = [spec.mscale ?? 0, spec.mscale_all_dim ?? 0]
  const byScales = mscale && mscaleAllDim ? yarnMagnitude(factor, mscale) / yarnMagnitude(factor, mscaleAllDim) : yarnMagnitude(factor, 1)
  return {
    type: 'yarn',
    theta,
    factor,
    originalContext: originalContextOf(spec, config),
    // Zero is taken for absent, as in the reference.
    betaFast: spec.beta_fast || 32,
    betaSlow: spec.beta_slow || 1,
    magnitude: spec.attention_factor ?? byScales,
    truncate: spec.truncate ?? true,
    mscaleAllDim,
  }
}

function parseLongRope(spec: RopeJson, config: ConfigJson, theta: number): RopeParameters {
  const [factor, originalContext] = [factorOf(spec, config), originalContextOf(spec, config)]
  return {
    type: 'longrope',
    theta,
    shortFactor: required(spec.short_factor, 'the short_factor of rope type longrope'),
    longFactor: required(spec.long_factor, 'the long_factor of rope type longrope'),
    originalContext,
    magnitude: spec.attention_factor ?? (factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(originalContext))),
  }
}

function typeOf(spec: RopeJson, config: ConfigJson): string {
  const type = spec.rope_type ?? spec.type ?? 'default'
  // Names that Phi-3's checkpoints have had for it.
  return config.model_type === 'phi3' && (type === 'su' || type === 'yarn') ? 'longrope' : type
}

function parseSpec(spec: RopeJson, config: ConfigJson, theta: number): RopeParameters {
  const type = typeOf(spec, config)
  const need = (value: number | null | undefined, key: string): number => required(value, `the ${key} of rope type ${type}`)
  switch (type) {
    case 'default':
      return { type, theta }
    // Stretches as a sequence outgrows max_position_embeddings; up to there it is the default.
    case 'dynamic':
      return { type: 'default', theta, until: contextOf(config) }
    case 'linear':
      return { type, theta, factor: need(spec.factor, 'factor') }
    case 'llama3':
      return {
        type,
        theta,
        factor: need(spec.factor, 'factor'),
        lowFreqFactor: need(spec.low_freq_factor, 'low_freq_factor'),
        highFreqFactor: need(spec.high_freq_factor, 'high_freq_factor'),
        originalContext: originalContextOf(spec, config),
      }
    case 'yarn':
      return parseYarn(spec, config, theta)
    case 'longrope':
      return parseLongRope(spec, config, theta)
    default:
      throw new ClusterError('unsupported_model', `rope type ${type} is not supported; supported are ${SUPPORTED}`)
  }
}

/** gpt-oss is stretched where its checkpoint says nothing. */
const GPT_OSS_ROPE: RopeJson = { rope_type: 'yarn', factor: 32, beta_fast: 32, beta_slow: 1, truncate: false, original_max_position_embeddings: 4096 }

export type RopeConfig = {
  readonly rope: RopeParameters
  /** Of layers with a sliding window, where they rotate otherwise. */
  readonly localRope: RopeParameters | null
  readonly partialRotaryFactor: number
}

/** @throws {ClusterError} bad_checkpoint, unsupported_model */
export function parseRope(config: ConfigJson): RopeConfig {
  const parameters = config.rope_parameters
  const standard = config.model_type === 'gpt_oss' ? GPT_OSS_ROPE : {}
  const spec = config.rope_scaling ?? parameters?.full_attention ?? parameters ?? standard
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
