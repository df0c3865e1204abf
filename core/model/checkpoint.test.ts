import { expect, test } from 'vitest'
import { parseConfig } from './config.ts'
import type { FetchLike } from './http-file.ts'
import { httpSource } from './http-source.ts'
import { memorySource } from './memory-source.ts'
import { describeModel } from './describe-model.ts'
import { planReads } from './read-tensors.ts'
import { readTensorIndex, type TensorLocation } from './safetensors.ts'

const CONFIG = {
  model_type: 'llama',
  hidden_size: 64,
  intermediate_size: 160,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  vocab_size: 100,
  rms_norm_eps: 1e-5,
  eos_token_id: 7,
}
const LLAMA3 = { factor: 8, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 8192 }
const text = (value: unknown): Uint8Array => new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value))

function safetensors(header: unknown, dataBytes: number): Uint8Array {
  const json = text(header)
  const file = new Uint8Array(8 + json.length + dataBytes)
  new DataView(file.buffer).setBigUint64(0, BigInt(json.length), true)
  file.set(json, 8)
  return file
}
const files = (entries: Record<string, Uint8Array>) => memorySource('test', new Map(Object.entries(entries)))
const ONE = { a: { dtype: 'BF16', shape: [2, 3], data_offsets: [0, 12] }, b: { dtype: 'F32', shape: [1], data_offsets: [12, 16] } }

test('old and new form of config.json give the same rotation', () => {
  const old = parseConfig(JSON.stringify({ ...CONFIG, rope_theta: 5e5, rope_scaling: { rope_type: 'llama3', ...LLAMA3 } }))
  const modern = parseConfig(JSON.stringify({ ...CONFIG, dtype: 'bfloat16', rope_parameters: { rope_type: 'llama3', rope_theta: 5e5, ...LLAMA3 } }))
  expect(modern.rope).toEqual(old.rope)
  expect(old.rope).toMatchObject({ type: 'llama3', theta: 5e5, originalContext: 8192 })
  expect(old.headDim).toBe(16)
})

test('a rope type that is not known is refused by name, never taken for the default', () => {
  expect(() => parseConfig(JSON.stringify({ ...CONFIG, rope_scaling: { rope_type: 'spiral', factor: 4 } }))).toThrow(/spiral.*supported/)
})

test('an unsupported model type is refused with the supported ones named, before its config is judged', async () => {
  await expect(describeModel(files({ 'config.json': text({ model_type: 'mamba9' }) }))).rejects.toMatchObject({
    code: 'unsupported_model',
    message: expect.stringMatching(/mamba9.*llama/),
  })
})

test('eos ids of generation_config.json override those of config.json', async () => {
  const base = { 'config.json': text(CONFIG), 'model.safetensors': safetensors(ONE, 16) }
  expect((await describeModel(files(base))).eosIds).toEqual([7])
  expect((await describeModel(files({ ...base, 'generation_config.json': text({ eos_token_id: [2, 0] }) }))).eosIds).toEqual([2, 0])
})

test('a sharded index and a single file give the same kind of locations', async () => {
  const single = await readTensorIndex(files({ 'model.safetensors': safetensors(ONE, 16) }))
  const start = 8 + text(ONE).length
  expect(single.get('a')).toEqual({ file: 'model.safetensors', type: 'bf16', shape: [2, 3], start, end: start + 12 })
  const sharded = await readTensorIndex(
    files({
      'model.safetensors.index.json': text({ weight_map: { a: 'x.safetensors', b: 'y.safetensors' } }),
      'x.safetensors': safetensors(ONE, 16),
      'y.safetensors': safetensors(ONE, 16),
    }),
  )
  expect(sharded.get('b')?.file).toBe('y.safetensors')
})

const MALFORMED: Record<string, Record<string, Uint8Array>> = {
  'a header that is not JSON': { 'model.safetensors': safetensors('{nope', 0) },
  'a header longer than the file': { 'model.safetensors': Uint8Array.of(255, 255, 0, 0, 0, 0, 0, 0, 1) },
  'an absurd header length': { 'model.safetensors': new Uint8Array(16).fill(255) },
  'bytes that are not those of the shape': { 'model.safetensors': safetensors({ a: { dtype: 'F32', shape: [2], data_offsets: [0, 4] } }, 4) },
  'negative offsets': { 'model.safetensors': safetensors({ a: { dtype: 'F32', shape: [1], data_offsets: [-4, 0] } }, 4) },
  'an index that climbs out of the folder': { 'model.safetensors.index.json': text({ weight_map: { a: '../secret' } }) },
  'an index that names a tensor its file lacks': {
    'model.safetensors.index.json': text({ weight_map: { z: 'x.safetensors' } }),
    'x.safetensors': safetensors(ONE, 16),
  },
}
for (const [name, entries] of Object.entries(MALFORMED)) {
  test(`${name} is bad_checkpoint`, () => expect(readTensorIndex(files(entries))).rejects.toMatchObject({ code: 'bad_checkpoint' }))
}

test('contiguous tensors join into one read, gaps and files divide, long runs are cut', () => {
  const at = (file: string, start: number, end: number): TensorLocation => ({ file, type: 'f32', shape: [(end - start) / 4], start, end })
  const tensors = new Map([
    ['c', at('m', 40, 80)],
    ['a', at('m', 0, 20)],
    ['b', at('m', 20, 40)],
    ['e', at('m', 100, 120)],
    ['f', at('n', 120, 140)],
  ])
  expect(planReads(tensors).map(({ names }) => names.join(''))).toEqual(['abc', 'e', 'f'])
  expect(planReads(tensors, 50).map(({ names }) => names.join(''))).toEqual(['ab', 'c', 'e', 'f'])
})

function server(body: Uint8Array, seen: Record<string, string>[] = []): FetchLike {
  return (url, { headers }) => {
    seen.push({ url, ...headers })
    const [, start = 0, end = 0] = /bytes=(\d+)-(\d+)/.exec(headers['range'] ?? '')?.map(Number) ?? []
    if (start >= body.length) return Promise.resolve(new Response(null, { status: 416 }))
    return Promise.resolve(new Response(body.slice(start, end + 1), { status: 206 }))
  }
}

/** No test waits: every delay is over at once, except the watch on a connection that stalls. */
const timing = {
  clock: {
    now: () => 0,
    timer: (delayMs: number, callback: () => void) => {
      if (delayMs < 30_000) queueMicrotask(callback)
      return () => undefined
    },
  },
  random: () => 0.5,
}

test('an HTTP source asks for the exact range, names the peer and reports bytes', async () => {
  const seen: Record<string, string>[] = []
  let counted = 0
  const source = httpSource('http://host/models/x', { fetch: server(Uint8Array.of(1, 2, 3, 4, 5), seen), peer: 'peer-1', ...timing })
  expect(Array.from(await source.readRange('w', 1, 4, { onBytes: (count) => (counted += count) }))).toEqual([2, 3, 4])
  expect(seen).toEqual([{ url: 'http://host/models/x/w', range: 'bytes=1-3', 'x-ringlet-peer': 'peer-1' }])
  expect(counted).toBe(3)
})

test('an HTTP source tells a short file, a wrong range and no server apart', async () => {
  const body = Uint8Array.of(1, 2, 3)
  const read = (fetch: FetchLike, end: number) => httpSource('http://host/', { fetch, ...timing }).readRange('w', 0, end)
  await expect(read(server(body), 9)).rejects.toMatchObject({ code: 'bad_checkpoint' })
  expect(Array.from(await read(() => Promise.resolve(new Response(body, { status: 200 })), 2))).toEqual([1, 2])
  await expect(read(() => Promise.resolve(new Response(new Uint8Array(50), { status: 206 })), 3)).rejects.toMatchObject({
    code: 'source_unavailable',
  })
  await expect(read(() => Promise.reject(new TypeError('refused')), 3)).rejects.toMatchObject({ code: 'source_unavailable' })
})
