/** Vectors from a ring are those of the whole model: by the last token and by the mean, from one device and from two. */
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { folderSource } from '../../api-gateway/folder-source.ts'
import { describeModel } from '../../core/model/describe-model.ts'
import { readTensors } from '../../core/model/read-tensors.ts'
import { decodeStored } from '../../core/quant/stored.ts'
import { sequenceId } from '../../protocol/ids.ts'
import type { Pooling } from '../../protocol/ring.ts'
import { loadShard } from '../../runtime/engines/load-shard.ts'
import { loadOrt } from '../../runtime/engines/ort.ts'
import { RING_MODEL } from '../harness/memory-ring.ts'
import { openNodeRing } from '../harness/node-ring.ts'

const EMBER = path.join(import.meta.dirname, '../../models/ember')
const PROMPTS = [[1, 300], Array.from({ length: 150 }, (_, i) => 5 + ((i * 37) % 900))] as const
const POOLINGS = ['last', 'mean'] as const

/** Rows of the whole model, layers in one shard; norm and pooling in double precision. */
async function reference(prompt: readonly number[]): Promise<Readonly<Record<Pooling, number[]>>> {
  const source = folderSource(EMBER)
  const model = await describeModel(source)
  const { hiddenSize, numLayers, normEpsilon } = model.config
  const location = model.tensors.get('model.norm.weight')
  if (!location?.type) throw new Error('no norm')
  const bytes = (await readTensors(source, new Map([['norm', location]]), { onBytes: () => undefined })).get('norm') ?? new Uint8Array(0)
  const weight = decodeStored(bytes, location.type)
  const ort = await loadOrt({ backend: 'wasm', numThreads: 1 })
  const runner = await loadShard({ source, model, ort, startLayer: 0, endLayer: numLayers, contextLength: 512, backend: 'wasm', weightFormat: 'f32' })
  const sequence = sequenceId('00000000000000aa')
  runner.open(sequence, 512)
  const span = { sequence, position: 0, count: prompt.length, reach: prompt.length } as const
  const output = await runner.run({ ...span, input: { type: 'tokens', ids: prompt }, want: { type: 'hidden', numberType: 'f32' } })
  await runner.dispose()
  if (output.type !== 'hidden') throw new Error('no rows')
  const values = new Float32Array(output.bytes.slice().buffer)
  const rows = prompt.map((_, i) => {
    const row = [...values.subarray(i * hiddenSize, (i + 1) * hiddenSize)]
    const scale = 1 / Math.sqrt(row.reduce((sum, x) => sum + x * x, 0) / hiddenSize + normEpsilon)
    return row.map((x, k) => x * scale * (weight[k] ?? 0))
  })
  return {
    last: rows.at(-1) ?? [],
    mean: Array.from({ length: hiddenSize }, (_, k) => rows.reduce((sum, row) => sum + (row[k] ?? 0), 0) / rows.length),
  }
}

const worst = (a: Float32Array, b: readonly number[]): number => b.reduce((most, value, i) => Math.max(most, Math.abs(value - (a[i] ?? Infinity))), 0)

describe.each([1, 2])('a ring of %d', (devices) => {
  test.each(['wasm', 'simd'] as const)('on %s', { timeout: 120_000 }, async (backend) => {
    await using ring = await openNodeRing(EMBER, backend, 'f32', devices)
    const { signal } = new AbortController()
    for (const promptIds of PROMPTS) {
      const wanted = await reference(promptIds)
      for (const pooling of POOLINGS) {
        const vector = await ring.client.embed({ model: RING_MODEL, promptIds, pooling, signal })
        expect(vector.length).toBe(wanted[pooling].length)
        expect(Math.max(...wanted[pooling].map(Math.abs))).toBeGreaterThan(0.1)
        expect(worst(vector, wanted[pooling]), `${pooling} of ${promptIds.length}`).toBeLessThan(2e-4)
      }
    }
    // Nothing of it stays, and answers are sampled as before.
    const jobs = ring.cluster.sent.filter(({ frame }) => frame.type === 'embedding')
    expect(jobs.length).toBe(PROMPTS.length * POOLINGS.length)
  })
})
