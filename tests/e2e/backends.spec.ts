/** The same questions on every backend and format that a ring may hold, and on rings of mixed ones. */
import { expect, test } from '@playwright/test'
import type { Capabilities } from '../../protocol/cluster.ts'
import { SWEEP } from '../harness/sweep.ts'
import { EMBER, equalSamples, expectRing, SAMPLES, startLiveCluster, type LiveCluster, type Sample } from './live-cluster.ts'

/** What rings with a WebGPU device are asked: the least tokens to compute. */
const tokensOf = (sample: Sample): number => sample.prompt_ids.length + sample.generated_ids.length
const FEW = SAMPLES.toSorted((a, b) => tokensOf(a) - tokensOf(b)).slice(0, 2)

test.describe.configure({ timeout: SWEEP ? 1_500_000 : 240_000 })

/** Asks the samples and states the count beside the test's result. */
async function countEqual(cluster: LiveCluster, samples: readonly Sample[]): Promise<number> {
  const { equal, different } = await equalSamples(cluster.server.url, samples)
  test
    .info()
    .annotations.push({ type: 'figure', description: `${equal} of ${samples.length} answers equal; different: ${different.join(' | ') || 'none'}` })
  console.log(`${test.info().title}: ${equal} of ${samples.length} equal`)
  return equal
}

test('the server’s own device gives all 30 answers before any browser joins, and withdraws when browsers hold the model', async ({ browser }) => {
  const cluster = await startLiveCluster()
  try {
    const alone = await cluster.placed(1)
    expect(cluster.server.view().peers.get(alone.shards[0]?.peerId ?? alone.announcer)?.role).toBe('local-device')
    expect(await countEqual(cluster, SAMPLES)).toBe(30)
    await cluster.openDevice(browser)
    await cluster.openDevice(browser)
    const browsers = await cluster.placed(2)
    expect(browsers.shards.map((shard) => cluster.server.view().peers.get(shard.peerId)?.role)).toEqual(['device', 'device'])
  } finally {
    await cluster.close()
  }
})

test('auto takes the processor where the GPU is software, by measurement, and a reload measures nothing again', async ({ browser }) => {
  const cluster = await startLiveCluster(['--no-local-device'])
  try {
    const page = await cluster.openDevice(browser, { backend: 'auto' })
    await cluster.placed(1)
    const offered = (): Capabilities | null => [...cluster.server.view().peers.values()].find(({ role }) => role === 'device')?.capabilities ?? null
    const first = offered()
    expect(first?.backend).toBe('simd')
    expect(first?.backendReason).toMatch(
      /^Takes the processor \(SIMD\): [\d.]+ ms a layer of ember in f32; the GPU (took|is out: it had not run a layer after)/,
    )
    expect(first?.layerSpeeds?.every(({ model, layerMs }) => model === EMBER && layerMs > 0)).toBe(true)
    await expect(page.getByText(first?.backendReason ?? 'nothing')).toBeVisible()
    await page.reload()
    // Times to the last digit are those of before.
    await expect.poll(offered, { timeout: 30_000 }).toEqual(first)
    await cluster.placed(1)
  } finally {
    await cluster.close()
  }
})

type Ring = { readonly name: string; readonly devices: readonly Readonly<Record<string, string>>[]; readonly leastShare: number }
const gpu = (weights: string): Readonly<Record<string, string>> => ({ backend: 'webgpu', weights })
const simd = (weights: string): Readonly<Record<string, string>> => ({ backend: 'simd', weights })
const RINGS: readonly Ring[] = [
  { name: 'one SIMD tab with f32 weights', devices: [simd('f32')], leastShare: 1 },
  { name: 'two SIMD tabs with f32 weights', devices: [simd('f32'), simd('f32')], leastShare: 1 },
  { name: 'three SIMD tabs with f32 weights', devices: [simd('f32'), simd('f32'), simd('f32')], leastShare: 1 },
  { name: 'two SIMD tabs with int8 weights', devices: [simd('int8'), simd('int8')], leastShare: 0.9 },
  { name: 'two SIMD tabs with int4 weights', devices: [simd('int4'), simd('int4')], leastShare: 0.7 },
  { name: 'two WASM tabs with int8 weights', devices: [{ weights: 'int8' }, { weights: 'int8' }], leastShare: 0.8 },
  { name: 'one WASM tab with int8 and one with f32 weights, so f16 hand-off', devices: [{ weights: 'int8' }, {}], leastShare: 0.8 },
  { name: 'two WebGPU tabs with f32 weights', devices: [gpu('f32'), gpu('f32')], leastShare: 0.9 },
  { name: 'one WebGPU and one WASM tab with f32 weights', devices: [gpu('f32'), {}], leastShare: 0.9 },
  // 3.9 million parameters leave little room: what int4 costs a model of this size is stated, not promised.
  { name: 'two WebGPU tabs with int4 weights', devices: [gpu('int4'), gpu('int4')], leastShare: 0.2 },
]
for (const { name, devices, leastShare } of RINGS) {
  test(`${name}: at least ${leastShare * 100} % of the answers equal`, async ({ browser }) => {
    const samples = SWEEP || devices.every((query) => query['backend'] !== 'webgpu') ? SAMPLES : FEW
    const cluster = await startLiveCluster(['--no-local-device', '--devices', String(devices.length)])
    try {
      for (const query of devices) await cluster.openDevice(browser, query)
      await cluster.placed(devices.length)
      // A single device hands nothing on.
      if (devices.length > 1) await expectRing(cluster.server.url, 'webrtc')
      expect(await countEqual(cluster, samples)).toBeGreaterThanOrEqual(leastShare * samples.length)
    } finally {
      await cluster.close()
    }
  })
}
