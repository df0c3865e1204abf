/** Random checkpoints of real shapes, so that speed can be measured with nothing downloaded. Layout of Llama or Gemma 3, bf16, seeded. */
import { copyFile, mkdir, open, rename, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'

export type Shape = {
  readonly modelType: 'llama' | 'gemma3_text'
  readonly hiddenSize: number
  readonly intermediateSize: number
  readonly numLayers: number
  readonly numHeads: number
  readonly numKvHeads: number
  readonly headDim: number
  readonly vocabSize: number
  readonly maxPositions: number
  readonly ropeTheta: number
  /** Further keys of config.json. */
  readonly config: Readonly<Record<string, unknown>>
}

/** SmolLM2-135M as on the hub, tied embeddings. */
export const SMOLLM2_135M: Shape = {
  modelType: 'llama',
  hiddenSize: 576,
  intermediateSize: 1536,
  numLayers: 30,
  numHeads: 9,
  numKvHeads: 3,
  headDim: 64,
  vocabSize: 49152,
  maxPositions: 8192,
  ropeTheta: 100_000,
  config: { architectures: ['LlamaForCausalLM'], hidden_act: 'silu', rms_norm_eps: 1e-5 },
}

/** Rows as wide as those of Llama 3.2 1B, of which a token's activations fill more than a page, and few of them. */
export const LLAMA_1B_WIDTHS: Shape = {
  ...SMOLLM2_135M,
  hiddenSize: 2048,
  intermediateSize: 8192,
  numLayers: 2,
  numHeads: 32,
  numKvHeads: 8,
  vocabSize: 16_384,
}

/** Gemma 3 270M as on the hub: most of it is the table of its vocabulary. */
export const GEMMA3_270M: Shape = {
  modelType: 'gemma3_text',
  hiddenSize: 640,
  intermediateSize: 2048,
  numLayers: 18,
  numHeads: 4,
  numKvHeads: 1,
  headDim: 256,
  vocabSize: 262_144,
  maxPositions: 32_768,
  ropeTheta: 1_000_000,
  config: {
    architectures: ['Gemma3ForCausalLM'],
    hidden_activation: 'gelu_pytorch_tanh',
    rms_norm_eps: 1e-6,
    query_pre_attn_scalar: 256,
    rope_local_base_freq: 10_000,
    sliding_window: 512,
    sliding_window_pattern: 6,
  },
}

/**
 * A model whose checkpoint takes about `mebibytes`: the widths of SmolLM2-360M, or smaller ones where that leaves no layers, and as
 * many layers as fit.
 */
export function shapeOfSize(mebibytes: number): Shape {
  const wide = { hiddenSize: 960, intermediateSize: 2560, numHeads: 15, numKvHeads: 5, vocabSize: 49152 }
  const narrow = { hiddenSize: 320, intermediateSize: 864, numHeads: 5, numKvHeads: 1, vocabSize: 16384 }
  const { modelType, headDim, config } = SMOLLM2_135M
  const shape = { ...(mebibytes < 200 ? narrow : wide), modelType, headDim, config, numLayers: 1, maxPositions: 8192, ropeTheta: 100_000 }
  const sizeOf = (numLayers: number): number => checkpointBytes({ ...shape, numLayers }) / 2 ** 20
  return { ...shape, numLayers: Math.max(1, 1 + Math.round((mebibytes - sizeOf(1)) / (sizeOf(2) - sizeOf(1)))) }
}

function* tensorsOf(shape: Shape): Generator<readonly [name: string, dims: readonly number[]]> {
  const { hiddenSize, intermediateSize, numHeads, numKvHeads, headDim } = shape
  const isGemma = shape.modelType === 'gemma3_text'
  yield ['model.embed_tokens.weight', [shape.vocabSize, hiddenSize]]
  for (let i = 0; i < shape.numLayers; i++) {
    const at = `model.layers.${i}`
    yield [`${at}.input_layernorm.weight`, [hiddenSize]]
    yield [`${at}.post_attention_layernorm.weight`, [hiddenSize]]
    if (isGemma) {
      for (const norm of ['pre_feedforward_layernorm', 'post_feedforward_layernorm']) yield [`${at}.${norm}.weight`, [hiddenSize]]
      for (const norm of ['q_norm', 'k_norm']) yield [`${at}.self_attn.${norm}.weight`, [headDim]]
    }
    yield [`${at}.self_attn.q_proj.weight`, [numHeads * headDim, hiddenSize]]
    yield [`${at}.self_attn.k_proj.weight`, [numKvHeads * headDim, hiddenSize]]
    yield [`${at}.self_attn.v_proj.weight`, [numKvHeads * headDim, hiddenSize]]
    yield [`${at}.self_attn.o_proj.weight`, [hiddenSize, numHeads * headDim]]
    yield [`${at}.mlp.gate_proj.weight`, [intermediateSize, hiddenSize]]
    yield [`${at}.mlp.up_proj.weight`, [intermediateSize, hiddenSize]]
    yield [`${at}.mlp.down_proj.weight`, [hiddenSize, intermediateSize]]
  }
  yield ['model.norm.weight', [hiddenSize]]
}

const product = (dims: readonly number[]): number => dims.reduce((a, b) => a * b, 1)

/** Of its tensors. */
const checkpointBytes = (shape: Shape): number => [...tensorsOf(shape)].reduce((sum, [, dims]) => sum + product(dims) * 2, 0)
const BF16_ONE = 0x3f80

/** mulberry32: small, seeded, good enough for weights nobody reads. */
export function uniform(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Values of a tensor as bf16: norms are ones (Gemma stores them minus one), matrices uniform with the variance of a trained layer. */
function fill(dims: readonly number[], next: () => number, norm: number): Uint16Array<ArrayBuffer> {
  const values = new Uint16Array(product(dims))
  if (dims.length === 1) return values.fill(norm)
  const scale = Math.sqrt(3 / (dims[1] ?? 1))
  const float = new Float32Array(1)
  const bits = new Uint32Array(float.buffer)
  for (let i = 0; i < values.length; i++) {
    float[0] = (next() * 2 - 1) * scale
    values[i] = (bits[0] ?? 0) >>> 16
  }
  return values
}

const SPECIAL_IDS = { bos_token_id: 1, eos_token_id: 2 }

/** Writes config, tokenizer (copied) and weights into `folder`; weights that are there are left as they are. */
export async function writeRandomCheckpoint(folder: string, shape: Shape, tokenizerFolder: string): Promise<void> {
  const done = path.join(folder, 'model.safetensors')
  await mkdir(folder, { recursive: true })
  await writeFile(path.join(folder, 'generation_config.json'), JSON.stringify(SPECIAL_IDS, null, 1))
  if (await stat(done).catch(() => null)) return
  const config = {
    model_type: shape.modelType,
    ...shape.config,
    hidden_size: shape.hiddenSize,
    intermediate_size: shape.intermediateSize,
    num_hidden_layers: shape.numLayers,
    num_attention_heads: shape.numHeads,
    num_key_value_heads: shape.numKvHeads,
    head_dim: shape.headDim,
    vocab_size: shape.vocabSize,
    max_position_embeddings: shape.maxPositions,
    rope_theta: shape.ropeTheta,
    tie_word_embeddings: true,
    torch_dtype: 'bfloat16',
    ...SPECIAL_IDS,
  }
  await writeFile(path.join(folder, 'config.json'), JSON.stringify(config, null, 1))
  for (const file of ['tokenizer.json', 'tokenizer_config.json']) await copyFile(path.join(tokenizerFolder, file), path.join(folder, file))
  let offset = 0
  const header: Record<string, unknown> = {}
  for (const [name, dims] of tensorsOf(shape)) {
    const end = offset + product(dims) * 2
    header[name] = { dtype: 'BF16', shape: dims, data_offsets: [offset, end] }
    offset = end
  }
  const json = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(json.length))
  const file = await open(`${done}.part`, 'w')
  try {
    await file.writeFile(Buffer.concat([length, json]))
    const next = uniform(1)
    for (const [, dims] of tensorsOf(shape)) await file.writeFile(Buffer.from(fill(dims, next, shape.modelType === 'llama' ? BF16_ONE : 0).buffer))
  } finally {
    await file.close()
  }
  await rename(`${done}.part`, done)
}
