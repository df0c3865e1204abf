import { expect, test } from 'vitest'
import type { ShardReport } from '../../../protocol/cluster.ts'
import { modelId } from '../../../protocol/ids.ts'
import { DEVICE_OFF } from '../../engine/device-state.ts'
import { lendPhase } from './lend-phase.ts'

const MB = 1024 ** 2
const shard = (change: Partial<ShardReport>): ShardReport => ({
  model: modelId('ember'),
  epoch: 1,
  startLayer: 0,
  endLayer: 3,
  weightFormat: 'f32',
  state: 'loading',
  phase: 'downloading',
  loadedBytes: 4 * MB,
  totalBytes: 10 * MB,
  heldBytes: 0,
  ...change,
})

test('shows bytes, speed and time left of a download', () => {
  const phase = lendPhase({ ...DEVICE_OFF, lending: 'on', shards: [shard({})], bytesPerSecond: 2 * MB, etaSeconds: 3 })
  expect(phase).toMatchObject({ headline: 'Downloading layers 0–2 of Ember', detail: '4 MB of 10 MB · 2 MB/s · 3 s left', step: 1 })
  expect(phase.progress).toEqual({ loadedBytes: 4 * MB, totalBytes: 10 * MB })
})

test('says nothing of a speed it does not know', () => {
  expect(lendPhase({ ...DEVICE_OFF, lending: 'on', shards: [shard({})] }).detail).toBe('4 MB of 10 MB')
})

test('says before and during a download what a layer takes, in the format it will be held in', () => {
  const line = { model: modelId('ember'), layerMs: 0.131 }
  const layerSpeeds = [
    { ...line, weightFormat: 'int8' as const },
    { ...line, weightFormat: 'f32' as const, layerMs: 0.4 },
  ]
  const capabilities = {
    backend: 'simd',
    weightFormats: ['f32', 'int8'],
    floatType: 'f32',
    memoryBytes: 1,
    threads: 1,
    hardware: '',
    layerSpeeds,
  } as const
  const device = { ...DEVICE_OFF, lending: 'on', capabilities } as const
  expect(lendPhase(device).detail).toContain('Of Ember it takes about 0.13 ms a layer for each token.')
  expect(lendPhase({ ...device, shards: [shard({ phase: 'waiting' })] }).detail).toContain('This device can hold layers 0–2, about 0.4 ms a layer')
  expect(lendPhase({ ...device, shards: [shard({})] }).detail).toBe('4 MB of 10 MB · about 0.4 ms a layer for each token')
})

test('has a moving sign for compiling and warming up', () => {
  expect(lendPhase({ ...DEVICE_OFF, lending: 'on', shards: [shard({ phase: 'compiling' })] })).toMatchObject({ step: 2, progress: 'moving' })
  expect(lendPhase({ ...DEVICE_OFF, lending: 'on', shards: [shard({ phase: 'warming-up' })] })).toMatchObject({ step: 3, progress: 'moving' })
})

test('tells a joined device without layers from a serving one', () => {
  expect(lendPhase({ ...DEVICE_OFF, lending: 'on' }).headline).toBe('Joined, no layers yet')
  expect(lendPhase({ ...DEVICE_OFF, lending: 'on', sequences: 2, shards: [shard({ state: 'ready', phase: 'ready' })] })).toMatchObject({
    headline: 'Serving layers 0–2 of Ember',
    detail: 'Computing 2 conversations right now.',
    step: 4,
  })
})

test('names what failed', () => {
  const failed = shard({ state: 'failed', phase: 'failed', error: { code: 'not_enough_memory', message: '20 MB short' } })
  expect(lendPhase({ ...DEVICE_OFF, lending: 'on', shards: [failed] })).toMatchObject({
    headline: 'Could not load layers 0–2 of Ember',
    detail: expect.stringMatching(/^20 MB short\. Lend less memory/),
  })
})
