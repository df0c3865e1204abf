/**
 * A model of one layer that is known in full: grouped queries, norms of heads, rotation, a gated MLP, and a head of its own. Its weights are
 * multiples of powers of two that integers of 4 bits in blocks hold exactly, so that a backend has hardly an excuse in any format.
 */
import { memorySource } from '../../core/model/memory-source.ts'
import type { ModelSource } from '../../core/model/model-source.ts'
import { bytesOf } from '../../core/quant/stored.ts'

export const KNOWN = { hidden: 128, heads: 4, kvHeads: 2, headDim: 32, intermediate: 256, vocab: 96, ropeTheta: 10_000, epsilon: 1e-6 } as const
/** More than 32: ONNX Runtime takes other kernels for long prompts. */
const PROMPT_TOKENS = 40
export const KNOWN_PROMPT: readonly number[] = Array.from({ length: PROMPT_TOKENS }, (_, i) => (i * 29 + 7) % KNOWN.vocab)

const BLOCK = 32
/** One step of the weights of matrices. */
const STEP = 2 ** -6

function numbers(seed: number): (limit: number) => number {
  let state = seed >>> 0
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * limit)
  }
}

/** The first element of each block is the extreme that a scale is made of. */
function matrixOf(seed: number, rows: number, columns: number): Float32Array<ArrayBuffer> {
  const next = numbers(seed)
  return Float32Array.from({ length: rows * columns }, (_, i) => STEP * (i % BLOCK === 0 ? -8 : next(15) - 7))
}

const normOf = (seed: number, width: number): Float32Array<ArrayBuffer> => {
  const next = numbers(seed)
  return Float32Array.from({ length: width }, () => 0.75 + next(9) / 16)
}

export type KnownTensor = { readonly shape: readonly number[]; readonly values: Float32Array<ArrayBuffer> }

/** By the name that Qwen 3's checkpoints give them. */
export function knownTensors(): ReadonlyMap<string, KnownTensor> {
  const { hidden, heads, kvHeads, headDim, intermediate, vocab } = KNOWN
  const tensors = new Map<string, KnownTensor>()
  const matrix = (name: string, rows: number, columns: number): void =>
    void tensors.set(name, { shape: [rows, columns], values: matrixOf(tensors.size + 1, rows, columns) })
  const norm = (name: string, width: number): void => void tensors.set(name, { shape: [width], values: normOf(tensors.size + 1, width) })
  const layer = 'model.layers.0'
  matrix('model.embed_tokens.weight', vocab, hidden)
  norm(`${layer}.input_layernorm.weight`, hidden)
  matrix(`${layer}.self_attn.q_proj.weight`, heads * headDim, hidden)
  matrix(`${layer}.self_attn.k_proj.weight`, kvHeads * headDim, hidden)
  matrix(`${layer}.self_attn.v_proj.weight`, kvHeads * headDim, hidden)
  norm(`${layer}.self_attn.q_norm.weight`, headDim)
  norm(`${layer}.self_attn.k_norm.weight`, headDim)
  matrix(`${layer}.self_attn.o_proj.weight`, hidden, heads * headDim)
  norm(`${layer}.post_attention_layernorm.weight`, hidden)
  matrix(`${layer}.mlp.gate_proj.weight`, intermediate, hidden)
  matrix(`${layer}.mlp.up_proj.weight`, intermediate, hidden)
  matrix(`${layer}.mlp.down_proj.weight`, hidden, intermediate)
  norm('model.norm.weight', hidden)
  matrix('lm_head.weight', vocab, hidden)
  return tensors
}

const CONFIG = {
  model_type: 'qwen3',
  hidden_size: KNOWN.hidden,
  num_hidden_layers: 1,
  num_attention_heads: KNOWN.heads,
  num_key_value_heads: KNOWN.kvHeads,
  head_dim: KNOWN.headDim,
  intermediate_size: KNOWN.intermediate,
  vocab_size: KNOWN.vocab,
  rms_norm_eps: KNOWN.epsilon,
  rope_theta: KNOWN.ropeTheta,
  max_position_embeddings: 64,
  hidden_act: 'silu',
  tie_word_embeddings: false,
  torch_dtype: 'float32',
  bos_token_id: 1,
  eos_token_id: 2,
}

function safetensors(tensors: ReadonlyMap<string, KnownTensor>): Uint8Array {
  let offset = 0
  const header: Record<string, unknown> = {}
  for (const [name, { shape, values }] of tensors) {
    header[name] = { dtype: 'F32', shape, data_offsets: [offset, offset + values.byteLength] }
    offset += values.byteLength
  }
  const json = new TextEncoder().encode(JSON.stringify(header))
  const file = new Uint8Array(8 + json.length + offset)
  new DataView(file.buffer).setUint32(0, json.length, true)
  file.set(json, 8)
  let at = 8 + json.length
  for (const { values } of tensors.values()) {
    file.set(bytesOf(values), at)
    at += values.byteLength
  }
  return file
}

export const knownSource = (): ModelSource =>
  memorySource(
    'the known model',
    new Map([
      ['config.json', new TextEncoder().encode(JSON.stringify(CONFIG))],
      ['model.safetensors', safetensors(knownTensors())],
    ]),
  )
