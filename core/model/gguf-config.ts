/** The config.json that a GGUF file's metadata amounts to. Keys: llama.cpp `gguf-py/gguf/constants.py`. */
import { ClusterError } from '../../protocol/errors.ts'
import type { GgufHeader, GgufMetadata, GgufValue } from './gguf.ts'

/** GGUF's name of an architecture, and model_type of config.json. */
const MODEL_TYPES: Readonly<Record<string, string>> = { llama: 'llama', qwen2: 'qwen2', qwen3: 'qwen3', gemma2: 'gemma2', gemma3: 'gemma3_text' }
const SUPPORTED = Object.keys(MODEL_TYPES).join(', ')
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

/** @throws {ClusterError} bad_checkpoint; unsupported_model naming what is supported */
export function ggufModelType({ metadata }: GgufHeader): { readonly architecture: string; readonly modelType: string } {
  const architecture = metadata.get('general.architecture')
  if (typeof architecture !== 'string') throw bad('general.architecture is missing')
  const modelType = Object.hasOwn(MODEL_TYPES, architecture) ? MODEL_TYPES[architecture] : undefined
  if (modelType === undefined) throw unsupported(`GGUF architecture ${architecture} is not supported; supported are ${SUPPORTED}`)
  return { architecture, modelType }
}

function ropeScaling(keys: Keys, maxPositions: number, divisors: readonly number[] | null): object | null {
  const type = keys.value('rope.scaling.type') ?? 'none'
  const factor = keys.number('rope.scaling.factor') ?? keys.number('rope.scale_linear')
  // The converter resolves llama3's scaling into one divisor a pair of dimensions: a longrope that is as long as short.
  if (divisors) {
    if (type !== 'none') throw unsupported(`rope_freqs together with rope scaling ${String(type)} is not supported`)
    const original = { original_max_position_embeddings: maxPositions, attention_factor: 1 }
    return { rope_type: 'longrope', short_factor: divisors, long_factor: divisors, ...original }
  }
  if (type === 'none' && (factor === undefined || factor === 1)) return null
  if (type === 'none' || type === 'linear') return { rope_type: 'linear', factor }
  if (type !== 'yarn') throw unsupported(`rope scaling ${String(type)} of a GGUF file is not supported; none, linear and yarn are`)
  const original = keys.number('rope.scaling.original_context_length')
  return { rope_type: 'yarn', factor, ...(original === undefined ? {} : { original_max_position_embeddings: original }) }
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

/**
 * @param divisors of the rope frequencies (`rope_freqs.weight`), where the file has them
 * @returns JSON of a config.json
 * @throws {ClusterError} bad_checkpoint, unsupported_model
 */
export function ggufConfigJson(header: GgufHeader, divisors: readonly number[] | null): string {
  const { architecture, modelType } = ggufModelType(header)
  const keys = keysOf(header, architecture)
  if ((keys.number('expert_count') ?? 0) > 0) throw unsupported(`experts in GGUF architecture ${architecture} are not supported`)
  const [hiddenSize, heads, maxPositions] = [keys.needed('embedding_length'), keys.needed('attention.head_count'), keys.needed('context_length')]
  const headDim = keys.number('attention.key_length') ?? hiddenSize / heads
  if ((keys.number('attention.value_length') ?? headDim) !== headDim)
    throw unsupported('heads whose keys and values differ in size are not supported')
  const has = (name: string): boolean => header.tensors.has(name)
  return JSON.stringify({
    model_type: modelType,
    hidden_size: hiddenSize,
    intermediate_size: keys.needed('feed_forward_length'),
    num_hidden_layers: keys.needed('block_count'),
    num_attention_heads: heads,
    num_key_value_heads: keys.number('attention.head_count_kv') ?? heads,
    head_dim: headDim,
    vocab_size: header.tensors.get('token_embd.weight')?.shape[0] ?? keys.needed('vocab_size'),
    rms_norm_eps: keys.needed('attention.layer_norm_rms_epsilon'),
    rope_theta: keys.number('rope.freq_base'),
    partial_rotary_factor: (keys.number('rope.dimension_count') ?? headDim) / headDim,
    rope_scaling: ropeScaling(keys, maxPositions, divisors),
    max_position_embeddings: maxPositions,
    tie_word_embeddings: !has('output.weight'),
    attention_bias: modelType !== 'qwen2' && has('blk.0.attn_q.bias'),
    mlp_bias: has('blk.0.ffn_down.bias'),
    eos_token_id: ggufEndIds(header.metadata),
    ...(modelType.startsWith('gemma') ? gemmaKeys(keys, architecture, hiddenSize, headDim) : {}),
  })
}
