import { expect, test } from 'vitest'
import { CHECKPOINTS } from '../catalog/checkpoints.ts'
import { statedModel } from '../catalog/stated-model.ts'
import type { ModelDescription } from '../model/model-description.ts'
import { layerBytes } from './layer-bytes.ts'
import { stateBytes } from './graph-builder.ts'

const OPTIONS = { backend: 'wasm', weightFormat: 'f32', floatType: 'f32', contextLength: 512 } as const
const stated = (id: string): ModelDescription => statedModel(JSON.stringify(CHECKPOINTS.find((checkpoint) => checkpoint.id === id)?.config))
const sizeOf = (model: ModelDescription, layer: number): number => {
  const { own, states } = layerBytes(model, layer, OPTIONS)
  return own + states.reduce((sum, state) => sum + stateBytes(state, 100), 0)
}

test.each(['LiquidAI/LFM2-350M', 'google/gemma-3-270m-it', 'HuggingFaceTB/SmolLM3-3B'])(
  'of %s, whose layers are of several kinds, each layer has the bytes that it has when it is looked at alone',
  (id) => {
    const model = stated(id)
    const layers = Array.from({ length: model.config.numLayers }, (_, layer) => layer)
    // A description of its own knows nothing of other layers.
    const alone = layers.map((layer) => sizeOf({ ...model }, layer))
    expect(layers.map((layer) => sizeOf(model, layer))).toEqual(alone)
    expect(alone.every((bytes) => bytes > 0)).toBe(true)
  },
)

test('a layer whose tensors are stored otherwise is of its own kind', () => {
  const model = stated('HuggingFaceTB/SmolLM2-135M-Instruct')
  const name = 'model.layers.3.mlp.up_proj.weight'
  const tensor = model.tensors.get(name)
  if (!tensor) throw new Error('no tensor')
  const odd = { ...model, tensors: new Map([...model.tensors, [name, { ...tensor, shape: [1, 2] }] as const]) }
  layerBytes(odd, 2, OPTIONS)
  // Looked at by itself, and so refused: its shape is not the one that the architecture states.
  expect(() => layerBytes(odd, 3, OPTIONS)).toThrow(/has shape \[1, 2\]/)
})
