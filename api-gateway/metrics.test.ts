import { expect, test } from 'vitest'
import { viewOf, type ClusterView } from '../core/cluster/cluster-view.ts'
import { ClusterError } from '../protocol/errors.ts'
import { peerId } from '../protocol/ids.ts'
import { startGateway, type TestGateway } from '../tests/harness/gateway.ts'
import { READY_VIEW } from '../tests/harness/scripted-backend.ts'

/** Name and labels → value, as Prometheus would read it. */
async function scrape({ url }: TestGateway): Promise<ReadonlyMap<string, number>> {
  const text = await (await fetch(`${url}/metrics`)).text()
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]))
}
const sorted = (samples: ReadonlyMap<string, number>, prefix: string): readonly (readonly [string, number])[] =>
  [...samples].filter(([name]) => name.startsWith(prefix)).toSorted(([a], [b]) => a.localeCompare(b))

const [device] = READY_VIEW.peers.values()
const [placement] = READY_VIEW.placements.values()
if (!device || !placement) throw new Error('the scripted ring has no device')
const OTHER = peerId('device-two')
/** As Chromium tells: nothing of packets sent again. */
const PAIR = {
  route: 'srflx' as const,
  protocol: 'udp' as const,
  rttMs: 12,
  bytesSent: 700,
  bytesReceived: 900,
  availableBytesPerSecond: 3e5,
  retransmissions: null,
}

/** A ring of two devices that has measured itself; its second link says nothing yet. */
const measured = (epoch: number): ClusterView => {
  const stage = { queueMs: 1, computeMs: 20, readBackMs: 3, sendMs: 4, p50Ms: 23, p95Ms: 30 }
  const shards = device.status.shards.map((report) => ({ ...report, epoch, room: 12 }))
  const status = {
    ...device.status,
    shards,
    sequences: 5,
    links: [
      { peerId: OTHER, path: 'webrtc' as const, rttMs: 25, bytesPerSecond: 1000, arrivalBytesPerSecond: 2e6, pair: PAIR },
      { peerId: peerId('device-three'), path: 'relay' as const, rttMs: null, bytesPerSecond: null },
    ],
    laps: [{ epoch, laps: 9, lapMs: 50, p95Ms: 70, stages: [stage] }],
  }
  return viewOf([{ ...device, status }], [], [{ ...placement, epoch }])
}

test('requests are counted by route and status, never by what a stranger writes', async () => {
  await using gateway = await startGateway({ answer: () => [300] })
  await gateway.post('/v1/chat/completions', { model: 'ember', messages: [{ role: 'user', content: 'x' }] })
  await gateway.post('/v1/chat/completions', {})
  await fetch(`${gateway.url}/v1/models/ember`)
  await fetch(`${gateway.url}/evil"} 1\nx`)
  expect(sorted(await scrape(gateway), 'ringlet_http_requests_total')).toEqual([
    ['ringlet_http_requests_total{method="GET",route="/v1/models/*id",status="200"}', 1],
    ['ringlet_http_requests_total{method="GET",route="other",status="404"}', 1],
    ['ringlet_http_requests_total{method="POST",route="/v1/chat/completions",status="200"}', 1],
    ['ringlet_http_requests_total{method="POST",route="/v1/chat/completions",status="400"}', 1],
  ])
})

test('tokens, times to the first and between tokens, waiting, hits of the prefix cache, failures', async () => {
  await using gateway = await startGateway({ answer: () => [300, 301, 302], cached: 2 })
  for (const prompt of [
    [5, 6, 7],
    [8, 9, 10, 11],
  ])
    await (await gateway.post('/v1/completions', { model: 'ember', prompt })).text()
  const samples = await scrape(gateway)
  for (const [name, value] of Object.entries({
    ringlet_prompt_tokens_total: 7,
    ringlet_prompt_tokens_cached_total: 4,
    'ringlet_prompts_total{prefix="hit"}': 2,
    ringlet_generation_tokens_total: 8,
    ringlet_time_to_first_token_seconds_count: 2,
    ringlet_inter_token_seconds_count: 6,
    ringlet_queue_wait_seconds_count: 2,
    'ringlet_queue_wait_seconds_bucket{le="60"}': 2,
    'ringlet_answers_total{finish="stop"}': 2,
    ringlet_sequences_running: 0,
    ringlet_sequences_waiting: 0,
  }))
    expect([name, samples.get(name)]).toEqual([name, value])
  await using broken = await startGateway({ failure: { index: 1, error: new ClusterError('ring_broken', 'device left') } })
  await (await broken.post('/v1/completions', { model: 'ember', prompt: [5] })).text()
  expect((await scrape(broken)).get('ringlet_failed_requests_total{code="ring_broken"}')).toBe(1)
})

test('state, room, laps and stages of rings, links of peers; what has left is gone', async () => {
  await using gateway = await startGateway({ view: measured(3) })
  const samples = await scrape(gateway)
  expect(sorted(samples, 'ringlet_ring_')).toEqual([
    ['ringlet_ring_epoch{model="ember"}', 3],
    ['ringlet_ring_room{model="ember"}', 12],
    ['ringlet_ring_shards{model="ember"}', 1],
    ['ringlet_ring_state{model="ember",state="broken"}', 0],
    ['ringlet_ring_state{model="ember",state="loading"}', 0],
    ['ringlet_ring_state{model="ember",state="paused"}', 0],
    ['ringlet_ring_state{model="ember",state="ready"}', 1],
  ])
  expect(sorted(samples, 'ringlet_stage_seconds')).toEqual([
    ['ringlet_stage_seconds{model="ember",device="device-one",part="compute"}', 0.02],
    ['ringlet_stage_seconds{model="ember",device="device-one",part="queue"}', 0.001],
    ['ringlet_stage_seconds{model="ember",device="device-one",part="read_back"}', 0.003],
    ['ringlet_stage_seconds{model="ember",device="device-one",part="send"}', 0.004],
  ])
  expect(sorted(samples, 'ringlet_lap_seconds{model="ember",kind="observed')).toEqual([
    ['ringlet_lap_seconds{model="ember",kind="observed_p95"}', 0.07],
    ['ringlet_lap_seconds{model="ember",kind="observed"}', 0.05],
  ])
  expect(sorted(samples, 'ringlet_link_')).toEqual([
    ['ringlet_link_arrival_bytes_per_second{from="device-one",to="device-two",path="webrtc"}', 2e6],
    ['ringlet_link_bytes_per_second{from="device-one",to="device-two",path="webrtc"}', 1000],
    ['ringlet_link_rtt_seconds{from="device-one",to="device-two",path="webrtc"}', 0.025],
  ])
  const pair = 'from="device-one",to="device-two",route="srflx"'
  expect(sorted(samples, 'ringlet_pair_')).toEqual([
    [`ringlet_pair_available_bytes_per_second{${pair}}`, 3e5],
    [`ringlet_pair_received_bytes{${pair}}`, 900],
    [`ringlet_pair_rtt_seconds{${pair}}`, 0.012],
    [`ringlet_pair_sent_bytes{${pair}}`, 700],
  ])
  expect(samples.get('ringlet_device_sequences{device="device-one"}')).toBe(5)
  await using empty = await startGateway({ view: viewOf([], [], []) })
  expect([...sorted(await scrape(empty), 'ringlet_link_'), ...sorted(await scrape(empty), 'ringlet_ring_')]).toEqual([])
})

test('every ring that replaces one is counted, also between two scrapes; pauses and moves of answers are', async () => {
  let tell: (view: ClusterView) => void = () => undefined
  const moved = { type: 'ring', placement, resumes: true } as const
  await using gateway = await startGateway(
    {
      answer: () => [300],
      beforeToken: async (index, request) => {
        if (index > 0) return
        request.onRing?.(moved)
        request.onRing?.({ type: 'pause', reason: 'a device left' })
        request.onRing?.(moved)
      },
    },
    { onView: (listener) => (tell = listener) },
  )
  const reforms = async (): Promise<number | undefined> => (await scrape(gateway)).get('ringlet_ring_reforms_total{model="ember"}')
  expect(await reforms()).toBe(0)
  // Epochs are counted over all models, so one may jump; an older one that arrives late is no new ring.
  for (const epoch of [4, 9, 9, 7]) tell(measured(epoch))
  expect(await reforms()).toBe(2)
  await (await gateway.post('/v1/completions', { model: 'ember', prompt: [5, 6], n: 2 })).text()
  const samples = await scrape(gateway)
  expect([samples.get('ringlet_answer_pauses_total'), samples.get('ringlet_answer_moves_total')]).toEqual([2, 2])
})
