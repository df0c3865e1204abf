/** Random checkpoints of real shapes, so that speed can be measured with nothing downloaded. Llama layout, bf16, seeded. */
import { copyFile, mkdir, open, rename, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'

export type Shape = {
  readonly hiddenSize: number
  readonly intermediateSize: number
  readonly numLayers: number
  readonly numHeads: number
  readonly numKvHeads: number
  readonly vocabSize: number
  readonly maxPositions: number
  readonly ropeTheta: number
}

/** SmolLM2-135M as on the hub, tied embeddings. */
export const SMOLLM2_135M: Shape = {
  hiddenSize: 576,
  intermediateSize: 1536,
  numLayers: 30,
  numHeads: 9,
  numKvHeads: 3,
  vocabSize: 49152,
  maxPositions: 8192,
  ropeTheta: 100_000,
}

/**
 * A model whose checkpoint takes about `mebibytes`: the widths of SmolLM2-360M, or smaller ones where that leaves no layers, and as
 * many layers as fit.
 */
export function shapeOfSize(mebibytes: number): Shape {
  const wide = { hiddenSize: 960, intermediateSize: 2560, numHeads: 15, numKvHeads: 5, vocabSize: 49152 }
  const narrow = { hiddenSize: 320, intermediateSize: 864, numHeads: 5, numKvHeads: 1, vocabSize: 16384 }
  const shape = { ...(mebibytes < 200 ? narrow : wide), numLayers: 1, maxPositions: 8192, ropeTheta: 100_000 }
  const sizeOf = (numLayers: number): number => checkpointBytes({ ...shape, numLayers }) / 2 ** 20
  return { ...shape, numLayers: Math.max(1, 1 + Math.round((mebibytes - sizeOf(1)) / (sizeOf(2) - sizeOf(1)))) }
}

function* tensorsOf(shape: Shape): Generator<readonly [name: string, dims: readonly number[]]> {
  const { hiddenSize, intermediateSize, numHeads, numKvHeads } = shape
  const headDim = hiddenSize / numHeads
  yield ['model.embed_tokens.weight', [shape.vocabSize, hiddenSize]]
  for (let i = 0; i < shape.numLayers; i++) {
    const at = `model.layers.${i}`
    yield [`${at}.input_layernorm.weight`, [hiddenSize]]
    yield [`${at}.post_attention_layernorm.weight`, [hiddenSize]]
    yield [`${at}.self_attn.q_proj.weight`, [hiddenSize, hiddenSize]]
    yield [`${at}.self_attn.k_proj.weight`, [numKvHeads * headDim, hiddenSize]]
    yield [`${at}.self_attn.v_proj.weight`, [numKvHeads * headDim, hiddenSize]]
    yield [`${at}.self_attn.o_proj.weight`, [hiddenSize, hiddenSize]]
    yield [`${at}.mlp.gate_proj.weight`, [intermediateSize, hiddenSize]]
    yield [`${at}.mlp.up_proj.weight`, [intermediateSize, hiddenSize]]
    yield [`${at}.mlp.down_proj.weight`, [hiddenSize, intermediateSize]]
  }
  yield ['model.norm.weight', [hiddenSize]]
}

const product = (dims: readonly number[]): number => dims.reduce((a, b) => a * b, 1)

/** Of its tensors. */
const checkpointBytes = (shape: Shape): number => [...tensorsOf(shape)].reduce((sum, [, dims]) => sum + product(dims) * 2, 0)

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

/** Values of a tensor as bf16: norms are ones, matrices uniform with the variance of a trained layer. */
function fill(dims: readonly number[], next: () => number): Uint16Array<ArrayBuffer> {
  const values = new Uint16Array(product(dims))
  if (dims.length === 1) return values.fill(0x3f80)
  const scale = Math.sqrt(3 / (dims[1] ?? 1))
  const float = new Float32Array(1)
  const bits = new Uint32Array(float.buffer)
  for (let i = 0; i < values.length; i++) {
    float[0] = (next() * 2 - 1) * scale
    values[i] = (bits[0] ?? 0) >>> 16
  }
  return values
}

/** Writes config, tokenizer (copied) and weights into `folder`, once: a folder that is complete is left as it is. */
export async function writeRandomCheckpoint(folder: string, shape: Shape, tokenizerFolder: string): Promise<void> {
  const done = path.join(folder, 'model.safetensors')
  if (await stat(done).catch(() => null)) return
  await mkdir(folder, { recursive: true })
  const config = {
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    hidden_size: shape.hiddenSize,
    intermediate_size: shape.intermediateSize,
    num_hidden_layers: shape.numLayers,
    num_attention_heads: shape.numHeads,
    num_key_value_heads: shape.numKvHeads,
    vocab_size: shape.vocabSize,
    max_position_embeddings: shape.maxPositions,
    rope_theta: shape.ropeTheta,
    rms_norm_eps: 1e-5,
    hidden_act: 'silu',
    tie_word_embeddings: true,
    torch_dtype: 'bfloat16',
    bos_token_id: 1,
    eos_token_id: 2,
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
    for (const [, dims] of tensorsOf(shape)) await file.writeFile(Buffer.from(fill(dims, next).buffer))
  } finally {
    await file.close()
  }
  await rename(`${done}.part`, done)
}
