import { expect, test } from 'vitest'
import type { ShardReport } from '../../../protocol/cluster.ts'
import { modelId } from '../../../protocol/ids.ts'
import { weightsOf, weightsSentence } from './weights-sentence.ts'

const quantization = (losslessTensors: number, requantizedTensors: number, worstError: number) => ({
  losslessTensors,
  requantizedTensors,
  worstError,
  meanError: worstError / 2,
  classes: [],
})

test('says how many matrices are exact, how many not, and the largest error in percent', () => {
  expect(weightsSentence({ weightFormat: 'int4', quantization: quantization(0, 210, 0.04099) })).toBe(
    'int4, 210 matrices requantized, largest error 4.1 %',
  )
  expect(weightsSentence({ weightFormat: 'int8', quantization: quantization(24, 1, 0.00031) })).toBe(
    'int8, 24 matrices exact, 1 requantized, largest error 0.031 %',
  )
  expect(weightsSentence({ weightFormat: 'f32', quantization: quantization(1210, 0, 0) })).toBe('f32, all 1,210 matrices exact')
  expect(weightsSentence({ weightFormat: 'f32', quantization: quantization(1, 0, 0) })).toBe('f32, 1 matrix exact')
})

test('names the tensor that suffers most', () => {
  const worstTensors = [{ tensor: 'model.layers.3.mlp.down_proj.weight', stored: 'bf16', held: 'int4-blocks', error: 0.04099 }]
  expect(weightsSentence({ weightFormat: 'int4', quantization: { ...quantization(0, 210, 0.04099), worstTensors } })).toBe(
    'int4, 210 matrices requantized, largest error 4.1 % (model.layers.3.mlp.down_proj.weight)',
  )
})

test('names the format alone while nothing is measured', () => expect(weightsSentence({ weightFormat: 'f16' })).toBe('f16'))

test('tells shards of one device apart', () => {
  const shard: ShardReport = {
    model: modelId('toy'),
    epoch: 1,
    startLayer: 0,
    endLayer: 3,
    weightFormat: 'f32',
    state: 'ready',
    phase: 'ready',
    loadedBytes: 1,
    totalBytes: 1,
    heldBytes: 1,
  }
  expect(weightsOf([shard])).toBe('f32')
  expect(weightsOf([shard, { ...shard, endLayer: 1, weightFormat: 'int8' }])).toBe('3 layers: f32; 1 layer: int8')
})
