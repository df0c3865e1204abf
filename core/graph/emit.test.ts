import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { folderSource } from '../../api-gateway/folder-source.ts'
import { loadOrt } from '../../runtime/engines/ort.ts'
import { fromCheckpoint, openGraph } from '../../runtime/engines/open-graph.ts'
import { describeModel } from '../model/describe-model.ts'
import { readTensors } from '../model/read-tensors.ts'
import type { TensorLocation } from '../model/safetensors.ts'
import { decodeStored } from '../quant/stored.ts'
import { quantizeBlocks } from '../quant/integer-blocks.ts'
import { emitHead, emitLayers } from './emit.ts'
import { spanTensors } from './span-inputs.ts'
import { plannedBytes } from './weight-plan.ts'

const source = folderSource(fileURLToPath(new URL('../../tests/fixtures/golden/llama', import.meta.url)))

test('a graph of two layers names their caches in and out and holds no weight inside', async () => {
  const model = await describeModel(source)
  const graph = emitLayers(model, { startLayer: 1, endLayer: 3 }, { backend: 'webgpu', weightFormat: 'int4', contextLength: 64, floatType: 'f16' })
  expect(graph.inputs.map(({ name }) => name)).toEqual([
    'hidden',
    'past.1.key',
    'past.1.value',
    'seqlens_k',
    'total_sequence_length',
    'past.2.key',
    'past.2.value',
  ])
  expect(graph.outputs.slice(1).map(({ name }) => name)).toEqual(['present.1.key', 'present.1.value', 'present.2.key', 'present.2.value'])
  expect(graph.inputs[0]).toMatchObject({ type: 'f16', dims: [1, 'tokens', 64] })
  expect(graph.modelBytes.length).toBeLessThan(16_384)
  // 2 layers of q, k, v, o (64 x 64) and gate, up, down (64 x 160): half a byte a weight and an f16 scale per 32.
  const matrices = graph.weights.filter((plan) => plan.recipe === 'blocks').reduce((sum, plan) => sum + plannedBytes(plan), 0)
  expect(matrices).toBe(2 * (4 * 64 * 64 + 3 * 64 * 160) * (0.5 + 2 / 32))
})

test('the int4 head computes with the weights its nibbles stand for', async () => {
  const model = await describeModel(source)
  const ort = await loadOrt({ backend: 'wasm', numThreads: 1 })
  const graph = emitHead(model, { backend: 'webgpu', weightFormat: 'int4', contextLength: 64, floatType: 'f32' })
  const reading = { source, tensors: model.tensors, onBytes: () => undefined }
  const { run, release, output } = await openGraph(ort, graph, fromCheckpoint(reading), { executionProviders: ['wasm'] })
  const hidden = Float32Array.from({ length: 64 }, (_, i) => Math.sin(i * 1.7) * (1 + (i % 5)))
  const result = (await run({ hidden: new ort.Tensor('float32', hidden, [1, 1, 64]) }))[output]
  await release()

  const names = ['lm_head.weight', 'model.norm.weight']
  const stored = await readTensors(source, new Map([...model.tensors].filter(([name]) => names.includes(name))))
  const [weights, norm] = names.map((name) => decodeStored(stored.get(name) ?? new Uint8Array(0), 'f32'))
  if (!weights || !norm) throw new Error('the fixture has a head and a norm')
  const { integers, scales } = quantizeBlocks(weights, 64, { bits: 4, size: 32 })
  const dense = Array.from(integers, (integer, i) => integer * (scales[Math.floor(i / 32)] ?? 0))
  const rms = Math.sqrt(hidden.reduce((sum, x) => sum + x * x, 0) / 64 + model.config.normEpsilon)
  const expected = Array.from({ length: 426 }, (_, row) =>
    hidden.reduce((sum, x, i) => sum + (x / rms) * (norm[i] ?? 0) * (dense[row * 64 + i] ?? 0), 0),
  )
  const largest = Math.max(...expected.map(Math.abs))
  expect(largest).toBeGreaterThan(1)
  // Accuracy level 4 quantizes the activations to int8 blocks on the CPU.
  expected.forEach((logit, row) => expect(Math.abs(Number(result?.data[row]) - logit)).toBeLessThan(0.02 * largest))
})

test('biases of q, k and v become one packed Add; attention is stated once for both backends', async () => {
  const model = await describeModel(source)
  const biased = {
    ...model,
    config: { ...model.config, attentionBias: true },
    tensors: new Map<string, TensorLocation>([
      ...model.tensors,
      ...['q', 'k', 'v', 'o'].map(
        (one) => [`model.layers.0.self_attn.${one}_proj.bias`, { file: 'model.safetensors', type: 'f32', shape: [64], start: 0, end: 256 }] as const,
      ),
    ]),
  }
  const emit = (backend: 'wasm' | 'webgpu') =>
    emitLayers(biased, { startLayer: 0, endLayer: 1 }, { backend, weightFormat: 'f32', contextLength: 8, floatType: 'f32' })
  expect(emit('wasm').weights.flatMap((plan) => plan.tensors.map(({ name, dims }) => `${name} [${dims.join()}]`))).toContain(
    '/model/layers.0/self_attn/qkv_proj.bias [192]',
  )
  expect(emit('wasm').modelBytes).toEqual(emit('webgpu').modelBytes)
})

test('Gemma 2 keeps one kind of cache on every backend, is composed where the kernel ignores a softcap, and is refused in f16', async () => {
  const model = await describeModel(folderSource(fileURLToPath(new URL('../../tests/fixtures/golden/gemma2', import.meta.url))))
  const emit = (backend: 'wasm' | 'webgpu', floatType: 'f32' | 'f16') =>
    emitLayers(model, { startLayer: 0, endLayer: 1 }, { backend, weightFormat: floatType, contextLength: 8, floatType })
  expect(emit('wasm', 'f32').states.map(({ dims }) => dims)).toEqual([
    [1, 2, 'tokens', 32],
    [1, 2, 'tokens', 32],
  ])
  expect(emit('webgpu', 'f32').states).toEqual(emit('wasm', 'f32').states)
  const usesKernel = (backend: 'wasm' | 'webgpu') => new TextDecoder().decode(emit(backend, 'f32').modelBytes).includes('GroupQueryAttention')
  expect([usesKernel('wasm'), usesKernel('webgpu')]).toEqual([true, false])
  expect(() => emit('webgpu', 'f16')).toThrow(/f16/)
})

test('a graph declares what it is fed of a span, and no more', async () => {
  const model = await describeModel(source)
  const inputsOf = (config: typeof model.config) => {
    const options = { backend: 'webgpu', weightFormat: 'f32', contextLength: 64, floatType: 'f32' } as const
    const { inputs } = emitLayers({ ...model, config }, { startLayer: 0, endLayer: 1 }, options)
    return Object.fromEntries(spanTensors(inputs, { position: 5, count: 2, reach: 40 }).map(({ name, values }) => [name, Array.from(values, Number)]))
  }
  expect(inputsOf(model.config)).toEqual({ seqlens_k: [6], total_sequence_length: [7] })
  const factors = { shortFactor: Array(8).fill(1), longFactor: Array(8).fill(2) }
  const rope = { type: 'longrope', theta: 1e4, ...factors, originalContext: 32, magnitude: 1 } as const
  expect(inputsOf({ ...model.config, rope })).toMatchObject({ reach: [40] })
  expect(inputsOf({ ...model.config, rope: { ...rope, originalContext: 64 } })).not.toHaveProperty('reach')
  expect(() => inputsOf({ ...model.config, rope: { type: 'default', theta: 1e4, until: 63 } })).toThrow(/64 tokens.*behind 63/)
})
