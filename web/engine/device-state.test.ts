import { expect, test } from 'vitest'
import { modelId } from '../../protocol/ids.ts'
import { createDeviceTracker } from './device-state.ts'

const report = (loadedBytes: number) =>
  ({
    type: 'device',
    lending: 'on',
    shards: [
      {
        model: modelId('toy'),
        epoch: 1,
        startLayer: 0,
        endLayer: 4,
        weightFormat: 'f32',
        state: 'loading',
        phase: 'downloading',
        loadedBytes,
        totalBytes: 4000,
        heldBytes: 0,
      },
    ],
    sequences: 0,
    framesHandled: 0,
    layerMs: null,
    error: null,
  }) as const

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
