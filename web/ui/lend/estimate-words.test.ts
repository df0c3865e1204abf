import { expect, test } from 'vitest'
import type { ShareEstimate } from '../../../runtime/measure/estimate-share.ts'
import { modelId } from '../../../protocol/ids.ts'
import { estimateWords } from './estimate-words.ts'

const ESTIMATE: ShareEstimate = {
  capabilities: { backend: 'simd', weightFormats: ['int4'], floatType: 'f32', memoryBytes: 1, threads: 1, hardware: '' },
  model: modelId('org/toy'),
  weightFormat: 'int4',
  layerMs: 0.42,
  numLayers: 8,
  mostLayers: 8,
  range: { startLayer: 4, endLayer: 8 },
}

test('says which layers, how fast, and that nothing was downloaded', () => {
  expect(estimateWords(ESTIMATE)).toEqual({
    headline: 'This device can hold layers 4–7 of Toy, about 0.42 ms each for a token.',
    detail:
      'Those it would get if it joined now; the whole model would fit. Measured just now with a few layers of random weights on SIMD, held as int4. Nothing has been downloaded.',
  })
})

test('half of its time makes a layer take twice as long', () => {
  expect(estimateWords(ESTIMATE, 0.5).headline).toContain('about 0.84 ms each')
})

test('tells a spare, a device that is too small, and one of which nobody wants anything', () => {
  expect(estimateWords({ ...ESTIMATE, range: null, mostLayers: 3 }).headline).toBe(
    'This device can hold up to 3 layers of Toy, about 0.42 ms each for a token.',
  )
  expect(estimateWords({ ...ESTIMATE, range: null, mostLayers: 0 }).headline).toBe('Not one layer of Toy fits into the memory you lend.')
  expect(estimateWords({ ...ESTIMATE, model: null, range: null }).headline).toBe(
    'A layer of a small model takes this device about 0.42 ms for a token.',
  )
})
