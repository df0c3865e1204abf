import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { ClusterError } from '../protocol/errors.ts'
import { traceSchema } from '../protocol/trace.ts'
import { writeEmbeddingModel } from '../tests/harness/embedding-model.ts'
import { emberText, MODELS, startGateway, type TestGateway } from '../tests/harness/gateway.ts'
import { createModelCatalog } from './model-catalog.ts'

const PATH = '/v1/embeddings'
const LAST = { word_embedding_dimension: 192, pooling_mode_mean_tokens: false, pooling_mode_lasttoken: true }
const bodySchema = z.object({
  object: z.literal('list'),
  model: z.string(),
  data: z.array(z.object({ object: z.literal('embedding'), index: z.number(), embedding: z.union([z.array(z.number()), z.string()]) }).strict()),
  usage: z.object({ prompt_tokens: z.number(), total_tokens: z.number() }).strict(),
})
const errorSchema = z.object({ error: z.object({ code: z.string(), param: z.string().nullable(), message: z.string() }) })

let root: string
let gateway: TestGateway
beforeAll(async () => {
  root = mkdtempSync(path.join(tmpdir(), 'ringlet-embeddings-'))
  writeEmbeddingModel(path.join(root, 'plain'), { pooling: LAST, normalizes: false })
  writeEmbeddingModel(path.join(root, 'unit'), { pooling: { pooling_mode: 'mean' }, normalizes: true, config: { matryoshka_dimensions: [1] } })
  const prompts = { prompts: { query: 'q: ', none: '' }, default_prompt_name: 'query' }
  writeEmbeddingModel(path.join(root, 'prompted'), { pooling: LAST, normalizes: false, config: { is_matryoshka: true }, prompts })
  writeEmbeddingModel(path.join(root, 'cls'), { pooling: { pooling_mode_cls_token: true }, normalizes: false })
  writeEmbeddingModel(path.join(root, 'dense'), { pooling: LAST, normalizes: true, module: 'Dense' })
  gateway = await startGateway({}, { models: createModelCatalog({ folders: [root, MODELS] }) })
})
afterAll(async () => {
  await gateway[Symbol.asyncDispose]()
  rmSync(root, { recursive: true, force: true })
})

const ask = async (body: object): Promise<z.infer<typeof bodySchema>> => {
  const response = await gateway.post(PATH, body)
  const text = await response.text()
  expect(response.status, text).toBe(200)
  return bodySchema.parse(JSON.parse(text))
}

test('a text, texts, ids and lists of ids: a vector each, in their order; usage counts all tokens', async () => {
  const ember = await emberText()
  const [a, b] = [ember.encode('one'), ember.encode('two two two')]
  const sum = (ids: readonly number[]): number => ids.reduce((total, id) => total + id, 0)
  const vectors = [a, b].map((ids) => [ids.length, sum(ids)])
  const given = async (input: unknown) => (await ask({ model: 'plain', input })).data.map(({ index, embedding }) => [index, embedding])
  expect(await given('one')).toEqual([[0, vectors[0]]])
  expect(await given(a)).toEqual([[0, vectors[0]]])
  const both = vectors.map((vector, index) => [index, vector])
  expect(await given(['one', 'two two two'])).toEqual(both)
  expect(await given([a, b])).toEqual(both)
  const many = Array.from({ length: 50 }, (_, i) => [i + 1])
  expect(await given(many)).toEqual(many.map(([id], index) => [index, [1, id]]))
  expect((await ask({ model: 'plain', input: [a, b] })).usage).toEqual({ prompt_tokens: a.length + b.length, total_tokens: a.length + b.length })
})

test('base64 is the same numbers, little-endian', async () => {
  const { data } = await ask({ model: 'plain', input: [3, 4], encoding_format: 'base64' })
  const bytes = Buffer.from(String(data[0]?.embedding), 'base64')
  expect([bytes.readFloatLE(0), bytes.readFloatLE(4), bytes.length]).toEqual([2, 7, 8])
})

test('a model that normalizes gives vectors of length 1, cut ones too; the card’s prompt comes before texts and not before ids', async () => {
  expect((await ask({ model: 'unit', input: [1, 2] })).data[0]?.embedding).toEqual([2, 3].map((x) => Math.fround(x / Math.sqrt(13))))
  expect((await ask({ model: 'unit', input: [1, 2], dimensions: 1 })).data[0]?.embedding).toEqual([1])
  expect((await ask({ model: 'prompted', input: [5], dimensions: 1 })).data[0]?.embedding).toEqual([1])
  const ember = await emberText()
  expect((await ask({ model: 'prompted', input: 'one' })).usage.prompt_tokens).toBe(ember.encode('q: one').length)
})

test('metrics and traces know of it: texts, tokens and rings, and why one failed', async () => {
  const models = createModelCatalog({ folders: [root, MODELS] })
  await using own = await startGateway({}, { models })
  const answer = await own.post(PATH, { model: 'plain', input: [[1, 2], [3]] })
  expect(answer.status).toBe(200)
  const metricsOf = async ({ url }: TestGateway): Promise<string> => (await fetch(`${url}/metrics`)).text()
  const metrics = await metricsOf(own)
  expect(metrics).toMatch(/^ringlet_embedding_seconds_count 2$/m)
  expect(metrics).toMatch(/^ringlet_prompt_tokens_total 3$/m)
  expect(metrics).toMatch(/^ringlet_queue_wait_seconds_count 1$/m)
  expect(metrics).toMatch(/^ringlet_sequences_running 0$/m)
  const traceOf = async ({ url }: TestGateway, { headers }: Response) =>
    traceSchema.parse(await (await fetch(`${url}/v1/cluster/traces/${headers.get('x-request-id') ?? ''}`)).json())
  const trace = await traceOf(own, answer)
  expect(trace).toMatchObject({ model: 'plain', state: 'done', promptTokens: 3, error: null })
  expect(trace.choices.map(({ events }) => events.map(({ type }) => type))).toEqual([
    ['ring', 'end'],
    ['ring', 'end'],
  ])
  await using broken = await startGateway({ notServing: new ClusterError('no_ring', 'nobody lends') }, { models })
  const refused = await broken.post(PATH, { model: 'plain', input: 'a' })
  expect(refused.status).toBe(503)
  expect(await metricsOf(broken)).toMatch(/^ringlet_failed_requests_total\{code="no_ring"\} 1$/m)
  expect(await traceOf(broken, refused)).toMatchObject({ state: 'failed', error: 'no_ring: nobody lends' })
})

test.each([
  [{ model: 'ember', input: 'a' }, 400, 'model'],
  [{ model: 'cls', input: 'a' }, 400, 'model'],
  [{ model: 'dense', input: 'a' }, 400, 'model'],
  [{ model: 'none', input: 'a' }, 404, 'model'],
  [{ model: 'plain' }, 400, 'input'],
  [{ model: 'plain', input: '' }, 400, 'input'],
  [{ model: 'plain', input: [] }, 400, 'input'],
  [{ model: 'plain', input: ['a', ''] }, 400, 'input[1]'],
  [{ model: 'plain', input: [[]] }, 400, 'input[0]'],
  [{ model: 'plain', input: ['a', 1] }, 400, 'input'],
  [{ model: 'plain', input: [10_000_000] }, 400, 'input'],
  [{ model: 'plain', input: 'a', encoding_format: 'int8' }, 400, 'encoding_format'],
  [{ model: 'plain', input: 'a', dimensions: 1 }, 400, 'dimensions'],
  [{ model: 'unit', input: 'a', dimensions: 2 }, 400, 'dimensions'],
  [{ model: 'unit', input: 'a', dimensions: 0 }, 400, 'dimensions'],
  [{ model: 'prompted', input: 'a', dimensions: 193 }, 400, 'dimensions'],
])('refused by name: %j', async (body, status, param) => {
  const response = await gateway.post(PATH, body)
  expect(response.status).toBe(status)
  expect(errorSchema.parse(await response.json()).error.param).toBe(param)
})

test('an input that the context does not hold is refused before anything runs', async () => {
  const response = await gateway.post(PATH, { model: 'plain', input: Array.from({ length: 1024 }, () => 5) })
  expect(response.status).toBe(400)
  expect(errorSchema.parse(await response.json()).error).toMatchObject({ code: 'context_length_exceeded', param: 'input' })
})
