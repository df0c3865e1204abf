import { expect, test } from 'vitest'
import { loadOrt } from '../../runtime/engines/ort.ts'
import { fromCheckpoint, openGraph, spanFeeds } from '../../runtime/engines/open-graph.ts'
import type { AttentionSpec, WeightRef } from '../arch/layer-builder.ts'
import { memorySource } from '../model/memory-source.ts'
import { readTensorIndex } from '../model/safetensors.ts'
import { bytesOf } from '../quant/stored.ts'
import { attention } from './attention.ts'
import type { GraphBackend } from './emit-options.ts'
import { graphBuilder, stateDims } from './graph-builder.ts'
import { elementCount } from './onnx.ts'

const [TOKENS, WIDTH, HEADS, KV_HEADS] = [7, 16, 4, 2]

/** Uneven numbers, the same every time. */
const numbers = (count: number, seed: number): Float32Array => Float32Array.from({ length: count }, (_, i) => Math.sin(i * 1.37 + seed) * 0.7)

type Tensors = ReadonlyMap<string, { readonly shape: readonly number[]; readonly values: Float32Array }>

function checkpoint(tensors: Tensors) {
  let offset = 0
  const header = Object.fromEntries(
    [...tensors].map(([name, { shape, values }]) => [name, { dtype: 'F32', shape, data_offsets: [offset, (offset += values.length * 4)] }]),
  )
  const json = new TextEncoder().encode(JSON.stringify(header))
  const file = new Uint8Array(8 + json.length + offset)
  new DataView(file.buffer).setBigUint64(0, BigInt(json.length), true)
  file.set(json, 8)
  let at = 8 + json.length
  for (const { values } of tensors.values()) {
    file.set(bytesOf(values), at)
    at += values.length * 4
  }
  return memorySource('test', new Map([['model.safetensors', file]]))
}

/** The definition, head by head in f64. */
function reference(x: Float32Array, weights: Tensors, spec: AttentionSpec): number[] {
  const { headDim, rope, window, softcap, headNorm } = spec
  const rows = (ref: WeightRef) => weights.get(ref.tensor)?.values ?? new Float32Array(0)
  const project = (ref: WeightRef, token: number, row: number): number =>
    Array.from({ length: WIDTH }, (_, i) => (x[token * WIDTH + i] ?? 0) * (rows(ref)[row * WIDTH + i] ?? 0)).reduce((a, b) => a + b, 0)
  function head(ref: WeightRef, normed: readonly WeightRef[] | undefined, token: number, index: number): number[] {
    const plain = Array.from({ length: headDim }, (_, d) => project(ref, token, index * headDim + d))
    const [weight] = normed ?? []
    if (!weight) return plain
    const mean = headNorm?.kind === 'layer' ? plain.reduce((a, b) => a + b, 0) / headDim : 0
    const size = Math.sqrt(plain.reduce((sum, value) => sum + (value - mean) ** 2, 0) / headDim + (headNorm?.epsilon ?? 0))
    return plain.map((value, d) => ((value - mean) / size) * ((rows(weight)[d] ?? 0) + (weight.offset ?? 0)))
  }
  function rotated(values: number[], position: number): number[] {
    if (!rope) return values
    const out = [...values]
    const pairs = rope.inverseFrequencies.length
    for (const [i, frequency] of rope.inverseFrequencies.entries()) {
      const [a, b] = rope.interleaved ? [2 * i, 2 * i + 1] : [i, i + pairs]
      const [cos, sin] = [Math.cos(position * frequency) * rope.magnitude, Math.sin(position * frequency) * rope.magnitude]
      const [first, second] = [values[a] ?? 0, values[b] ?? 0]
      out[a] = first * cos - second * sin
      out[b] = second * cos + first * sin
    }
    return out
  }
  return Array.from({ length: TOKENS }, (_, token) =>
    Array.from({ length: HEADS }, (_head, index) => {
      const kv = Math.floor(index / (HEADS / KV_HEADS))
      const q = rotated(head(spec.q.weight, headNorm?.q, token, index), token)
      const first = window === null ? 0 : Math.max(0, token - window + 1)
      const scores = Array.from({ length: token + 1 - first }, (_key, i) => {
        const k = rotated(head(spec.k.weight, headNorm?.k, first + i, kv), first + i)
        const score = spec.scale * q.reduce((sum, value, d) => sum + value * (k[d] ?? 0), 0)
        return Math.exp(softcap ? softcap * Math.tanh(score / softcap) : score)
      })
      const sink = spec.sinks ? Math.exp(rows(spec.sinks)[index] ?? 0) : 0
      const total = scores.reduce((a, b) => a + b, sink)
      return Array.from({ length: headDim }, (_d, d) =>
        scores.reduce((sum, weight, i) => sum + (weight / total) * project(spec.v.weight, first + i, kv * headDim + d), 0),
      )
    }).flat(),
  ).flat()
}

const frequencies = (pairs: number): number[] => Array.from({ length: pairs }, (_, i) => 0.9 / (i + 1))
type Case = { readonly name: string; readonly headDim: number; readonly spec: Partial<AttentionSpec>; readonly norms?: 'rms' | 'layer' }
const rotation = (pairs: number, magnitude = 1, interleaved = false) => ({
  rope: { inverseFrequencies: frequencies(pairs), magnitude, interleaved },
})
const SINKS = { sinks: { tensor: 'sinks', shape: [HEADS] } }
const CASES: readonly Case[] = [
  { name: 'heads of 16 that rotate whole', headDim: 16, spec: rotation(8) },
  { name: 'heads of 20, 3 pairs, a magnitude', headDim: 20, spec: rotation(3, 1.2) },
  { name: 'heads of 24 with neighbouring pairs, a window', headDim: 24, spec: { ...rotation(12, 1, true), window: 3 } },
  { name: 'heads of 12 without rotation, a softcap', headDim: 12, spec: { softcap: 0.8 } },
  { name: 'heads of 20 that rotate, a softcap beside a window', headDim: 20, spec: { ...rotation(7), softcap: 0.5, window: 3 } },
  { name: 'a softcap beside sinks and norms of heads', headDim: 16, norms: 'rms', spec: { ...rotation(8), ...SINKS, softcap: 1.5 } },
  { name: 'norms of heads of 20 that are padded', headDim: 20, norms: 'rms', spec: rotation(10) },
  { name: 'layer norms of heads of 12 that are padded', headDim: 12, norms: 'layer', spec: rotation(4) },
  { name: 'sinks beside a window', headDim: 8, spec: { ...SINKS, window: 4 } },
]
/** Ends of the runs: more than one token beside what is cached, then one. */
const RUNS = [3, 6, TOKENS]
/** What an unused row of a cache holds; no score or sum may see it. */
const JUNK = 1e4

/** All rows in one after another run, over a cache that grows (wasm) or that is longer from the start (webgpu). */
async function runAttention(backend: GraphBackend, spec: AttentionSpec, tensors: Tensors, input: Float32Array): Promise<number[]> {
  const source = checkpoint(tensors)
  const index = await readTensorIndex(source)
  const g = graphBuilder(index, { backend, weightFormat: 'f32', floatType: 'f32', contextLength: 32 })
  const output = attention(g, g.input({ name: 'x', type: 'f32', dims: [1, 'tokens', WIDTH] }), spec)
  g.output({ name: output, type: 'f32', dims: [1, 'tokens', HEADS * spec.headDim] })
  const ort = await loadOrt({ backend: 'wasm', numThreads: 1 })
  const reading = { source, tensors: index, onBytes: () => undefined }
  const session = await openGraph(ort, g.finish('test'), fromCheckpoint(reading), { executionProviders: ['wasm'] })
  const pasts = session.states.map((state) => {
    const dims = stateDims(state, backend === 'wasm' ? 0 : TOKENS + 2)
    return [state.past, new ort.Tensor('float32', new Float32Array(elementCount(dims)).fill(JUNK), dims)] as const
  })
  let caches: Parameters<typeof session.run>[0] = Object.fromEntries(pasts)
  const rows: number[] = []
  let position = 0
  for (const end of RUNS) {
    const count = end - position
    const x = new ort.Tensor('float32', input.slice(position * WIDTH, end * WIDTH), [1, count, WIDTH])
    const result = await session.run({ ...caches, ...spanFeeds(ort, session, { position, count, reach: TOKENS }), x })
    caches = Object.fromEntries(session.states.flatMap(({ past, present }) => (result[present] ? [[past, result[present]]] : [])))
    rows.push(...Array.from(result[output]?.data ?? [], Number))
    position = end
  }
  await session.release()
  return rows
}

const RUNNABLE = CASES.flatMap((one) => (['wasm', 'webgpu'] as const).map((backend) => ({ ...one, backend })))
for (const { name, headDim, spec: difference, norms, backend } of RUNNABLE) {
  test(`attention for ${backend} agrees with its definition: ${name}`, async () => {
    const matrix = (heads: number, seed: number) => ({ shape: [heads * headDim, WIDTH], values: numbers(heads * headDim * WIDTH, seed) })
    const vector = (count: number, seed: number) => ({ shape: [count], values: numbers(count, seed) })
    const tensors: Tensors = new Map(
      Object.entries({
        q: matrix(HEADS, 1),
        k: matrix(KV_HEADS, 2),
        v: matrix(KV_HEADS, 3),
        sinks: vector(HEADS, 4),
        qn: vector(headDim, 5),
        kn: vector(headDim, 6),
      }),
    )
    const ref = (tensor: string): WeightRef => ({ tensor, shape: tensors.get(tensor)?.shape ?? [] })
    const norm = (tensor: string): readonly WeightRef[] => [{ ...ref(tensor), offset: 1 }]
    const spec: AttentionSpec = {
      ...{ layer: 0, numHeads: HEADS, numKvHeads: KV_HEADS, headDim, scale: 0.4, rope: null, window: null },
      ...{ q: { weight: ref('q') }, k: { weight: ref('k') }, v: { weight: ref('v') } },
      ...(norms ? { headNorm: { kind: norms, over: 'head', q: norm('qn'), k: norm('kn'), epsilon: 0.3 } } : {}),
      ...difference,
    }
    const input = numbers(TOKENS * WIDTH, 9)
    const actual = await runAttention(backend, spec, tensors, input)
    const expected = reference(input, tensors, spec)
    expect(Math.max(...expected.map(Math.abs))).toBeGreaterThan(0.3)
    expected.forEach((value, i) => expect(Math.abs((actual[i] ?? NaN) - value)).toBeLessThan(1e-5))
    expect(actual).toHaveLength(expected.length)
  })
}
