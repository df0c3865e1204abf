/** What differs from layer to layer: windows, rotation, convolution. Source: transformers `configuration_*.py`. */
import { badConfig, type ConfigJson } from './config-schema.ts'

export type LayerKind = {
  /** A token sees itself and the `window - 1` before it; null sees all. */
  readonly window: number | null
  readonly rotates: boolean
  /** Mixes tokens by attention, or by a short convolution. */
  readonly mixer: 'attention' | 'convolution'
}

/** Does layer `index` slide, where the checkpoint names no layer types? */
function slidesByDefault(config: ConfigJson, index: number, rotates: boolean): boolean {
  switch (config.model_type) {
    case 'mistral':
    case 'mixtral':
    case 'phi3':
    case 'starcoder2':
      return true
    case 'qwen2':
    case 'qwen3':
      return (config.use_sliding_window ?? false) && index >= (config.max_window_layers ?? 28)
    case 'qwen3_moe':
      return config.use_sliding_window ?? false
    case 'smollm3':
      return (config.use_sliding_window ?? false) && !rotates
    case 'gemma2':
    case 'gpt_oss':
      return index % 2 === 0
    case 'gemma3_text':
      return (index + 1) % (config.sliding_window_pattern ?? config._sliding_window_pattern ?? 6) !== 0
    default:
      return false
  }
}

/** Windows that configuration classes take where the key is absent (null in the file means none). */
const WINDOWS: Readonly<Record<string, number>> = { mistral: 4096, gemma2: 4096, gemma3_text: 4096, gpt_oss: 128 }
/** Families whose attention reads `layer_types`; the others slide everywhere or nowhere. */
const READS_LAYER_TYPES: ReadonlySet<string> = new Set(['qwen2', 'qwen3', 'smollm3', 'gemma2', 'gemma3_text', 'gpt_oss', 'lfm2'])

function rotates(config: ConfigJson, index: number): boolean {
  if (config.model_type !== 'smollm3') return true
  const listed = config.no_rope_layers
  return listed ? listed[index] !== 0 : (index + 1) % (config.no_rope_layer_interval ?? 4) !== 0
}

function mixer(config: ConfigJson, index: number, type: string | undefined): LayerKind['mixer'] {
  if (config.model_type !== 'lfm2') return 'attention'
  const isAttention = type ? type === 'full_attention' : (config.full_attn_idxs?.includes(index) ?? true)
  return isAttention ? 'attention' : 'convolution'
}

/** @throws {ClusterError} bad_checkpoint */
export function parseLayers(config: ConfigJson): readonly LayerKind[] {
  const types = READS_LAYER_TYPES.has(config.model_type) ? config.layer_types : null
  if (types && types.length !== config.num_hidden_layers) throw badConfig(`layer_types names ${types.length} of ${config.num_hidden_layers} layers`)
  const unknown = types?.find((type) => !['full_attention', 'sliding_attention', 'conv'].includes(type))
  if (unknown !== undefined) throw badConfig(`layer type ${unknown} is not known`)
  const size = config.sliding_window === undefined ? (WINDOWS[config.model_type] ?? null) : config.sliding_window
  return Array.from({ length: config.num_hidden_layers }, (_, index) => {
    const turns = rotates(config, index)
    const slides = types ? types[index] === 'sliding_attention' : slidesByDefault(config, index, turns)
    return { window: slides ? size : null, rotates: turns, mixer: mixer(config, index, types?.[index]) }
  })
}
