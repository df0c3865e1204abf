import { expect, test } from 'vitest'
import { loadOrt } from '../../runtime/ort.ts'
import { openGraph } from '../../runtime/open-graph.ts'
import type { AttentionSpec, WeightRef } from '../arch/layer-builder.ts'
import { memorySource } from '../model/memory-source.ts'
import { readTensorIndex } from '../model/safetensors.ts'
import { bytesOf } from '../quant/stored.ts'
import { attention, SEQLENS, TOTAL_LENGTH } from './attention.ts'
import { graphBuilder, stateDims } from './graph-builder.ts'

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
    const rms = Math.sqrt(plain.reduce((sum, value) => sum + value * value, 0) / headDim + (headNorm?.epsilon ?? 0))
    return plain.map((value, d) => (value / rms) * ((rows(weight)[d] ?? 0) + (weight.offset ?? 0)))
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
const CASES: readonly { readonly name: string; readonly headDim: number; readonly spec: Partial<AttentionSpec>; readonly norms?: boolean }[] = [
  { name: 'heads of 16 that rotate whole', headDim: 16, spec: { rope: { inverseFrequencies: frequencies(8), magnitude: 1, interleaved: false } } },
  {
    name: 'heads of 20, 3 pairs, a magnitude',
    headDim: 20,
    spec: { rope: { inverseFrequencies: frequencies(3), magnitude: 1.2, interleaved: false } },
  },
  {
    name: 'heads of 24 with neighbouring pairs, a window',
    headDim: 24,
    spec: { rope: { inverseFrequencies: frequencies(12), magnitude: 1, interleaved: true }, window: 3 },
  },
  { name: 'heads of 12 without rotation, a softcap', headDim: 12, spec: { softcap: 0.8 } },
  {
    name: 'norms of heads of 20 that are padded',
    headDim: 20,
    norms: true,
    spec: { rope: { inverseFrequencies: frequencies(10), magnitude: 1, interleaved: false } },
  },
  { name: 'sinks beside a window', headDim: 8, spec: { sinks: { tensor: 'sinks', shape: [HEADS] }, window: 4 } },
]

for (const { name, headDim, spec: difference, norms } of CASES) {
  test(`attention agrees with its definition: ${name}`, async () => {
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
      ...(norms ? { headNorm: { kind: 'rms', over: 'head', q: norm('qn'), k: norm('kn'), epsilon: 0.3 } } : {}),
      ...difference,
    }
    const source = checkpoint(tensors)
    const index = await readTensorIndex(source)
    const g = graphBuilder(index, { backend: 'wasm', weightFormat: 'f32', floatType: 'f32', contextLength: 32 })
    const x = g.input({ name: 'x', type: 'f32', dims: [1, 'tokens', WIDTH] })
    for (const length of [SEQLENS, TOTAL_LENGTH]) g.input({ name: length, type: 'int32', dims: [1] })
    const output = attention(g, x, spec)
    g.output({ name: output, type: 'f32', dims: [1, 'tokens', HEADS * headDim] })
    const ort = await loadOrt({ backend: 'wasm', numThreads: 1 })
    const graph = g.finish('test')
    const session = await openGraph(ort, graph, { source, tensors: index, onBytes: () => undefined }, { executionProviders: ['wasm'] })
    const input = numbers(TOKENS * WIDTH, 9)
    const pasts = graph.states.map((state) => [state.past, new ort.Tensor('float32', new Float32Array(0), stateDims(state, 0))] as const)
    const length = (value: number) => new ort.Tensor('int32', Int32Array.of(value), [1])
    const result = await session.run({
      ...Object.fromEntries(pasts),
      x: new ort.Tensor('float32', input, [1, TOKENS, WIDTH]),
      [SEQLENS]: length(TOKENS - 1),
      [TOTAL_LENGTH]: length(TOKENS),
    })
    await session.release()
    const expected = reference(input, tensors, spec)
    expect(Math.max(...expected.map(Math.abs))).toBeGreaterThan(0.3)
    expected.forEach((value, i) => expect(Math.abs(Number(result[output]?.data[i]) - value)).toBeLessThan(1e-5))
  })
}
