import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { unpairRows } from '../quant/paired-rows.ts'
import { readGguf } from './gguf.ts'
import { memorySource } from './memory-source.ts'
import { describeModel } from './describe-model.ts'

type Write = { readonly type: number; readonly bytes: readonly number[] }
const integer = (value: number, size: number): readonly number[] =>
  Array.from({ length: size }, (_, i) => Number((BigInt(value) >> BigInt(8 * i)) & 255n))
const string = (text: string): readonly number[] => {
  const bytes = new TextEncoder().encode(text)
  return [...integer(bytes.length, 8), ...bytes]
}
const uint32 = (value: number): Write => ({ type: 4, bytes: integer(value, 4) })
const float32 = (value: number): Write => ({ type: 6, bytes: [...new Uint8Array(Float32Array.of(value).buffer)] })
const text = (value: string): Write => ({ type: 8, bytes: string(value) })
const array = (type: number, items: readonly (readonly number[])[], count = items.length): Write => ({
  type: 9,
  bytes: [...integer(type, 4), ...integer(count, 8), ...items.flat()],
})

type Tensor = { readonly name: string; readonly dims: readonly number[]; readonly type: number; readonly offset: number }
type Parts = {
  readonly version?: number
  readonly metadata?: Record<string, Write>
  readonly tensors?: readonly Tensor[]
  readonly counts?: readonly [number, number]
}

/** Without the tensors' bytes. */
function gguf({ version = 3, metadata = {}, tensors = [], counts }: Parts): Uint8Array {
  const entries = Object.entries(metadata)
  const [tensorCount, keyCount] = counts ?? [tensors.length, entries.length]
  return Uint8Array.from([
    ...new TextEncoder().encode('GGUF'),
    ...integer(version, 4),
    ...integer(tensorCount, 8),
    ...integer(keyCount, 8),
    ...entries.flatMap(([key, { type, bytes }]) => [...string(key), ...integer(type, 4), ...bytes]),
    ...tensors.flatMap(({ name, dims, type, offset }) => [
      ...string(name),
      ...integer(dims.length, 4),
      ...dims.flatMap((n) => integer(n, 8)),
      ...integer(type, 4),
      ...integer(offset, 8),
    ]),
  ])
}
const sourceOf = (bytes: Uint8Array) => ({ ...memorySource('test', new Map([['m.gguf', bytes]])), gguf: 'm.gguf' })
const read = (parts: Parts) => readGguf(sourceOf(gguf(parts)), 'm.gguf')
const tensor = (difference: Partial<Tensor> = {}): Tensor => ({ name: 'output_norm.weight', dims: [64], type: 0, offset: 0, ...difference })

test('values of every type, shapes outermost first and starts after the alignment that the file states', async () => {
  const metadata = {
    u8: { type: 0, bytes: [200] },
    i8: { type: 1, bytes: [200] },
    u16: { type: 2, bytes: [0, 200] },
    i16: { type: 3, bytes: [0, 200] },
    u32: uint32(4_000_000_000),
    i32: { type: 5, bytes: integer(4_294_967_295, 4) },
    f32: float32(0.5),
    yes: { type: 7, bytes: [1] },
    text: text('Ġé\ufeff'),
    list: array(8, [string('a'), string('b')]),
    u64: { type: 10, bytes: integer(2 ** 40, 8) },
    i64: { type: 11, bytes: integer(-3, 8) },
    f64: { type: 12, bytes: [...new Uint8Array(Float64Array.of(0.1).buffer)] },
    'general.alignment': uint32(64),
  }
  const header = await read({ version: 2, metadata, tensors: [tensor({ name: 'x', dims: [2, 3], offset: 128 })] })
  expect(Object.fromEntries(header.metadata)).toEqual({
    ...{ u8: 200, i8: -56, u16: 51200, i16: -14336, u32: 4_000_000_000, i32: -1, f32: 0.5, yes: true, text: 'Ġé\ufeff', list: ['a', 'b'] },
    ...{ u64: 2 ** 40, i64: -3, f64: 0.1, 'general.alignment': 64 },
  })
  const found = header.tensors.get('x')
  expect(found?.shape).toEqual([3, 2])
  const headerBytes = gguf({ metadata, tensors: [tensor({ name: 'x', dims: [2, 3] })] }).length
  expect(found?.start).toBe(Math.ceil(headerBytes / 64) * 64 + 128)
})

test('a header of 3 MB before 8 MB of weights is read in fewer than 5 requests', async () => {
  const long = gguf({
    metadata: {
      tokens: array(
        8,
        Array.from({ length: 150_000 }, (_, i) => string(`token ${i}`)),
      ),
    },
    tensors: [tensor()],
  })
  const source = sourceOf(Uint8Array.from({ length: long.length + 8_000_000 }, (_, i) => long[i] ?? 0))
  const ends: number[] = []
  const header = await readGguf(
    {
      ...source,
      readRange: (file, start, end) => {
        ends.push(end)
        return source.readRange(file, start, end)
      },
    },
    'm.gguf',
  )
  expect(header.tensors.get('output_norm.weight')?.shape).toEqual([64])
  expect(ends.length).toBeLessThan(5)
})

const MALFORMED: Record<string, Uint8Array> = {
  'another magic': Uint8Array.from([...new TextEncoder().encode('GGML'), ...new Uint8Array(60)]),
  'version 1': gguf({ version: 1 }),
  'an empty file': new Uint8Array(0),
  'more keys than bytes': gguf({ counts: [0, 2 ** 50] }),
  'more tensors than bytes': gguf({ counts: [2 ** 50, 0] }),
  'a count beyond 2^53': Uint8Array.from([...gguf({}).subarray(0, 8), ...new Uint8Array(16).fill(255)]),
  'a string of an exabyte': gguf({ metadata: { a: { type: 8, bytes: integer(2 ** 52, 8) } } }),
  'an array of a billion': gguf({ metadata: { a: array(0, [], 1e9) } }),
  'an unknown value type': gguf({ metadata: { a: { type: 13, bytes: [0] } } }),
  'arrays nested without end': gguf({
    metadata: {
      a: array(
        9,
        Array.from({ length: 99 }, () => [...integer(9, 4), ...integer(1, 8)]),
        1,
      ),
    },
  }),
  'an alignment of 0': gguf({ metadata: { 'general.alignment': uint32(0) } }),
  'a tensor off the alignment': gguf({ tensors: [tensor({ offset: 4 })] }),
  'a tensor of five dimensions': gguf({ tensors: [tensor({ dims: [1, 1, 1, 1, 1] })] }),
  'a tensor of 2^80 elements': gguf({ tensors: [tensor({ dims: [2 ** 40, 2 ** 40] })] }),
  'a tensor twice': gguf({ tensors: [tensor(), tensor()] }),
}
for (const [name, bytes] of Object.entries(MALFORMED)) {
  test(`${name} is bad_checkpoint`, () => expect(readGguf(sourceOf(bytes), 'm.gguf')).rejects.toMatchObject({ code: 'bad_checkpoint' }))
}

const LLAMA = new Uint8Array(readFileSync(new URL('../../tests/fixtures/gguf/llama/model.gguf', import.meta.url)))

test('a file cut anywhere in its header is bad_checkpoint', async () => {
  for (let length = 0; length < 11_898; length += 97) {
    await expect(readGguf(sourceOf(LLAMA.slice(0, length)), 'm.gguf')).rejects.toMatchObject({ code: 'bad_checkpoint' })
  }
})

test('a header with any one byte changed is read or refused with a code, never anything else', async () => {
  for (let at = 0; at < 900; at++) {
    const changed = LLAMA.slice(0, 40_000)
    changed[at] = (changed[at] ?? 0) ^ 0x81
    const outcome = await describeModel(sourceOf(changed)).then(
      () => 'read',
      (error: unknown) => (error instanceof Error && 'code' in error ? error.code : error),
    )
    expect(['read', 'bad_checkpoint', 'unsupported_model']).toContain(outcome)
  }
})

const METADATA: Record<string, Write> = {
  'general.architecture': text('llama'),
  'llama.context_length': uint32(256),
  'llama.embedding_length': uint32(64),
  'llama.block_count': uint32(2),
  'llama.feed_forward_length': uint32(160),
  'llama.attention.head_count': uint32(4),
  'llama.attention.layer_norm_rms_epsilon': float32(0.5),
  'llama.vocab_size': uint32(100),
}
const describe = (parts: Parts) => describeModel(sourceOf(gguf({ metadata: METADATA, tensors: [tensor()], ...parts })))

test('metadata becomes a configuration, tensors take the names of the hub', async () => {
  const { config, tensors, contextLength } = await describe({
    tensors: [tensor(), tensor({ name: 'blk.1.attn_q.weight', dims: [64, 64], type: 8, offset: 256 })],
  })
  expect(config).toMatchObject({ modelType: 'llama', hiddenSize: 64, numKvHeads: 4, headDim: 16, normEpsilon: 0.5, tieWordEmbeddings: true })
  expect(contextLength).toBe(256)
  const q = tensors.get('model.layers.1.self_attn.q_proj.weight')
  expect(q).toMatchObject({ type: 'q8_0', shape: [64, 64], pairedRows: 16 })
  expect((q?.end ?? 0) - (q?.start ?? 0)).toBe(64 * 68)
  expect([...tensors.keys()]).toContain('model.norm.weight')
})

test('experts under the name of llama are Mixtral, the items of a stack have the names that the hub gives each', async () => {
  const stack = tensor({ name: 'blk.1.ffn_gate_exps.weight', dims: [64, 32, 3], type: 8, offset: 256 })
  const metadata = { ...METADATA, 'llama.expert_count': uint32(3), 'llama.expert_used_count': uint32(2) }
  const { config, tensors } = await describe({ metadata, tensors: [tensor(), stack] })
  expect(config).toMatchObject({ modelType: 'mixtral', experts: { count: 3, chosen: 2 } })
  const items = [0, 1, 2].map((item) => tensors.get(`model.layers.1.block_sparse_moe.experts.${item}.w1.weight`))
  expect(items.map((item) => item?.shape)).toEqual([0, 1, 2].map(() => [32, 64]))
  expect(items.map((item) => (item?.start ?? 0) - (items[0]?.start ?? 0))).toEqual([0, 32 * 68, 2 * 32 * 68])
})

const REFUSED: Record<string, { readonly parts: Parts; readonly code: string; readonly message: RegExp }> = {
  'an architecture that is not read': {
    parts: { metadata: { ...METADATA, 'general.architecture': text('mamba') } },
    code: 'unsupported_model',
    message: /mamba.*llama/,
  },
  'an architecture whose conversion is not proven': {
    parts: { metadata: { ...METADATA, 'general.architecture': text('deepseek2') } },
    code: 'unsupported_model',
    message: /deepseek2.*gpt-oss/,
  },
  'experts in a family that has none': {
    parts: { metadata: { ...METADATA, 'general.architecture': text('qwen2'), 'qwen2.expert_count': uint32(8) } },
    code: 'unsupported_model',
    message: /experts.*qwen2/,
  },
  'a bias that would be left out': {
    parts: { tensors: [tensor({ name: 'blk.0.attn_norm.bias' })] },
    code: 'unsupported_model',
    message: /attn_norm\.bias/,
  },
  'a tensor that would be left out': {
    parts: { tensors: [tensor({ name: 'blk.0.attn_sinks.weight' })] },
    code: 'unsupported_model',
    message: /attn_sinks/,
  },
  'an element type that is not read': { parts: { tensors: [tensor({ type: 16 })] }, code: 'unsupported_model', message: /type 16/ },
  'a row that is not whole blocks': { parts: { tensors: [tensor({ type: 12 })] }, code: 'bad_checkpoint', message: /rows of 64/ },
  'a rope scaling that is not read': {
    parts: { metadata: { ...METADATA, 'llama.rope.scaling.type': text('longrope') } },
    code: 'unsupported_model',
    message: /longrope/,
  },
  'a size that is a text': { parts: { metadata: { ...METADATA, 'llama.block_count': text('2') } }, code: 'bad_checkpoint', message: /block_count/ },
}
for (const [name, { parts, code, message }] of Object.entries(REFUSED)) {
  test(`${name} is refused: ${code}`, () => expect(describe(parts)).rejects.toMatchObject({ code, message: expect.stringMatching(message) }))
}

test('rows of heads return from neighbours to halves', () => {
  expect(Array.from(unpairRows(Float32Array.of(0, 2, 1, 3, 10, 12, 11, 13), 4, 1))).toEqual([0, 1, 2, 3, 10, 11, 12, 13])
})
