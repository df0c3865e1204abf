import { expect, test } from 'vitest'
import { viewOf, type ClusterView } from '../../core/cluster/cluster-view.ts'
import type { ShardReport } from '../../protocol/cluster.ts'
import { modelId } from '../../protocol/ids.ts'
import { NO_WISHES } from '../../tests/harness/gateway.ts'
import { READY_VIEW } from '../../tests/harness/scripted-backend.ts'
import { pullModel } from './ollama-pull.ts'

const ENTRY = { id: modelId('ember'), created: 1, ownedBy: 'hub', files: null, source: 'https://hub.example/ember' }
const TERMS = { strategy: 'memory-weighted', quality: 'balanced', minDevices: 1, maxDevices: 4 } as const

/** The view in which the one device reports so much of its shard. */
function viewWith(change: Partial<ShardReport>): ClusterView {
  const [peer] = READY_VIEW.peers.values()
  if (!peer) throw new Error('a view without a peer')
  const shards = peer.status.shards.map((report) => ({ ...report, ...change }))
  return viewOf([{ ...peer, status: { ...peer.status, shards } }], [], [...READY_VIEW.placements.values()])
}

async function linesOf(views: readonly ClusterView[], signal = new AbortController().signal): Promise<unknown[]> {
  const wished: unknown[] = []
  const wishes = { ...NO_WISHES, ask: (request: unknown) => void wished.push(request) }
  let looks = 0
  // Each look at the cluster sees the next view; the first is before anything was wished.
  const view = (): ClusterView => views[Math.min(Math.floor(looks++ / 3), views.length - 1)] ?? viewOf([], [], [])
  const lines: unknown[] = []
  for await (const line of pullModel(ENTRY, { view, wishes, terms: TERMS, signal })) lines.push(line)
  expect(wished).toEqual([{ model: 'ember', ...TERMS, state: 'prefetch' }])
  return lines
}

test('a model of the hub is wished fetched, and its bytes are told until every device has them', async () => {
  const loading = { state: 'loading', phase: 'downloading', loadedBytes: 10, totalBytes: 40 } as const
  const lines = await linesOf([viewWith(loading), viewWith({ ...loading, state: 'idle', phase: 'stored', loadedBytes: 40 })])
  expect(lines[0]).toEqual({ status: 'pulling manifest' })
  expect(lines).toContainEqual({ status: 'pulling ember', digest: 'ember', total: 40, completed: 10 })
  expect(lines.slice(-2)).toEqual([{ status: 'pulling ember', digest: 'ember', total: 40, completed: 40 }, { status: 'success' }])
})

test('a device that fails ends the pull with its reason', async () => {
  const failed = viewWith({ state: 'failed', phase: 'failed', error: { code: 'source_unavailable', message: 'no such host' } })
  await expect(linesOf([failed])).rejects.toMatchObject({ code: 'source_unavailable', message: 'no such host' })
})
