/** GGUF's tensors under the names that a Hugging Face checkpoint gives them. Source: llama.cpp `gguf-py/gguf/tensor_mapping.py`. */
import { ClusterError } from '../../protocol/errors.ts'
import { BLOCK_LAYOUTS, isBlockType } from '../quant/gguf-blocks.ts'
import { storedBytes, type StoredType } from '../quant/stored.ts'
import type { GgufHeader, GgufTensor } from './gguf.ts'
import { ggufModelType } from './gguf-config.ts'
import type { TensorIndex, TensorLocation } from './safetensors.ts'

const PLAIN_TYPES: Readonly<Record<number, StoredType>> = { 0: 'f32', 1: 'f16', 30: 'bf16' }
const TYPES: ReadonlyMap<number, StoredType> = new Map([
  ...Object.entries(PLAIN_TYPES).map(([number, type]) => [Number(number), type] as const),
  ...Object.keys(BLOCK_LAYOUTS)
    .filter(isBlockType)
    .map((type) => [BLOCK_LAYOUTS[type].ggmlType, type] as const),
])

/** The rope frequencies' divisors, read with the header. */
export const ROPE_DIVISORS = 'rope_freqs.weight'
const ENDS: Readonly<Record<string, string>> = { token_embd: 'model.embed_tokens', output_norm: 'model.norm', output: 'lm_head' }
const LAYER: Readonly<Record<string, string>> = {
  attn_norm: 'input_layernorm',
  ffn_norm: 'post_attention_layernorm',
  attn_q: 'self_attn.q_proj',
  attn_k: 'self_attn.k_proj',
  attn_v: 'self_attn.v_proj',
  attn_output: 'self_attn.o_proj',
  attn_q_norm: 'self_attn.q_norm',
  attn_k_norm: 'self_attn.k_norm',
  ffn_gate: 'mlp.gate_proj',
  ffn_up: 'mlp.up_proj',
  ffn_down: 'mlp.down_proj',
}
const GEMMA_LAYER: Readonly<Record<string, string>> = {
  ...LAYER,
  ffn_norm: 'pre_feedforward_layernorm',
  post_attention_norm: 'post_attention_layernorm',
  post_ffw_norm: 'post_feedforward_layernorm',
}

const lookUp = (names: Readonly<Record<string, string>>, name: string): string | null => (Object.hasOwn(names, name) ? (names[name] ?? null) : null)

/** Null for a name that the architecture is not known to have. */
function hubName(name: string, isGemma: boolean): string | null {
  const layer = /^blk\.(\d+)\.(\w+)\.(weight|bias)$/.exec(name)
  if (layer) {
    const [, index = '', part = '', kind = ''] = layer
    const found = lookUp(isGemma ? GEMMA_LAYER : LAYER, part)
    return found && `model.layers.${index}.${found}.${kind}`
  }
  const end = /^(\w+)\.weight$/.exec(name)
  const found = lookUp(ENDS, end?.[1] ?? '')
  return found && `${found}.weight`
}

function locate(file: string, name: string, { ggmlType, shape, start }: GgufTensor): TensorLocation {
  const type = TYPES.get(ggmlType)
  if (!type) throw new ClusterError('unsupported_model', `tensor ${name} of ${file} is of ggml type ${ggmlType}, which is not read`)
  const row = shape.at(-1) ?? 1
  if (isBlockType(type) && row % BLOCK_LAYOUTS[type].elements !== 0)
    throw new ClusterError('bad_checkpoint', `tensor ${name} of ${file} has rows of ${row}, not whole blocks of ${type}`)
  const elements = shape.reduce((product, n) => product * n, 1)
  return { file, type, shape, start, end: start + storedBytes(type, elements) }
}

/**
 * Every tensor but the rope divisors.
 * @param headDim of the model's configuration
 * @throws {ClusterError} bad_checkpoint; unsupported_model for a tensor that would be left out, or whose element type is not read
 */
export function ggufTensorIndex(file: string, header: GgufHeader, headDim: number): TensorIndex {
  const { architecture } = ggufModelType(header)
  const isGemma = architecture.startsWith('gemma')
  const index = new Map<string, TensorLocation>()
  for (const [name, tensor] of header.tensors) {
    if (name === ROPE_DIVISORS) continue
    const hub = hubName(name, isGemma)
    if (!hub) throw new ClusterError('unsupported_model', `tensor ${name} of ${file} is not one that architecture ${architecture} is known to have`)
    const isRotated = architecture === 'llama' && /attn_[qk]\./.test(name)
    const isOffsetNorm = isGemma && name.endsWith('norm.weight')
    index.set(hub, {
      ...locate(file, name, tensor),
      ...(isRotated ? { pairedRows: headDim } : {}),
      ...(isOffsetNorm ? { plus: 1 } : {}),
    })
  }
  return index
}

/** Null where the file has none. @throws {ClusterError} bad_checkpoint */
export function ropeDivisorsOf(file: string, header: GgufHeader): TensorLocation | null {
  const tensor = header.tensors.get(ROPE_DIVISORS)
  return tensor ? locate(file, ROPE_DIVISORS, tensor) : null
}
