/** A GGUF file of a hub in a ring of two tabs: read by its layers only, right to the token, and from the browser's own disk the next time. */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test, type Page } from '@playwright/test'
import { joinAsGateway } from '../../api-gateway/transport/gateway-peer.ts'
import { placementState } from '../../core/cluster/cluster-view.ts'
import { modelId } from '../../protocol/ids.ts'
import { greedyIds } from '../harness/greedy.ts'
import { startHub } from '../harness/hub.ts'
import { startLiveCluster } from './live-cluster.ts'

const CASE = path.resolve(import.meta.dirname, '../fixtures/gguf/llama')
const MODEL = modelId('org/name@v1/tiny-Q4_0.gguf')
const golden = JSON.parse(readFileSync(path.join(CASE, 'golden.json'), 'utf8')) as { prompt_ids: number[]; greedy_ids: number[] }

test('two tabs serve ORG/NAME@REVISION/FILE.gguf as the reference computes it; opened again they fetch no byte of it', async ({ browser }) => {
  test.setTimeout(120_000)
  await using hub = await startHub({ 'tiny-Q4_0.gguf': readFileSync(path.join(CASE, 'model.gguf')) })
  const cluster = await startLiveCluster(['--no-local-device', '--devices', '2', '--model', MODEL], { HF_ENDPOINT: hub.endpoint })
  const { server } = cluster
  const peer = await joinAsGateway(server.url, null)
  const isServedBy = (devices: number) => (): boolean => {
    const placement = server.view().placements.get(MODEL)
    return placement?.shards.length === devices && placementState(server.view(), placement) === 'ready'
  }
  try {
    const tabs: Page[] = [await cluster.openDevice(browser), await cluster.openDevice(browser)]
    await expect.poll(isServedBy(2), { timeout: 60_000 }).toBe(true)
    expect(await greedyIds(peer.client, MODEL, golden.prompt_ids, golden.greedy_ids.length)).toEqual(golden.greedy_ids)
    const weights = hub.requests.filter(({ from, method }) => from === 'cdn' && method === 'GET')
    expect(weights.length).toBeGreaterThan(0)
    expect(weights.every(({ range }) => range !== null)).toBe(true)

    const before = server.view().placements.get(MODEL)?.epoch ?? 0
    hub.requests.length = 0
    for (const tab of tabs) await tab.reload()
    const isNew = (): boolean => isServedBy(2)() && (server.view().placements.get(MODEL)?.epoch ?? 0) > before
    await expect.poll(isNew, { timeout: 60_000 }).toBe(true)
    expect(await greedyIds(peer.client, MODEL, golden.prompt_ids, golden.greedy_ids.length)).toEqual(golden.greedy_ids)
    // Which layers each tab gets may be the other's of before; what they held together, they hold in two profiles.
    expect(hub.requests.filter(({ from, method }) => from === 'cdn' && method === 'GET').map(({ range }) => range)).toEqual([])
  } finally {
    peer.close()
    await cluster.close()
  }
})
