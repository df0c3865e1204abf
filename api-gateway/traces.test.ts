import { expect, test } from 'vitest'
import { EMPTY_VIEW } from '../core/cluster/cluster-view.ts'
import { modelId, peerId } from '../protocol/ids.ts'
import { traceListSchema, traceSchema } from '../protocol/trace.ts'
import { startGateway } from '../tests/harness/gateway.ts'
import { createTraces } from './traces.ts'

const hop = (computeMs: number) => ({ queueMs: 1, computeMs, readBackMs: 2, sendMs: 9 })
const ring = (epoch: number) => ({
  model: modelId('ember'),
  source: '/models/ember',
  epoch,
  strategy: 'auto' as const,
  quality: 'small' as const,
  announcer: peerId('dev-a'),
  numLayers: 8,
  contextLength: 512,
  handoff: 'f16' as const,
  shards: [{ peerId: peerId('dev-a'), startLayer: 0, endLayer: 8, first: true, last: true, weightFormat: 'int8' as const }],
  spares: [],
  explanation: [],
  problem: null,
})
const token = (index: number, hops = [hop(10), hop(20)]) => ({
  type: 'token' as const,
  index,
  tokenId: 7,
  finish: null,
  hops,
  cached: 0,
  logprobs: null,
})

function tracesAt(clock: { now: number }) {
  return createTraces({ view: () => EMPTY_VIEW, now: () => clock.now, date: () => new Date(0) })
}
const request = (id: string) => ({ id, requestId: `req-${id}`, model: modelId('ember'), promptTokens: 3 })

test('a trace tells of each lap what the shards and the way between them took, and of a lost ring why', () => {
  const clock = { now: 100 }
  const traces = tracesAt(clock)
  const job = traces.begin(request('a'))
  const choice = job.choice(0)
  choice.ring({ type: 'ring', placement: ring(4), resumes: false })
  clock.now = 150
  choice.event(token(0))
  clock.now = 200
  choice.event(token(1))
  choice.ring({ type: 'pause', reason: 'the ring lost a device' })
  clock.now = 300
  choice.ring({ type: 'ring', placement: ring(5), resumes: true })
  choice.event(token(2, []))
  choice.end('stop')
  expect(traces.list()).toMatchObject([{ id: 'a', state: 'running', tokens: 3, totalMs: 200 }])
  job.end(null)
  const trace = traces.find('req-a')
  expect(trace).toMatchObject({ id: 'a', state: 'done', error: null, startedAt: '1970-01-01T00:00:00.000Z' })
  expect(trace?.choices[0]?.events).toEqual([
    { type: 'ring', atMs: 0, epoch: 4, resumes: false, shards: [{ peerId: 'dev-a', name: 'a device that left', startLayer: 0, endLayer: 8 }] },
    { type: 'token', atMs: 50, index: 0, lapMs: null, wayMs: null, hops: [hop(10), hop(20)] },
    { type: 'token', atMs: 100, index: 1, lapMs: 50, wayMs: 14, hops: [hop(10), hop(20)] },
    { type: 'pause', atMs: 100, reason: 'the ring lost a device' },
    { type: 'ring', atMs: 200, epoch: 5, resumes: true, shards: [{ peerId: 'dev-a', name: 'a device that left', startLayer: 0, endLayer: 8 }] },
    { type: 'token', atMs: 200, index: 2, lapMs: 100, wayMs: null, hops: [] },
    { type: 'end', atMs: 200, reason: 'stop' },
  ])
})

test('only the last hundred requests and two thousand events of a choice are remembered', () => {
  const traces = tracesAt({ now: 0 })
  for (let i = 0; i < 150; i++) traces.begin(request(String(i))).end('cancelled: gone')
  expect([traces.list().length, traces.list()[0]?.id, traces.find('49'), traces.find('50')?.state]).toEqual([100, '149', null, 'failed'])
  const choice = traces.begin(request('long')).choice(0)
  for (let i = 0; i < 2_500; i++) choice.event(token(i))
  choice.end('length')
  const kept = traces.find('long')?.choices[0]
  expect([kept?.events.length, kept?.dropped, kept?.events.at(-1)?.type, traces.find('long')?.tokens]).toEqual([2_001, 500, 'end', 2_500])
})

test('/v1/cluster/traces lists requests, and shows one by its id or x-request-id, without a word of it', async () => {
  await using gateway = await startGateway({ answer: () => [300, 301] })
  const answer = await gateway.post('/v1/completions', { model: 'ember', prompt: [5, 6, 7] })
  const { id } = (await answer.json()) as { id: string }
  const list = traceListSchema.parse(await (await fetch(`${gateway.url}/v1/cluster/traces`)).json())
  expect(list.traces).toMatchObject([{ id, state: 'done', promptTokens: 3, tokens: 3 }])
  for (const name of [id, String(answer.headers.get('x-request-id'))]) {
    const trace = traceSchema.parse(await (await fetch(`${gateway.url}/v1/cluster/traces/${name}`)).json())
    expect(trace.choices[0]?.events.map(({ type }) => type)).toEqual(['progress', 'token', 'token', 'token', 'end'])
  }
  const missing = await fetch(`${gateway.url}/v1/cluster/traces/none`)
  expect([missing.status, await missing.json()]).toMatchObject([404, { error: { code: 'route_not_found' } }])
  expect((await gateway.post('/v1/cluster/traces', {})).status).toBe(405)
})
