import { fileURLToPath } from 'node:url'
import { beforeAll, expect, test } from 'vitest'
import { folderSource } from '../../api-gateway/folder-source.ts'
import { loadKernels } from '../../api-gateway/local-device-kernels.ts'
import { estimateShard } from '../../core/cluster/estimate.ts'
import type { TensorError } from '../../core/graph/fidelity.ts'
import { emitShard } from '../../core/graph/shard-graphs.ts'
import { heldWeightBytes } from '../../core/graph/held-bytes.ts'
import { describeModel } from '../../core/model/describe-model.ts'
import type { ModelDescription } from '../../core/model/model-description.ts'
import type { ModelSource } from '../../core/model/model-source.ts'
import { sequenceId } from '../../protocol/ids.ts'
import type { LoadShardOptions } from './load-options.ts'
import { loadShard } from './load-shard.ts'
import { loadOrt, type Ort } from './ort.ts'
import type { SimdKernels } from '../simd/simd-kernels.ts'
import type { LoadProgress, ShardRun, ShardRunner } from '../shard-runner.ts'

const source = folderSource(fileURLToPath(new URL('../../tests/fixtures/golden/llama', import.meta.url)))
const SEQUENCE = sequenceId('00000000000000aa')
let model: ModelDescription
let ort: Ort
let simd: SimdKernels

beforeAll(async () => {
  model = await describeModel(source)
  ort = await loadOrt({ backend: 'wasm', numThreads: 1 })
  simd = await loadKernels()
})

const load = (startLayer: number, endLayer: number, change: Partial<LoadShardOptions> = {}): Promise<ShardRunner> =>
  loadShard({ source, model, startLayer, endLayer, backend: 'wasm', weightFormat: 'f32', contextLength: 32, ort, ...change })

const tokens = (position: number, ids: readonly number[]): ShardRun => ({
  sequence: SEQUENCE,
  position,
  count: ids.length,
  reach: position + ids.length,
  input: { type: 'tokens', ids },
  want: { type: 'hidden', numberType: 'f32' },
})

test('a middle shard reads the bytes of its own layers and no other, and reports every one', async () => {
  const read: [number, number][] = []
  const counting: ModelSource = {
    ...source,
    readRange: (file, start, end, options) => (read.push([start, end]), source.readRange(file, start, end, options)),
  }
  const progress: LoadProgress[] = []
  const runner = await load(1, 3, { source: counting, onProgress: (report) => progress.push(report) })
  await runner.dispose()
  const own = [...model.tensors].filter(([name]) => /^model\.layers\.[12]\./.test(name)).map(([, location]) => location)
  const bytes = own.reduce((sum, { start, end }) => sum + end - start, 0)
  expect(read.reduce((sum, [start, end]) => sum + end - start, 0)).toBe(bytes)
  expect(
    read.every(([start, end]) => own.some((one) => one.start <= start && start < one.end) && own.some((one) => one.start < end && end <= one.end)),
  ).toBe(true)
  expect(progress.at(-1)).toEqual({ phase: 'warming-up', loadedBytes: bytes, totalBytes: bytes })
})

for (const [startLayer, endLayer] of [
  [0, 4],
  [0, 1],
  [1, 3],
  [3, 4],
] as const) {
  for (const [backend, weightFormat] of [
    ['wasm', 'f32'],
    ['wasm', 'int8'],
    ['simd', 'f32'],
    ['simd', 'f16'],
    ['simd', 'int8'],
    ['simd', 'int4'],
  ] as const) {
    test(`the estimate's weights are what layers ${startLayer} to ${endLayer} hold in ${weightFormat} on ${backend}, to the byte`, async () => {
      const runner = await load(startLayer, endLayer, { backend, weightFormat, simd })
      expect(heldWeightBytes(model, { startLayer, endLayer }, { backend, weightFormat, floatType: 'f32', contextLength: 32 })).toBe(runner.heldBytes)
      expect(runner.heldBytes).toBeGreaterThan(40_000)
      await runner.dispose()
    })
  }
}

for (const weightFormat of ['f32', 'int8'] as const) {
  test(`in parts, a shard in ${weightFormat} holds what is estimated for it so, and gives the same logits to the bit`, async () => {
    const parts = { weightFormat, leastPartBytes: 1 }
    const logits = async (change: Partial<LoadShardOptions>): Promise<Float32Array> => {
      const runner = await load(0, 4, change)
      runner.open(SEQUENCE, 6)
      const output = await runner.run({ ...tokens(0, [1, 2, 3, 4, 5]), want: { type: 'all-logits' } })
      await runner.dispose()
      if (output.type !== 'all-logits') throw new Error(output.type)
      return output.logits
    }
    const graphs = emitShard(model, { startLayer: 0, endLayer: 4 }, { backend: 'wasm', floatType: 'f32', contextLength: 32, ...parts })
    expect(graphs.layers.length).toBe(4)
    expect(graphs.head.length).toBeGreaterThan(1)
    expect(graphs.head.map(({ start }) => start)).toEqual([0, ...graphs.head.slice(0, -1).map(({ end }) => end)])
    expect(graphs.head.at(-1)?.end).toBe(426)
    const whole = await logits({ weightFormat })
    expect(Math.max(...whole)).toBeGreaterThan(1)
    expect(await logits(parts)).toEqual(whole)
    const runner = await load(0, 4, parts)
    const estimated = { backend: 'wasm', floatType: 'f32', contextLength: 32, ...parts } as const
    expect(heldWeightBytes(model, { startLayer: 0, endLayer: 4 }, estimated)).toBe(runner.heldBytes)
    await runner.dispose()
  })
}

test('an estimate adds KV of the context, what a pass needs, what building leaves and the runtime, at most as large as the shard itself', () => {
  const range = { startLayer: 0, endLayer: 4 }
  const estimate = estimateShard(model, range, { backend: 'wasm', weightFormat: 'f32', floatType: 'f32', contextLength: 256 })
  expect(estimate.kvBytes).toBe(2 * 4 * 4 * 16 * 256 * 4)
  const { hiddenSize, intermediateSize, vocabSize } = model.config
  // Hidden states, q, k, v, the MLP and scores of 128 tokens; the logits of one; the cache of its one graph in and out.
  const chunk = 4 * (128 * (3 * hiddenSize + 12 * 16 + 3 * intermediateSize + 4 * 256) + vocabSize)
  expect(estimate.activationBytes).toBe(chunk + 2 * estimate.kvBytes)
  const held = estimate.weightsBytes + estimate.kvBytes
  expect(estimate.overheadBytes).toBeGreaterThan(held)
  expect(estimate.overheadBytes).toBeLessThan(3 * held)
  expect(estimate.totalBytes).toBe(held + estimate.activationBytes + estimate.overheadBytes)
})

test('a run out of place is refused with its code and leaves the sequence usable', async () => {
  const runner = await load(0, 2)
  await expect(runner.run(tokens(0, [1]))).rejects.toMatchObject({ code: 'ring_broken' })
  runner.open(SEQUENCE, 6)
  await runner.run(tokens(0, [1, 2, 3]))
  await expect(runner.run(tokens(4, [1]))).rejects.toMatchObject({ code: 'ring_broken' })
  await expect(runner.run(tokens(3, [1, 2, 3, 4]))).rejects.toMatchObject({ code: 'context_length_exceeded' })
  await expect(runner.run(tokens(3, [426]))).rejects.toMatchObject({ code: 'invalid_value' })
  await expect(runner.run({ ...tokens(3, [1]), input: { type: 'hidden', numberType: 'f16', bytes: new Uint8Array(3) } })).rejects.toMatchObject({
    code: 'malformed_frame',
  })
  await expect(runner.run({ ...tokens(3, [1]), want: { type: 'head' } })).rejects.toMatchObject({ code: 'invalid_value' })
  expect((await runner.run(tokens(3, [5]))).type).toBe('hidden')
  expect(runner.openSequences()).toBe(1)
  runner.release(SEQUENCE)
  runner.release(SEQUENCE)
  expect(runner.openSequences()).toBe(0)
  await runner.dispose()
})

test('ranges, formats and backends that cannot be right are refused before a byte is read', async () => {
  const silent: ModelSource = { ...source, readRange: () => Promise.reject(new Error('read')) }
  const attempt = (change: Partial<LoadShardOptions>, start = 0, end = 4) => load(start, end, { source: silent, ...change })
  await expect(attempt({}, 2, 2)).rejects.toMatchObject({ code: 'invalid_value' })
  await expect(attempt({}, 0, 5)).rejects.toMatchObject({ code: 'invalid_value' })
  await expect(attempt({ weightFormat: 'int4' })).rejects.toMatchObject({ code: 'unsupported_backend' })
  await expect(attempt({ backend: 'webgpu', weightFormat: 'f16' })).rejects.toMatchObject({ code: 'unsupported_backend' })
})

test("a checkpoint whose tensor has another shape than its config is refused by the tensor's name", async () => {
  const name = 'model.layers.1.mlp.up_proj.weight'
  const tensors = new Map([...model.tensors].map(([key, location]) => [key, key === name ? { ...location, shape: [64, 160] } : location]))
  await expect(load(0, 4, { model: { ...model, tensors } })).rejects.toMatchObject({ code: 'bad_checkpoint', message: expect.stringContaining(name) })
})

test('a cancelled load stops with cancelled', async () => {
  const abort = new AbortController()
  abort.abort()
  await expect(load(0, 4, { signal: abort.signal })).rejects.toMatchObject({ code: 'cancelled' })
})

test.each(['wasm', 'simd'] as const)('on %s the error of every matrix is told once, exact ones too', async (backend) => {
  const told: TensorError[][] = []
  const runner = await load(0, 4, { backend, simd, weightFormat: 'int8', onTensorErrors: (errors) => told.push([...errors]) })
  const { losslessTensors, requantizedTensors, worstError } = runner.quantization
  await runner.dispose()
  const [errors = [], ...more] = told
  expect(more).toEqual([])
  expect(errors.some(({ tensor }) => tensor.includes('layers.2.mlp.down_proj'))).toBe(true)
  expect(errors.filter(({ error }) => error > 0)).not.toEqual([])
  expect(errors.length).toBeLessThanOrEqual(losslessTensors + requantizedTensors)
  expect(Math.max(...errors.map(({ error }) => error))).toBe(worstError)
})
