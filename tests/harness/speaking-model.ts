/**
 * A real model, for real rings, that says one thing: its layers add nothing, so what a token is decides what comes next. Each piece of
 * the text is a token of its own, and has a dimension of the hidden state: its embedding is that, and the next piece's row of the output
 * matrix looks at it. Every other token stands at dimension 0, which the first piece follows.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { z } from 'zod'

const EMBER = path.join(import.meta.dirname, '../../models/ember')
const HIDDEN = 64
const SIZES = { hidden_size: HIDDEN, intermediate_size: 64, num_hidden_layers: 2, num_attention_heads: 4, num_key_value_heads: 2, head_dim: 16 }
/** Embeddings have this length before the norm, and logits are about 8 times as much. */
const LOUD = 4
/** Ember's id of `<|im_end|>`. */
const END = 2

export type Speech = {
  /** In Jinja; it decides which formats of reasoning and tools the model has. */
  readonly template: string
  /** Each is one token. */
  readonly pieces: readonly string[]
  /** Begins anew instead of ending. Default false. */
  readonly isEndless?: boolean
  /** Default 1024. */
  readonly contextLength?: number
}

type Matrix = { readonly name: string; readonly shape: readonly number[]; readonly values: Float32Array }

const zeros = (name: string, ...shape: readonly number[]): Matrix => ({ name, shape, values: new Float32Array(shape.reduce((a, b) => a * b, 1)) })
const ones = (name: string): Matrix => ({ name, shape: [HIDDEN], values: new Float32Array(HIDDEN).fill(1) })

function layer(index: number): readonly Matrix[] {
  const at = (name: string): string => `model.layers.${index}.${name}.weight`
  const square = (name: string): Matrix => zeros(at(name), HIDDEN, HIDDEN)
  const narrow = (name: string): Matrix => zeros(at(name), HIDDEN / 2, HIDDEN)
  return [
    ...['input_layernorm', 'post_attention_layernorm'].map((name) => ones(at(name))),
    ...['self_attn.q_proj', 'self_attn.o_proj', 'mlp.gate_proj', 'mlp.up_proj', 'mlp.down_proj'].map(square),
    ...['self_attn.k_proj', 'self_attn.v_proj'].map(narrow),
  ]
}

/** @param first id of the first piece */
function ends(vocabSize: number, first: number, { pieces, isEndless = false }: Speech): readonly Matrix[] {
  const embedding = zeros('model.embed_tokens.weight', vocabSize, HIDDEN)
  const output = zeros('lm_head.weight', vocabSize, HIDDEN)
  for (let id = 0; id < vocabSize; id++) embedding.values[id * HIDDEN + (id < first ? 0 : id - first + 1)] = LOUD
  pieces.forEach((_, at) => (output.values[(first + at) * HIDDEN + at] = LOUD))
  output.values[(isEndless ? first : END) * HIDDEN + pieces.length] = LOUD
  return [embedding, output, ones('model.norm.weight')]
}

function safetensors(matrices: readonly Matrix[]): Buffer {
  let end = 0
  const entries = matrices.map(({ name, shape, values }) => {
    const begin = end
    end += values.byteLength
    return [name, { dtype: 'F32', shape, data_offsets: [begin, end] }] as const
  })
  const header = Buffer.from(JSON.stringify(Object.fromEntries(entries)))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(header.length))
  return Buffer.concat([length, header, ...matrices.map(({ values }) => Buffer.from(values.buffer))])
}

const tokenizerSchema = z.looseObject({ added_tokens: z.array(z.looseObject({})), model: z.looseObject({ vocab: z.record(z.string(), z.number()) }) })
const looseSchema = z.looseObject({})
const readJson = <T>(schema: z.ZodType<T>, file: string): T => schema.parse(JSON.parse(readFileSync(path.join(EMBER, file), 'utf8')))

export function writeSpeakingModel(folder: string, speech: Speech): void {
  const { pieces, template, contextLength = 1024 } = speech
  if (pieces.length >= HIDDEN) throw new Error(`a text has at most ${HIDDEN - 1} pieces`)
  mkdirSync(folder, { recursive: true })
  const write = (file: string, value: object): void => writeFileSync(path.join(folder, file), JSON.stringify(value))
  const tokenizer = readJson(tokenizerSchema, 'tokenizer.json')
  const first = Object.keys(tokenizer.model.vocab).length
  const plain = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: false }
  const added = pieces.map((content, at) => ({ id: first + at, content, ...plain }))
  write('tokenizer.json', { ...tokenizer, added_tokens: [...tokenizer.added_tokens, ...added] })
  write('tokenizer_config.json', { ...readJson(looseSchema, 'tokenizer_config.json'), chat_template: template })
  write('generation_config.json', readJson(looseSchema, 'generation_config.json'))
  const shape = {
    ...SIZES,
    vocab_size: first + pieces.length,
    max_position_embeddings: contextLength,
    tie_word_embeddings: false,
    torch_dtype: 'float32',
  }
  write('config.json', { ...readJson(looseSchema, 'config.json'), ...shape })
  const layers = Array.from({ length: SIZES.num_hidden_layers }, (_, index) => layer(index)).flat()
  writeFileSync(path.join(folder, 'model.safetensors'), safetensors([...layers, ...ends(shape.vocab_size, first, speech)]))
}
