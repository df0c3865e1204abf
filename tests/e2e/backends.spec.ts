/** The same questions on every backend and format that a ring may hold, and on rings of mixed ones. */
import { expect, test } from '@playwright/test'
import { equalSamples, expectRing, SAMPLES, startLiveCluster, type LiveCluster } from './live-cluster.ts'

test.describe.configure({ timeout: 300_000 })

/** Asks the 30 samples and states the count beside the test's result. */
async function countEqual(cluster: LiveCluster): Promise<number> {
  const { equal, different } = await equalSamples(cluster.server.url)
  test
    .info()
    .annotations.push({ type: 'figure', description: `${equal} of ${SAMPLES.length} answers equal; different: ${different.join(' | ') || 'none'}` })
  console.log(`${test.info().title}: ${equal} of ${SAMPLES.length} equal`)
  return equal
}

test('the server’s own device gives all 30 answers before any browser joins, and withdraws when browsers hold the model', async ({ browser }) => {
  const cluster = await startLiveCluster()
  try {
    const alone = await cluster.placed(1)
    expect(cluster.server.view().peers.get(alone.shards[0]?.peerId ?? alone.announcer)?.role).toBe('local-device')
    expect(await countEqual(cluster)).toBe(30)
    await cluster.openDevice(browser)
    await cluster.openDevice(browser)
    const browsers = await cluster.placed(2)
    expect(browsers.shards.map((shard) => cluster.server.view().peers.get(shard.peerId)?.role)).toEqual(['device', 'device'])
  } finally {
    await cluster.close()
  }
})

const RINGS: readonly { readonly name: string; readonly devices: readonly Readonly<Record<string, string>>[]; readonly atLeast: number }[] = [
  { name: 'two WASM tabs with int8 weights', devices: [{ weights: 'int8' }, { weights: 'int8' }], atLeast: 20 },
  {
    name: 'two WebGPU tabs with f32 weights',
    devices: [
      { backend: 'webgpu', weights: 'f32' },
      { backend: 'webgpu', weights: 'f32' },
    ],
    atLeast: 27,
  },
  { name: 'one WebGPU and one WASM tab with f32 weights', devices: [{ backend: 'webgpu', weights: 'f32' }, { backend: 'wasm' }], atLeast: 27 },
  { name: 'one WASM tab with int8 and one with f32 weights, so f16 hand-off', devices: [{ weights: 'int8' }, { weights: 'f32' }], atLeast: 20 },
  {
    name: 'two WebGPU tabs with int4 weights',
    devices: [
      { backend: 'webgpu', weights: 'int4' },
      { backend: 'webgpu', weights: 'int4' },
    ],
    atLeast: 5,
  },
]
for (const { name, devices, atLeast } of RINGS) {
  test(`${name}: at least ${atLeast} of 30 answers equal`, async ({ browser }) => {
    const cluster = await startLiveCluster(['--no-local-device', '--devices', String(devices.length)])
    try {
      for (const query of devices) await cluster.openDevice(browser, query)
      await cluster.placed(devices.length)
      await expectRing(cluster.server.url, 'webrtc')
      expect(await countEqual(cluster)).toBeGreaterThanOrEqual(atLeast)
    } finally {
      await cluster.close()
    }
  })
}
