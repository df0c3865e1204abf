import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { EMPTY_VIEW, viewOf } from '../core/cluster/cluster-view.ts'
import { IDLE_STATUS, type LinkPath, type PeerEntry, type Placement } from '../protocol/cluster.ts'
import { ClusterError } from '../protocol/errors.ts'
import { modelId, peerId } from '../protocol/ids.ts'
import { MODELS, NO_WISHES, startGateway } from '../tests/harness/gateway.ts'
import { createModelCatalog } from './model-catalog.ts'
import type { ModelBytes } from './routes/model-files.ts'
import { clusterJson, type PlacementRequest } from './routes/cluster.ts'

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'ringlet-'))
  mkdirSync(path.join(folder, 'models/org/tiny.model'), { recursive: true })
  mkdirSync(path.join(folder, 'models/.hidden'), { recursive: true })
  writeFileSync(path.join(folder, 'models/org/tiny.model/config.json'), '{}')
  writeFileSync(path.join(folder, 'models/org/tiny.model/model.safetensors'), '0123456789')
  writeFileSync(path.join(folder, 'models/org/tiny.model/.secret'), 'x')
  writeFileSync(path.join(folder, 'secret.txt'), 'x')
  mkdirSync(path.join(folder, 'pages/assets'), { recursive: true })
  for (const page of ['index', 'contribute', 'models']) writeFileSync(path.join(folder, `pages/${page}.html`), `<title>${page}</title>`)
  writeFileSync(path.join(folder, 'pages/assets/app-1a2b.js'), 'export {}')
})
afterAll(() => rmSync(folder, { recursive: true }))

test('models are listed with folders of two levels, and read by id with a slash, raw or escaped', async () => {
  await using gateway = await startGateway({}, { models: createModelCatalog({ folders: [MODELS, path.join(folder, 'models')] }) })
  expect(await (await fetch(`${gateway.url}/v1/models`)).json()).toEqual({
    object: 'list',
    data: ['ember', 'org/tiny.model'].map((id) => ({ id, object: 'model', created: expect.any(Number), owned_by: 'ringlet' })),
  })
  for (const id of ['org/tiny.model', 'org%2Ftiny.model', 'ember']) {
    const response = await fetch(`${gateway.url}/v1/models/${id}`)
    expect([id, response.status]).toEqual([id, 200])
    expect(await response.json()).toMatchObject({ id: decodeURIComponent(id), object: 'model' })
  }
  for (const id of ['none', 'org/none', 'a:b', '..%2F..%2Fetc']) expect((await fetch(`${gateway.url}/v1/models/${id}`)).status).toBe(404)
})

test('files of models come by byte range and each byte is told with its reader', async () => {
  const told: ModelBytes[] = []
  await using gateway = await startGateway(
    {},
    { models: createModelCatalog({ folders: [path.join(folder, 'models')] }), onModelBytes: (bytes) => told.push(bytes) },
  )
  const url = `${gateway.url}/models/org/tiny.model/model.safetensors`
  const part = await fetch(url, { headers: { range: 'bytes=2-4', 'x-ringlet-peer': 'peer-abc' } })
  expect([part.status, part.headers.get('content-range'), await part.text()]).toEqual([206, 'bytes 2-4/10', '234'])
  expect((await fetch(url, { headers: { range: 'bytes=20-30' } })).status).toBe(416)
  const whole = await fetch(url, { headers: { 'x-ringlet-peer': '<script>' } })
  expect([whole.status, await whole.text(), whole.headers.get('cross-origin-resource-policy')]).toEqual([200, '0123456789', 'same-origin'])
  const file = { model: 'org/tiny.model', file: 'model.safetensors' }
  expect(told).toEqual([
    { ...file, peer: 'peer-abc', start: 2, end: 5 },
    { ...file, peer: null, start: 0, end: 10 },
  ])
})

test('no path leads out of a model’s folder', async () => {
  await using gateway = await startGateway({}, { models: createModelCatalog({ folders: [path.join(folder, 'models')] }) })
  for (const file of [
    '..%2f..%2f..%2fsecret.txt',
    '%2e%2e/%2e%2e/%2e%2e/secret.txt',
    '..%5c..%5csecret.txt',
    '.secret',
    'none',
    '%00',
    'x%00config.json',
    '',
  ]) {
    const response = await fetch(`${gateway.url}/models/org/tiny.model/${file}`)
    expect([file, response.status >= 400 && response.status < 500]).toEqual([file, true])
    expect(await response.text()).not.toBe('x')
  }
})

test('pages carry isolation and content policy, are not cached, and hashed files are', async () => {
  await using gateway = await startGateway({}, { staticDir: path.join(folder, 'pages'), weightOrigins: ['https://huggingface.co'] })
  for (const [url, title] of [
    ['/', 'index'],
    ['/contribute?auto=1', 'contribute'],
    ['/models', 'models'],
  ] as const) {
    const response = await fetch(gateway.url + url)
    expect([url, response.status, await response.text()]).toEqual([url, 200, `<title>${title}</title>`])
    expect(response.headers.get('cross-origin-opener-policy')).toBe('same-origin')
    expect(response.headers.get('cross-origin-embedder-policy')).toBe('require-corp')
    expect(response.headers.get('content-security-policy')).toMatch(
      /script-src 'self' 'wasm-unsafe-eval';.*connect-src 'self' ws: wss: https:\/\/huggingface\.co;/,
    )
    expect(response.headers.get('content-security-policy')).not.toMatch(/unsafe-inline|unsafe-eval'(?<!wasm-unsafe-eval')/)
    expect(response.headers.get('cache-control')).toBe('no-cache')
  }
  const script = await fetch(`${gateway.url}/assets/app-1a2b.js`)
  expect(script.headers.get('cache-control')).toContain('immutable')
  expect(script.headers.get('cross-origin-embedder-policy')).toBe('require-corp')
  expect((await fetch(`${gateway.url}/nothing`)).status).toBe(404)
})

const peer = (id: string, joined: number, links: readonly (readonly [string, LinkPath])[]): PeerEntry => ({
  id: peerId(id),
  name: id,
  role: 'device',
  joined,
  capabilities: { backend: 'wasm', weightFormats: ['int8'], floatType: 'f32', memoryBytes: 1000, threads: 1, hardware: '' },
  status: {
    ...IDLE_STATUS,
    state: 'serving',
    layerMs: 2,
    links: links.map(([to, linkPath]) => ({ peerId: peerId(to), path: linkPath, rttMs: 5, bytesPerSecond: 10 })),
  },
})
const placement: Placement = {
  model: modelId('ember'),
  source: '/models/ember',
  epoch: 7,
  strategy: 'memory-weighted',
  quality: 'small',
  announcer: peerId('dev-a'),
  numLayers: 8,
  contextLength: 512,
  handoff: 'f16',
  shards: [
    { peerId: peerId('dev-a'), startLayer: 0, endLayer: 5, first: true, last: false, weightFormat: 'int8' },
    { peerId: peerId('dev-b'), startLayer: 5, endLayer: 8, first: false, last: true, weightFormat: 'int8' },
  ],
  spares: [{ peerId: peerId('dev-c'), startLayer: 0, endLayer: 0, weightFormat: 'f32' }],
  explanation: ['by memory'],
  problem: null,
}

test('/v1/cluster shows what a device measured and why it computes as it does', () => {
  const [plain, measured] = [peer('dev-a', 1, []), peer('dev-b', 2, [])]
  const layerSpeeds = [{ model: modelId('ember'), weightFormat: 'int8' as const, layerMs: 0.2 }]
  const capabilities = measured.capabilities && { ...measured.capabilities, backendReason: 'Takes the processor', layerSpeeds }
  expect(clusterJson(viewOf([plain, { ...measured, capabilities }], [], []))).toMatchObject({
    peers: [
      { id: 'dev-a', backendReason: null, layerSpeeds: [] },
      { id: 'dev-b', backendReason: 'Takes the processor', layerSpeeds: [{ model: 'ember', layerMs: 0.2 }] },
    ],
  })
})

test('/v1/cluster shows ranges, and the path of each hop from either end’s report', () => {
  const view = viewOf([peer('dev-b', 2, []), peer('dev-a', 1, [['dev-b', 'relay']])], [], [placement])
  expect(clusterJson(view)).toMatchObject({
    peers: [{ id: 'dev-a', backend: 'wasm', memoryBytes: 1000, layerMs: 2, links: [{ peerId: 'dev-b', path: 'relay', rttMs: 5 }] }, { id: 'dev-b' }],
    placements: [
      {
        model: 'ember',
        epoch: 7,
        strategy: 'memory-weighted',
        quality: 'small',
        numLayers: 8,
        state: 'loading',
        shards: [
          { peerId: 'dev-a', startLayer: 0, endLayer: 5, first: true, weightFormat: 'int8', path: 'relay', state: 'loading' },
          { peerId: 'dev-b', last: true, path: 'relay' },
        ],
        spares: [{ peerId: 'dev-c', warm: false }],
        predictedLapMs: 16,
        observedLapMs: null,
        explanation: ['by memory'],
      },
    ],
  })
})

test('/v1/cluster shows what the head observed of laps of this epoch, by shard', () => {
  const stage = (computeMs: number) => ({ queueMs: 0, computeMs, readBackMs: 1, sendMs: 0, p50Ms: computeMs + 1, p95Ms: computeMs + 2 })
  const lap = (epoch: number) => ({ epoch, laps: 40, lapMs: 50 + epoch, p95Ms: 90, stages: [stage(10), stage(20)] })
  const withLaps = (entry: PeerEntry, epochs: readonly number[]): PeerEntry => ({ ...entry, status: { ...entry.status, laps: epochs.map(lap) } })
  const view = viewOf([withLaps(peer('dev-a', 1, []), [6, 7]), withLaps(peer('dev-b', 2, []), [7])], [], [placement])
  expect(clusterJson(view)).toMatchObject({
    placements: [{ observedLapMs: 57, observedLapP95Ms: 90, shards: [{ timing: stage(10) }, { timing: stage(20) }] }],
  })
})

test('placements are asked for and dropped by callbacks; bad wishes are refused', async () => {
  const asked: PlacementRequest[] = []
  const dropped: string[] = []
  const became: string[] = []
  const become = (model: string, state: string) => void became.push(`${model} ${state}`)
  await using gateway = await startGateway(
    {},
    { wishes: { ...NO_WISHES, ask: (wish) => void asked.push(wish), become, drop: (model) => void dropped.push(model) } },
  )
  expect((await gateway.post('/v1/cluster/placements', { model: 'ember', strategy: 'memory-weighted', minDevices: 1, maxDevices: 2 })).status).toBe(
    202,
  )
  expect((await gateway.post('/v1/cluster/placements', { model: 'ember', quality: 'quality' })).status).toBe(202)
  expect(asked).toEqual([
    { model: 'ember', strategy: 'memory-weighted', quality: 'balanced', minDevices: 1, maxDevices: 2, state: 'serve' },
    { model: 'ember', strategy: 'memory-weighted', quality: 'quality', minDevices: 1, maxDevices: 1024, state: 'serve' },
  ])
  for (const [body, status] of [
    [{ model: 'none' }, 404],
    [{}, 404],
    [{ model: 'ember', strategy: 'best' }, 400],
    [{ model: 'ember', quality: 'best' }, 400],
    [{ model: 'ember', minDevices: 3, maxDevices: 2 }, 400],
    [{ model: 'ember', maxDevices: 0 }, 400],
    [{ model: 'ember', state: 'forget' }, 400],
  ] as const) {
    expect((await gateway.post('/v1/cluster/placements', body)).status).toBe(status)
  }
  const patch = (model: string, body: unknown) => {
    const headers = { 'content-type': 'application/json' }
    return fetch(`${gateway.url}/v1/cluster/placements/${model}`, { method: 'PATCH', body: JSON.stringify(body), headers })
  }
  expect(await (await patch('ember', { state: 'paused' })).json()).toEqual({ model: 'ember', state: 'paused' })
  expect([(await patch('ember', { state: 'gone' })).status, (await patch('none', { state: 'serve' })).status]).toEqual([400, 404])
  expect(became).toEqual(['ember paused'])
  expect((await fetch(`${gateway.url}/v1/cluster/placements/ember`, { method: 'DELETE' })).status).toBe(200)
  expect(dropped).toEqual(['ember'])
  for (const model of ['none', 'org%2fnone', '__proto__'])
    expect((await fetch(`${gateway.url}/v1/cluster/placements/${model}`, { method: 'DELETE' })).status).toBe(404)
  expect(asked).toHaveLength(2)
})

test('health is 200 without a ring; ready tells why not', async () => {
  const notServing = new ClusterError('no_ring', 'no device is here')
  await using gateway = await startGateway({ notServing, view: EMPTY_VIEW })
  expect(await (await fetch(`${gateway.url}/health`)).json()).toEqual({ status: 'ok' })
  const ready = await fetch(`${gateway.url}/ready`)
  expect([ready.status, await ready.json()]).toEqual([
    503,
    { error: { code: 'no_ring', type: 'server_error', message: 'no device is here', param: null } },
  ])
  expect(await (await fetch(`${gateway.url}/v1/cluster`)).json()).toEqual({ peers: [], wishes: [], placements: [] })
  await using serving = await startGateway()
  expect(await (await fetch(`${serving.url}/ready`)).json()).toMatchObject({ status: 'ready', model: 'ember' })
})

test('metrics count requests and tokens and show the cluster', async () => {
  await using gateway = await startGateway({ answer: () => [300, 301] })
  await gateway.post('/v1/completions', { model: 'ember', prompt: [5, 6, 7] })
  const text = await (await fetch(`${gateway.url}/metrics`)).text()
  for (const line of [
    'ringlet_prompt_tokens_total 3',
    'ringlet_generation_tokens_total 3',
    'ringlet_answers_total{finish="stop"} 1',
    'ringlet_peers{role="device"} 1',
    'ringlet_placement_ready{model="ember"} 1',
  ]) {
    expect(text).toContain(line)
  }
  expect(text).toMatch(/ringlet_time_to_first_token_seconds_count 1/)
})
