/** `/v1/catalog` on a gateway that listens: cards, uploads that break off and go on, and what is refused. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { viewOf, type ClusterView } from '../core/cluster/cluster-view.ts'
import { catalogSchema, modelCardSchema, type ModelCard } from '../protocol/catalog.ts'
import { IDLE_STATUS, type PeerEntry } from '../protocol/cluster.ts'
import { peerId } from '../protocol/ids.ts'
import { MODELS, NO_WISHES, startGateway, type TestGateway } from '../tests/harness/gateway.ts'
import { createModelCards } from './model-cards.ts'
import { createModelCatalog } from './model-catalog.ts'
import { createModelFits, type ModelFits } from './model-fits.ts'
import { createUploads } from './uploads.ts'

const EMBER = path.join(MODELS, 'ember')
const MIB = 2 ** 20
const device = (id: string, memoryBytes: number): PeerEntry => ({
  id: peerId(id),
  name: id,
  role: 'device',
  joined: 1,
  capabilities: { backend: 'webgpu', weightFormats: ['f32', 'f16', 'int4'], floatType: 'f16', memoryBytes, threads: 1, hardware: '' },
  status: IDLE_STATUS,
})
let fits: ModelFits
let folder = ''
let gateway: TestGateway
let view: ClusterView
let forgotten: string[]
beforeAll(() => void (fits = createModelFits()))
afterAll(() => fits.close())
beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'ringlet-catalog-'))
  view = viewOf([], [], [])
  forgotten = []
  const models = createModelCatalog({ folders: [MODELS, folder] })
  gateway = await startGateway(
    {},
    {
      models,
      wishes: { ...NO_WISHES, forget: (model) => void forgotten.push(model) },
      uploads: createUploads(folder, async (model) => (await models.filesOf(model)) !== null),
      cards: createModelCards({ models, fits, view: () => view, isRemovable: (entry) => entry.files?.folder.startsWith(folder) ?? false }),
      maxBodyBytes: 1024,
    },
  )
})
afterEach(async () => {
  await gateway[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

const cards = async (query = ''): Promise<readonly ModelCard[]> =>
  catalogSchema.parse(await (await fetch(`${gateway.url}/v1/catalog${query}`)).json()).data
const call = async (method: string, at: string) => {
  const response = await fetch(gateway.url + at, { method })
  return { status: response.status, body: (await response.json()) as { error?: { code: string; message: string } } }
}
const put = async (file: string, bytes: Uint8Array, range: string, model = 'org%2Fmine') => {
  const headers = { 'content-type': 'application/octet-stream', 'content-range': range }
  const response = await fetch(`${gateway.url}/v1/catalog/uploads/${model}/${file}`, { method: 'PUT', headers, body: new Uint8Array(bytes) })
  return { status: response.status, body: (await response.json()) as { received?: number; error?: { code: string; message: string } } }
}
const whole = (file: string, bytes: Uint8Array, model?: string) => put(file, bytes, `bytes 0-${bytes.length - 1}/${bytes.length}`, model)
const emberFiles = () =>
  ['config.json', 'tokenizer.json', 'tokenizer_config.json', 'model.safetensors'].map((name) => [name, readFileSync(path.join(EMBER, name))] as const)

test('cards say what a model takes before any download: no device, fits, short by so much, and smaller in fewer bits', async () => {
  const byId = (all: readonly ModelCard[], id: string) => all.find((card) => card.id === id)
  const alone = await cards()
  expect(byId(alone, 'ember')).toMatchObject({
    place: 'server',
    isVerified: true,
    isRemovable: false,
    facts: { layers: 8 },
    fit: { state: 'no-devices' },
  })
  expect(byId(alone, 'Qwen/Qwen2.5-0.5B-Instruct')).toMatchObject({
    place: 'hub',
    isVerified: false,
    licence: 'Apache-2.0',
    gated: false,
    facts: { parameters: 494_032_768, bytes: 988_065_536, contextLength: 32_768, tied: true },
  })
  const needed = (all: readonly ModelCard[]) => {
    const fit = byId(all, 'Qwen/Qwen3-8B')?.fit
    return fit?.state === 'no-devices' || fit?.state === 'short' ? (fit.neededBytes ?? 0) : 0
  }
  expect(needed(await cards('?quality=small'))).toBeLessThan(needed(alone) / 2)
  expect(needed(alone)).toBeGreaterThan(8_190_735_360 * 2)

  view = viewOf([device('laptop', 3 * 1024 * MIB)], [], [])
  const present = await cards()
  expect(byId(present, 'Qwen/Qwen2.5-0.5B-Instruct')?.fit).toEqual({ state: 'fits', devices: 1 })
  const short = byId(present, 'Qwen/Qwen3-8B')?.fit
  expect(short).toMatchObject({ state: 'short' })
  // What is missing is what makes it fit.
  view = viewOf([device('laptop', 3 * 1024 * MIB + (short?.state === 'short' ? short.missingBytes : 0))], [], [])
  expect(byId(await cards(), 'Qwen/Qwen3-8B')?.fit).toEqual({ state: 'fits', devices: 1 })
  expect((await call('GET', '/v1/catalog?quality=best')).status).toBe(400)
})

test('a model is looked up by what a person wrote; what is not there is said in words', async () => {
  const card = await fetch(`${gateway.url}/v1/catalog/card?model=%20ember%20`)
  expect(modelCardSchema.parse(await card.json())).toMatchObject({ id: 'ember', isVerified: true })
  for (const [text, code] of [
    ['none', 'model_not_found'],
    ['a b', 'invalid_value'],
    ['https://evil.example/org/name', 'source_unavailable'],
  ] as const)
    expect((await call('GET', `/v1/catalog/card?model=${encodeURIComponent(text)}`)).body.error?.code).toBe(code)
  expect((await call('GET', '/v1/catalog/card')).status).toBe(400)
})

test('an upload larger than the limit of bodies arrives in pieces, goes on where it broke off, is listed, and becomes a model', async () => {
  const [weights, ...others] = emberFiles().toReversed()
  if (!weights) throw new Error('no weights')
  const [name, bytes] = weights
  for (const [file, content] of others) expect((await whole(file, content)).status).toBe(200)
  const half = Math.floor(bytes.length / 2)
  expect((await put(name, bytes.subarray(0, half), `bytes 0-${half - 1}/${bytes.length}`)).body).toMatchObject({ received: half })
  expect(await (await fetch(`${gateway.url}/v1/catalog/uploads/org%2Fmine`)).json()).toMatchObject({
    model: 'org/mine',
    files: expect.arrayContaining([{ name, received: half, size: bytes.length }]),
  })
  expect((await call('POST', '/v1/catalog/uploads/org%2Fmine')).body.error?.message).toMatch(/model\.safetensors.*not arrived whole/)
  expect((await put(name, bytes.subarray(9), `bytes 9-${bytes.length - 1}/${bytes.length}`)).body.error?.message).toContain(String(half))
  expect((await put(name, bytes.subarray(half), `bytes ${half}-${bytes.length - 1}/${bytes.length}`)).body).toMatchObject({ received: bytes.length })
  expect((await cards()).map(({ id }) => id)).not.toContain('org/mine')
  expect((await call('POST', '/v1/catalog/uploads/org%2Fmine')).status).toBe(201)
  expect((await cards()).find(({ id }) => id === 'org/mine')).toMatchObject({ place: 'server', isRemovable: true, facts: { layers: 8 } })
  expect(readFileSync(path.join(folder, 'org/mine', name)).equals(bytes)).toBe(true)
  expect(await (await fetch(`${gateway.url}/v1/catalog/uploads`)).json()).toEqual({ data: [] })

  expect((await call('DELETE', '/v1/catalog/models/org%2Fmine')).body).toEqual({ model: 'org/mine', deletedFiles: true })
  expect(forgotten).toEqual(['org/mine'])
  expect((await cards()).map(({ id }) => id)).not.toContain('org/mine')
  expect(readdirSync(path.join(folder, 'org'))).toEqual([])
})

test('what cannot run is refused when it is whole, by name, and can be discarded', async () => {
  const text = (value: unknown) => new TextEncoder().encode(JSON.stringify(value))
  await whole('config.json', text({ model_type: 'mamba9' }))
  expect((await call('POST', '/v1/catalog/uploads/org%2Fmine')).body.error).toMatchObject({
    code: 'unsupported_model',
    message: expect.stringMatching(/mamba9.*llama/),
  })
  expect((await call('DELETE', '/v1/catalog/uploads/org%2Fmine')).status).toBe(200)
  expect((await call('GET', '/v1/catalog/uploads/org%2Fmine')).status).toBe(404)
  for (const [file, bytes] of emberFiles()) await whole(file, bytes, 'ember')
  expect((await call('POST', '/v1/catalog/uploads/ember')).body.error?.message).toMatch(/here already/)
})

test('no name leads out of the folder of models, and no piece lies about its size', async () => {
  const byte = Uint8Array.of(1)
  for (const model of ['..', '%2e%2e', '..%2F..%2Fetc', '.uploads', 'a%2Fb%2Fc', 'a%00', '%2Fetc'])
    expect([model, (await whole('config.json', byte, model)).status >= 400]).toEqual([model, true])
  for (const file of ['..%2Fconfig.json', '.config.json', 'run.sh', 'config.json.5.part', '%2e%2e', 'a%2Fb.json', 'x'.repeat(200) + '.json'])
    expect([file, (await whole(file, byte)).status >= 400]).toEqual([file, true])
  for (const range of ['', 'bytes 0-0/*', 'bytes 5-3/9', 'bytes 0-9/5', 'bytes 0-3/4', 'bytes=0-0/1', 'bytes 0-0/99999999999999999'])
    expect([range, (await put('config.json', byte, range)).status]).toEqual([range, 400])
  expect((await put('model.safetensors', byte, `bytes 0-0/${2 ** 49}`)).status).toBe(413)
  expect(readdirSync(folder).filter((name) => name !== '.uploads')).toEqual([])
})

test('with keys, nothing of it answers without one', async () => {
  await using keyed = await startGateway({}, { apiKeys: ['secret'] })
  for (const [method, at] of [
    ['GET', '/v1/catalog'],
    ['PUT', '/v1/catalog/uploads/a/config.json'],
    ['POST', '/v1/catalog/uploads/a'],
    ['DELETE', '/v1/catalog/models/a'],
  ] as const)
    expect((await fetch(keyed.url + at, { method })).status).toBe(401)
})
