import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { folderSource } from '../../api-gateway/folder-source.ts'
import { decodeStored } from '../quant/stored.ts'
import { f32ToF16Array } from '../quant/float16.ts'
import { describeModel } from '../model/describe-model.ts'
import type { ModelDescription } from '../model/model-description.ts'
import { readTensors } from '../model/read-tensors.ts'
import { buildWeights } from './build-weights.ts'
import type { EmitOptions } from './emit-options.ts'
import { headPlanBytes, planHead } from './head-plan.ts'
import { heldWeightBytes } from './held-bytes.ts'
import { emitShard } from './shard-graphs.ts'

const source = (name: string) => folderSource(fileURLToPath(new URL(`../../tests/fixtures/golden/${name}`, import.meta.url)))
const OPTIONS: EmitOptions = { backend: 'webgpu', weightFormat: 'f32', floatType: 'f32', contextLength: 32 }

test('a head is a norm and rows of the vocabulary in whole units of 16 bytes; Gemma 2 adds its softcap', async () => {
  const model = await describeModel(source('llama'))
  const plan = planHead(model, OPTIONS, [
    { start: 0, end: 128 },
    { start: 128, end: 426 },
  ])
  expect(plan).toMatchObject({ norm: { kind: 'rms', epsilon: model.config.normEpsilon }, columns: 64, scale: 1, softcap: null })
  expect(plan.pieces.map(({ start, matrix }) => [start, matrix.recipe, matrix.tensors[0]?.dims])).toEqual([
    [0, 'rows', [128, 64]],
    [128, 'rows', [298, 64]],
  ])
  expect(headPlanBytes(plan)).toBe(4 * 64 * (426 + 1))
  const int4 = planHead(model, { ...OPTIONS, weightFormat: 'int4', floatType: 'f16' }, [{ start: 0, end: 426 }])
  expect(headPlanBytes(int4)).toBe(426 * 64 * (0.5 + 2 / 32) + 4 * 64)
  const gemma = await describeModel(source('gemma2'))
  expect(planHead(gemma, OPTIONS, []).softcap).toBe(gemma.config.softcaps.logits)
  expect(gemma.config.softcaps.logits).toBeGreaterThan(0)
})

test('the last shard holds the head that is estimated, in pieces or not, and others hold none', async () => {
  const model = await describeModel(source('llama'))
  const range = { startLayer: 3, endLayer: 4 }
  for (const leastPartBytes of [1, 1e9]) {
    const { head, gpuHead } = emitShard(model, range, { ...OPTIONS, leastPartBytes })
    expect(head).toEqual([])
    const pieces = gpuHead?.pieces ?? []
    expect(pieces.length > 1).toBe(leastPartBytes === 1)
    expect(pieces.map(({ start }) => start)).toEqual([0, ...pieces.slice(0, -1).map(({ end }) => end)])
    expect(pieces.at(-1)?.end).toBe(426)
    const held = { backend: 'webgpu', weightFormat: 'f32', floatType: 'f32', contextLength: 32, leastPartBytes } as const
    const without = { ...model, config: { ...model.config, numLayers: 5 } }
    expect(heldWeightBytes(model, range, held) - heldWeightBytes(without, range, held)).toBe(gpuHead ? headPlanBytes(gpuHead) : NaN)
  }
  expect(emitShard(model, { startLayer: 0, endLayer: 3 }, OPTIONS).gpuHead).toBeNull()
})

/** A model whose rows are no whole units: three columns are cut off each row. */
function narrowed(model: ModelDescription): ModelDescription {
  const hiddenSize = 61
  const tensors = new Map(
    [...model.tensors].map(([name, one]) => [name, { ...one, shape: one.shape.map((size) => (size === 64 ? hiddenSize : size)) }]),
  )
  return { ...model, config: { ...model.config, hiddenSize }, tensors }
}

test('rows in f16 that are no whole units end with zeros, whatever the memory held before', async () => {
  const model = await describeModel(source('llama'))
  const plan = planHead(narrowed(model), { ...OPTIONS, weightFormat: 'f16', floatType: 'f16' }, [{ start: 2, end: 9 }])
  const matrix = plan.pieces[0]?.matrix
  if (!matrix) throw new Error('no piece')
  expect(matrix.tensors[0]?.dims).toEqual([7, 64])
  const name = 'lm_head.weight'
  const stored = (await readTensors(source('llama'), new Map([...model.tensors].filter(([key]) => key === name)))).get(name)
  if (!stored) throw new Error('no matrix')
  const target = new Uint8Array(7 * 64 * 2).fill(0xff)
  buildWeights(matrix, () => ({ type: 'f32', bytes: stored.subarray(4 * 2 * 61, 4 * 9 * 61) }), [target])
  const halves = new Uint16Array(target.buffer)
  const expected = f32ToF16Array(decodeStored(stored, 'f32').slice(2 * 61, 9 * 61))
  for (let row = 0; row < 7; row++) {
    expect([...halves.subarray(row * 64, row * 64 + 61)]).toEqual([...expected.subarray(row * 61, (row + 1) * 61)])
    expect([...halves.subarray(row * 64 + 61, (row + 1) * 64)]).toEqual([0, 0, 0])
  }
  expect(expected.some((half) => (half & 0x7fff) > 0x2000)).toBe(true)
})
