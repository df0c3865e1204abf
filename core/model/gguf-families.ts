/**
 * What each architecture of GGUF calls its tensors, and how it stores them. Names: llama.cpp `gguf-py/gguf/tensor_mapping.py`; changes:
 * `convert_hf_to_gguf.py`. An architecture, tensor or bias that is not here is refused by name.
 */
import { ClusterError } from '../../protocol/errors.ts'
import type { GgufHeader } from './gguf.ts'

export type GgufFamily = {
  /** `model_type` of config.json. */
  readonly modelType: string
  /** Names outside of layers. */
  readonly ends: Readonly<Record<string, string>>
  /** Names within `blk.N`, and within `model.layers.N` of the hub. A star stands for the items of a stack, which the hub has one by one. */
  readonly layer: Readonly<Record<string, string>>
  /** Those that may have a bias. */
  readonly biased: readonly string[]
  /** Rows of q and k lie so that dimensions that rotate together are neighbours. */
  readonly pairsRows?: boolean
  /** Norms are stored plus one. */
  readonly raisesNorms?: boolean
}

const ENDS = { token_embd: 'model.embed_tokens', output_norm: 'model.norm', output: 'lm_head' }
const ATTENTION = {
  attn_norm: 'input_layernorm',
  attn_q: 'self_attn.q_proj',
  attn_k: 'self_attn.k_proj',
  attn_v: 'self_attn.v_proj',
  attn_output: 'self_attn.o_proj',
}
const HEAD_NORMS = { attn_q_norm: 'self_attn.q_norm', attn_k_norm: 'self_attn.k_norm' }
const MLP = { ffn_gate: 'mlp.gate_proj', ffn_up: 'mlp.up_proj', ffn_down: 'mlp.down_proj' }
const PLAIN = { ...ATTENTION, ...MLP, ffn_norm: 'post_attention_layernorm' }
const POST_NORMS = { post_attention_norm: 'post_attention_layernorm', post_ffw_norm: 'post_feedforward_layernorm' }
const QKV = ['attn_q', 'attn_k', 'attn_v']
const PROJECTIONS = [...QKV, 'attn_output']

const llama: GgufFamily = { modelType: 'llama', ends: ENDS, layer: PLAIN, biased: [...PROJECTIONS, ...Object.keys(MLP)], pairsRows: true }
const gemma = (modelType: string, norms: object): GgufFamily => ({
  modelType,
  ends: ENDS,
  layer: { ...ATTENTION, ...MLP, ...POST_NORMS, ffn_norm: 'pre_feedforward_layernorm', ...norms },
  biased: PROJECTIONS,
  raisesNorms: true,
})
const moe = (at: string, [gate, up, down]: readonly [string, string, string]): Readonly<Record<string, string>> => ({
  ffn_gate_inp: `${at}.gate`,
  ffn_gate_exps: `${at}.experts.*.${gate}`,
  ffn_up_exps: `${at}.experts.*.${up}`,
  ffn_down_exps: `${at}.experts.*.${down}`,
})

const mixtral: GgufFamily = {
  modelType: 'mixtral',
  ends: ENDS,
  layer: { ...ATTENTION, ffn_norm: 'post_attention_layernorm', ...moe('block_sparse_moe', ['w1', 'w3', 'w2']) },
  biased: [],
  pairsRows: true,
}

const FAMILIES: Readonly<Record<string, GgufFamily>> = {
  llama,
  qwen2: { modelType: 'qwen2', ends: ENDS, layer: PLAIN, biased: QKV },
  qwen3: { modelType: 'qwen3', ends: ENDS, layer: { ...PLAIN, ...HEAD_NORMS }, biased: PROJECTIONS },
  qwen3moe: {
    modelType: 'qwen3_moe',
    ends: ENDS,
    layer: { ...PLAIN, ...HEAD_NORMS, ...moe('mlp', ['gate_proj', 'up_proj', 'down_proj']) },
    biased: PROJECTIONS,
  },
  gemma2: gemma('gemma2', {}),
  gemma3: gemma('gemma3_text', HEAD_NORMS),
  phi3: {
    modelType: 'phi3',
    ends: ENDS,
    layer: {
      attn_norm: 'input_layernorm',
      attn_qkv: 'self_attn.qkv_proj',
      attn_output: 'self_attn.o_proj',
      ffn_norm: 'post_attention_layernorm',
      ffn_up: 'mlp.gate_up_proj',
      ffn_down: 'mlp.down_proj',
    },
    biased: [],
  },
  smollm3: { ...llama, modelType: 'smollm3' },
  olmo2: { modelType: 'olmo2', ends: ENDS, layer: { ...ATTENTION, ...HEAD_NORMS, ...MLP, ...POST_NORMS }, biased: PROJECTIONS },
  granite: { ...llama, modelType: 'granite' },
  stablelm: {
    modelType: 'stablelm',
    ends: ENDS,
    layer: { ...PLAIN, attn_q_norm: 'self_attn.q_layernorm.norms.*', attn_k_norm: 'self_attn.k_layernorm.norms.*' },
    biased: [...QKV, 'attn_norm', 'ffn_norm', 'output_norm'],
  },
  starcoder2: {
    modelType: 'starcoder2',
    ends: ENDS,
    layer: { ...ATTENTION, ffn_norm: 'post_attention_layernorm', ffn_up: 'mlp.c_fc', ffn_down: 'mlp.c_proj' },
    biased: [...PROJECTIONS, 'ffn_up', 'ffn_down', 'attn_norm', 'ffn_norm', 'output_norm'],
  },
  'gpt-oss': {
    modelType: 'gpt_oss',
    ends: ENDS,
    layer: {
      ...ATTENTION,
      attn_sinks: 'self_attn.sinks',
      post_attention_norm: 'post_attention_layernorm',
      ffn_gate_inp: 'mlp.router',
      ffn_gate_exps: 'mlp.experts.gate_proj',
      ffn_up_exps: 'mlp.experts.up_proj',
      ffn_down_exps: 'mlp.experts.down_proj',
    },
    biased: [...PROJECTIONS, 'ffn_gate_inp', 'ffn_gate_exps', 'ffn_up_exps', 'ffn_down_exps'],
  },
  lfm2: {
    modelType: 'lfm2',
    ends: { ...ENDS, token_embd_norm: 'model.embedding_norm', output_norm: 'model.embedding_norm' },
    layer: {
      ...ATTENTION,
      attn_norm: 'operator_norm',
      attn_output: 'self_attn.out_proj',
      attn_q_norm: 'self_attn.q_layernorm',
      attn_k_norm: 'self_attn.k_layernorm',
      ffn_norm: 'ffn_norm',
      ffn_gate: 'feed_forward.w1',
      ffn_down: 'feed_forward.w2',
      ffn_up: 'feed_forward.w3',
      'shortconv.conv': 'conv.conv',
      'shortconv.in_proj': 'conv.in_proj',
      'shortconv.out_proj': 'conv.out_proj',
    },
    biased: [],
  },
}
const SUPPORTED = Object.keys(FAMILIES).join(', ')

export type NamedGgufFamily = GgufFamily & { readonly architecture: string }

/** @throws {ClusterError} bad_checkpoint; unsupported_model naming what is supported */
export function ggufFamilyOf({ metadata }: GgufHeader): NamedGgufFamily {
  const architecture = metadata.get('general.architecture')
  if (typeof architecture !== 'string')
    throw new ClusterError('bad_checkpoint', 'the metadata of the GGUF file is not usable: general.architecture is missing')
  const family = Object.hasOwn(FAMILIES, architecture) ? FAMILIES[architecture] : undefined
  if (!family) throw new ClusterError('unsupported_model', `GGUF architecture ${architecture} is not supported; supported are ${SUPPORTED}`)
  const experts = metadata.get(`${architecture}.expert_count`)
  const hasExperts = typeof experts === 'number' && experts > 0
  if (hasExperts && family === llama) return { ...mixtral, architecture }
  if (hasExperts && !('ffn_gate_exps' in family.layer))
    throw new ClusterError('unsupported_model', `experts in GGUF architecture ${architecture} are not supported`)
  return { ...family, architecture }
}

const lookUp = (names: Readonly<Record<string, string>>, name: string): string | null => (Object.hasOwn(names, name) ? (names[name] ?? null) : null)

/** The hub's name, a star for the items of a stack. Null for a name that the family is not known to have. */
export function hubName(family: GgufFamily, name: string): string | null {
  const [, prefix = '', index = '', part = '', kind = ''] = /^((?:blk\.(\d+)\.)?)([\w.]+)\.(weight|bias)$/.exec(name) ?? []
  const found = prefix === '' ? lookUp(family.ends, part) : lookUp(family.layer, part)
  if (found === null || (kind === 'bias' && !family.biased.includes(part))) return null
  const full = prefix === '' ? found : `model.layers.${index}.${found}`
  // Sinks are a parameter of their own.
  return full.endsWith('.sinks') ? full : `${full}.${kind}`
}
