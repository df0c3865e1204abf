import { expect, test } from 'vitest'
import type { ShardReport } from '../../protocol/cluster.ts'
import { modelId } from '../../protocol/ids.ts'
import { createDeviceTracker } from './device-state.ts'

const shard = (model: string, loadedBytes: number, state: 'loading' | 'ready' = 'loading'): ShardReport => ({
  model: modelId(model),
  epoch: 1,
  startLayer: 0,
  endLayer: 4,
  weightFormat: 'f32',
  state,
  phase: state === 'ready' ? 'ready' : 'downloading',
  loadedBytes,
  totalBytes: 4000,
  heldBytes: 0,
})
const reportOf = (...shards: readonly ShardReport[]) =>
  ({
    type: 'device',
    lending: 'on',
    shards,
    sequences: 0,
    framesHandled: 0,
    layerMs: null,
    error: null,
  }) as const
const report = (loadedBytes: number) => reportOf(shard('toy', loadedBytes))

test('tells speed and time left of a download from what arrived lately', () => {
  let ms = 0
  const tracker = createDeviceTracker(() => ms)
  tracker.report(report(0))
  expect(tracker.state().etaSeconds).toBeNull()
  ms = 1000
  tracker.report(report(1000))
  expect(tracker.state()).toMatchObject({ bytesPerSecond: 1000, etaSeconds: 3 })
  ms = 10_000
  tracker.report(report(1000))
  ms = 11_000
  tracker.report(report(1500))
  expect(tracker.state()).toMatchObject({ bytesPerSecond: 500, etaSeconds: 5 })
})

test('of two models that load at once, the files of the one that is downloaded are told, whichever spoke last', () => {
  const tracker = createDeviceTracker(() => 0)
  const filesOf = (loadedBytes: number) => [{ file: 'model.safetensors', loadedBytes, totalBytes: 4000 }]
  tracker.report(reportOf(shard('kept', 0), shard('held', 0)))
  tracker.files(modelId('held'), filesOf(1000))
  tracker.files(modelId('kept'), filesOf(2000))
  expect(tracker.state().files).toEqual(filesOf(2000))
  tracker.files(modelId('held'), filesOf(1500))
  tracker.files(modelId('kept'), filesOf(4000))
  tracker.report(reportOf(shard('kept', 4000, 'ready'), shard('held', 1500)))
  expect(tracker.state().files).toEqual(filesOf(1500))
  tracker.report(reportOf(shard('kept', 4000, 'ready'), shard('held', 4000, 'ready')))
  expect(tracker.state().files).toEqual([])
})
