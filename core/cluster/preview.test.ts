import { expect, test } from 'vitest'
import { IDLE_STATUS, type PeerEntry, type PeerStatus, type Wish } from '../../protocol/cluster.ts'
import { modelId, peerId } from '../../protocol/ids.ts'
import { viewOf } from './cluster-view.ts'
import { previewPlacement } from './preview.ts'
import type { ModelSizing } from './sizing.ts'

const MODEL = modelId('toy')
/** Eight layers of 10 bytes, whatever they are held in. */
const SIZING: ModelSizing = {
  numLayers: 8,
  contextLength: 64,
  hiddenSize: 4,
  needsF32: false,
  refusal: () => null,
  shardBytes: ({ startLayer, endLayer }) => 10 * (endLayer - startLayer),
  work: ({ startLayer, endLayer }) => endLayer - startLayer,
}
const WISH: Wish = {
  model: MODEL,
  source: '/toy',
  strategy: 'memory-weighted',
  quality: 'balanced',
  minDevices: 1,
  maxDevices: 8,
  contextLength: null,
  localDevice: 'withdraw',
  state: 'serve',
}
const device = (name: string, memoryBytes: number, state: PeerStatus['state'] = 'idle'): PeerEntry => ({
  id: peerId(`device-${name}`),
  name,
  role: 'device',
  joined: name.length,
  capabilities: { backend: 'simd', weightFormats: ['int8'], floatType: 'f32', memoryBytes, threads: 1, hardware: '' },
  status: { ...IDLE_STATUS, state },
})
const layersOf = (view: ReturnType<typeof viewOf>, change: { without?: string; including?: string } = {}) => {
  const id = (name: string | undefined) => (name === undefined ? null : peerId(`device-${name}`))
  const { shards, problem } = previewPlacement(view, { wish: WISH, sizing: SIZING, without: id(change.without), including: id(change.including) })
  return problem ?? Object.fromEntries(shards.map(({ name, startLayer, endLayer }) => [name, endLayer - startLayer]))
}

test('says how the layers would lie without a device, and that they would not fit', () => {
  const view = viewOf([device('big', 60), device('small', 30), device('third', 30)], [WISH], [])
  expect(layersOf(view)).toEqual({ big: 4, small: 2, third: 2 })
  expect(layersOf(view, { without: 'third' })).toEqual({ big: 5, small: 3 })
  expect(layersOf(view, { without: 'big' })).toMatch(/short by/)
})

test('says how they would lie with a device that is paused', () => {
  const view = viewOf([device('big', 80), device('paused', 80, 'paused')], [WISH], [])
  expect(layersOf(view)).toEqual({ big: 8 })
  expect(layersOf(view, { including: 'paused' })).toEqual({ big: 4, paused: 4 })
  expect(layersOf(viewOf([device('big', 80)], [WISH], []), { without: 'big' })).toBe('no device would be left')
})
