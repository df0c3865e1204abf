/** The config.json that a GGUF file's metadata amounts to. Keys: llama.cpp `gguf-py/gguf/constants.py`. */
import { ClusterError } from '../../protocol/errors.ts'
import { ggufFamilyOf, type NamedGgufFamily } from './gguf-families.ts'
import type { GgufHeader, GgufMetadata, GgufValue } from './gguf.ts'

/** Layers of the one size of Gemma whose queries are scaled by hiddenSize / heads instead of the head's own size (27B). */
const WIDE_GEMMA_LAYERS: Readonly<Record<string, number>> = { gemma2: 46, gemma3: 62 }
/** Texts of control tokens that end an answer where metadata names but one. llama.cpp knows them by these names too (`llama-vocab.cpp`). */
const END_TOKENS: ReadonlySet<GgufValue> = new Set(['<|eot_id|>', '<|im_end|>', '<|end|>', '<end_of_turn>', '<|endoftext|>', '<|eom_id|>'])
const CONTROL_TOKEN = 3

const bad = (what: string): ClusterError => new ClusterError('bad_checkpoint', `the metadata of the GGUF file is not usable: ${what}`)
const unsupported = (what: string): ClusterError => new ClusterError('unsupported_model', what)

type Keys = {
  readonly number: (key: string) => number | undefined
  readonly needed: (key: string) => number
  readonly value: (key: string) => GgufValue | undefined
}

/** Keys under the architecture's name. */
function keysOf({ metadata }: GgufHeader, architecture: string): Keys {
  const value = (key: string): GgufValue | undefined => metadata.get(`${architecture}.${key}`)
  const number = (key: string): number | undefined => {
    const found = value(key)
    if (found === undefined || typeof found === 'number') return found
    if (Array.isArray(found)) throw unsupported(`${architecture}.${key} differs by layer, which is not supported`)
    throw bad(`${architecture}.${key} is not a number`)
  }
  const needed = (key: string): number => {
    const found = number(key)
    if (found === undefined) throw bad(`${architecture}.${key} is missing`)
    return found
  }
  return { number, needed, value }
}

/** What the file divides frequencies by; null without. */
export type RopeDivisors = Readonly<Record<'all' | 'long' | 'short', readonly number[] | null>>

/** The factor by which scores grow, where it is stated. */
const attentionFactor = (keys: Keys): object => {
  const stated = keys.number('rope.scaling.attn_factor')
  return stated === undefined ? {} : { attention_factor: stated }
}

function ropeScaling(keys: Keys, maxPositions: number, { all, long, short }: RopeDivisors): object | null {
  const type = keys.value('rope.scaling.type') ?? 'none'
  const factor = keys.number('rope.scaling.factor') ?? keys.number('rope.scale_linear')
  const stated = keys.number('rope.scaling.original_context_length')
  const original = stated === undefined ? {} : { original_max_position_embeddings: stated }
  if (long && short) return { rope_type: 'longrope', long_factor: long, short_factor: short, ...original, ...attentionFactor(keys) }
  // The converter resolves llama3's scaling into one divisor a pair of dimensions: a longrope that is as long as short.
  if (all) {
    if (type !== 'none') throw unsupported(`rope_freqs together with rope scaling ${String(type)} is not supported`)
    return { rope_type: 'longrope', short_factor: all, long_factor: all, original_max_position_embeddings: maxPositions, attention_factor: 1 }
  }
  if (type === 'none' && (factor === undefined || factor === 1)) return null
  if (type === 'none' || type === 'linear') return { rope_type: 'linear', factor }
  if (type !== 'yarn') throw unsupported(`rope scaling ${String(type)} of a GGUF file is not supported; none, linear and yarn are`)
  // llama.cpp multiplies by it what the reference takes instead of its own.
  if ((keys.number('rope.scaling.attn_factor') ?? 1) !== 1) throw unsupported('yarn with an attn_factor of its own is not supported')
  return { rope_type: 'yarn', factor, ...original }
}

/** Gemma 3: a period, or by layer whether it slides. */
function slidingPattern(keys: Keys): object {
  const pattern = keys.value('attention.sliding_window_pattern')
  if (Array.isArray(pattern)) return { layer_types: pattern.map((slides) => (slides ? 'sliding_attention' : 'full_attention')) }
  return pattern === undefined ? {} : { sliding_window_pattern: pattern }
}

function gemmaKeys(keys: Keys, architecture: string, hiddenSize: number, headDim: number): object {
  const isWide = keys.number('block_count') === WIDE_GEMMA_LAYERS[architecture]
  return {
    ...slidingPattern(keys),
    sliding_window: keys.number('attention.sliding_window') ?? null,
    rope_local_base_freq: keys.number('rope.freq_base_swa'),
    query_pre_attn_scalar: isWide ? hiddenSize / keys.needed('attention.head_count') : headDim,
    attn_logit_softcapping: keys.number('attn_logit_softcapping'),
    final_logit_softcapping: keys.number('final_logit_softcapping'),
  }
}

/** Ids that end an answer: those that metadata names, and control tokens known to. */
export function ggufEndIds(metadata: GgufMetadata): readonly number[] {
  const named = ['eos', 'eot', 'eom'].map((name) => metadata.get(`tokenizer.ggml.${name}_token_id`))
  const [tokens, types] = [metadata.get('tokenizer.ggml.tokens'), metadata.get('tokenizer.ggml.token_type')]
  const known =
    Array.isArray(tokens) && Array.isArray(types)
      ? tokens.flatMap((token, id) => (END_TOKENS.has(token) && types[id] === CONTROL_TOKEN ? [id] : []))
      : []
  return [...new Set([...named.filter((id) => typeof id === 'number'), ...known])]
}

/** A list of one number a layer, or none. */
function numbersOf(keys: Keys, key: string): readonly number[] | null {
  const value = keys.value(key)
  return Array.isArray(value) && value.every((one) => typeof one === 'number') ? value : null
}

type Facts = {
  readonly keys: Keys
  readonly header: GgufHeader
  readonly family: NamedGgufFamily
  readonly hiddenSize: number
  readonly headDim: number
}

/** Layers that have a tensor. */
const layersOf = ({ tensors }: GgufHeader): readonly number[] => [
  ...new Set([...tensors.keys()].flatMap((name) => /^blk\.(\d+)\./.exec(name)?.[1] ?? []).map(Number)),
]

/** What a family's config.json has beyond what all have. What the file does not state is what llama.cpp takes. */
function familyKeys({ keys, header, family, hiddenSize, headDim }: Facts): object {
  const has = (name: string): boolean => header.tensors.has(name)
  const experts = { num_experts_per_tok: keys.number('expert_used_count'), moe_intermediate_size: keys.number('expert_feed_forward_length') }
  switch (family.modelType) {
    case 'gemma2':
    case 'gemma3_text':
      return gemmaKeys(keys, family.architecture, hiddenSize, headDim)
    case 'mixtral':
      return { ...experts, num_local_experts: keys.needed('expert_count') }
    case 'qwen3_moe': {
      const dense = layersOf(header).filter((layer) => !has(`blk.${layer}.ffn_gate_inp.weight`))
      return { ...experts, num_experts: keys.needed('expert_count'), norm_topk_prob: true, mlp_only_layers: dense }
    }
    case 'phi3':
      return { sliding_window: keys.number('attention.sliding_window') || null }
    case 'smollm3':
      return { no_rope_layer_interval: 4 }
    case 'granite':
      return {
        attention_multiplier: keys.needed('attention.scale'),
        embedding_multiplier: keys.needed('embedding_scale'),
        residual_multiplier: keys.needed('residual_scale'),
        logits_scaling: keys.needed('logit_scale'),
      }
    case 'stablelm':
      return {
        use_qkv_bias: has('blk.0.attn_q.bias'),
        qk_layernorm: has('blk.0.attn_q_norm.weight'),
        use_parallel_residual: !has('blk.0.ffn_norm.weight'),
      }
    case 'starcoder2':
      return { use_bias: has('blk.0.attn_q.bias') }
    case 'gpt_oss':
      return { ...experts, num_local_experts: keys.needed('expert_count'), sliding_window: keys.needed('attention.sliding_window') }
    case 'lfm2': {
      const kinds = numbersOf(keys, 'attention.head_count_kv')?.map((heads) => (heads === 0 ? 'conv' : 'full_attention'))
      return { layer_types: kinds, conv_L_cache: keys.needed('shortconv.l_cache'), block_auto_adjust_ff_dim: false }
    }
    default:
      return {}
  }
}

/** gpt-oss is the one whose ramp ends between dimensions; files do not say so. */
const withRamp = (scaling: object | null, { modelType }: NamedGgufFamily): object | null =>
  scaling && modelType === 'gpt_oss' ? { ...scaling, truncate: false } : scaling

/**
 * @param divisors of the rope frequencies
 * @returns JSON of a config.json
 * @throws {ClusterError} bad_checkpoint, unsupported_model
 */
export function ggufConfigJson(header: GgufHeader, divisors: RopeDivisors): string {
  const family = ggufFamilyOf(header)
  const keys = keysOf(header, family.architecture)
  const [hiddenSize, heads, maxPositions] = [keys.needed('embedding_length'), keys.needed('attention.head_count'), keys.needed('context_length')]
  const headDim = keys.number('attention.key_length') ?? hiddenSize / heads
  if ((keys.number('attention.value_length') ?? headDim) !== headDim)
    throw unsupported('heads whose keys and values differ in size are not supported')
  const has = (name: string): boolean => header.tensors.has(name)
  const kvHeads = family.modelType === 'lfm2' ? numbersOf(keys, 'attention.head_count_kv') : null
  return JSON.stringify({
    model_type: family.modelType,
    hidden_size: hiddenSize,
    intermediate_size: keys.needed('feed_forward_length'),
    num_hidden_layers: keys.needed('block_count'),
    num_attention_heads: heads,
    num_key_value_heads: kvHeads ? Math.max(...kvHeads) : (keys.number('attention.head_count_kv') ?? heads),
    head_dim: headDim,
    vocab_size: header.tensors.get('token_embd.weight')?.shape[0] ?? keys.needed('vocab_size'),
    rms_norm_eps: keys.number('attention.layer_norm_epsilon') ?? keys.needed('attention.layer_norm_rms_epsilon'),
    rope_theta: keys.number('rope.freq_base'),
    partial_rotary_factor: (keys.number('rope.dimension_count') ?? headDim) / headDim,
    rope_scaling: withRamp(ropeScaling(keys, maxPositions, divisors), family),
    max_position_embeddings: maxPositions,
    tie_word_embeddings: !has('output.weight'),
    attention_bias: family.modelType !== 'qwen2' && has('blk.0.attn_q.bias'),
    mlp_bias: has('blk.0.ffn_down.bias'),
    eos_token_id: ggufEndIds(header.metadata),
    ...familyKeys({ keys, header, family, hiddenSize, headDim }),
  })
}
