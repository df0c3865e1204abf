import { Ajv2020 } from 'ajv/dist/2020.js'
import { expect, test } from 'vitest'
import { startGateway, type TestGateway } from '../../tests/harness/gateway.ts'
import { routesOf } from '../../tests/harness/routes.ts'
import { openApiPath } from './document.ts'
import { OPERATIONS } from './operations.ts'

type Media = { schema: object; example?: unknown }
type Described = { operationId: string; requestBody?: { content: { 'application/json': Media } } }
type Document = { openapi: string; paths: Record<string, Record<string, Described>> }
const documentOf = async ({ url }: TestGateway): Promise<Document> => (await (await fetch(`${url}/openapi.json`)).json()) as Document
const HUB = { endpoint: 'http://127.0.0.1:9', token: 'hub' }

test('every route of the gateway is in the document, and nothing else is', async () => {
  await using gateway = await startGateway({}, { hub: HUB })
  const { openapi, paths } = await documentOf(gateway)
  const described = Object.entries(paths).flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`))
  // Routers answer a path once by reading its body and once by what it does; middleware of a prefix is no route.
  const routes = routesOf(gateway.app.router.stack).map(({ method, path }) => `${method} ${openApiPath(path)}`)
  expect(openapi).toBe('3.1.0')
  expect(described.toSorted()).toEqual([...new Set(routes)].toSorted())
  const ids = Object.values(paths).flatMap((methods) => Object.values(methods).map(({ operationId }) => operationId))
  expect(new Set(ids).size).toBe(ids.length)
})

test('every example keeps to the schema beside it, and the gateway takes it', async () => {
  await using gateway = await startGateway({ answer: () => [300] }, { apiKeys: ['owner'] })
  const { paths } = await documentOf(gateway)
  const withBody = OPERATIONS.filter(({ body }) => body)
  expect(withBody.length).toBeGreaterThan(15)
  for (const { method, path, example, status = 200 } of withBody) {
    const media = paths[openApiPath(path)]?.[method.toLowerCase()]?.requestBody?.content['application/json']
    if (!media) throw new Error(`${method} ${path} has no body in the document`)
    expect([path, media.example]).toEqual([path, example])
    const validate = new Ajv2020({ strict: false, validateFormats: false }).compile(media.schema)
    expect([path, validate(example), validate.errors]).toEqual([path, true, null])
    // A schema that takes anything would say nothing.
    expect([path, validate([])]).toEqual([path, false])
    if (method !== 'POST' || path.includes('*')) continue
    const response = await gateway.post(path, example, { headers: { authorization: 'Bearer owner' } })
    expect([path, response.status, await response.text()]).toEqual([path, status, expect.any(String)])
  }
})

test('what the document forbids, the gateway refuses', async () => {
  await using gateway = await startGateway()
  const { paths } = await documentOf(gateway)
  for (const [path, wrong] of [
    ['/v1/chat/completions', { messages: [], model: 'ember' }],
    ['/v1/chat/completions', { messages: [{ role: 'user', content: 'x' }], temperature: 3 }],
    ['/v1/messages', { model: 'ember', messages: [{ role: 'user', content: 'x' }] }],
    ['/api/chat', { model: 'ember', messages: 'x' }],
    ['/detokenize', { model: 'ember', tokens: ['x'] }],
    ['/v1/keys', { name: 'x', scopes: ['all'] }],
  ] as const) {
    const schema = paths[path]?.['post']?.requestBody?.content['application/json'].schema ?? {}
    expect([path, new Ajv2020({ strict: false, validateFormats: false }).compile(schema)(wrong)]).toEqual([path, false])
    expect([path, (await gateway.post(path, wrong)).status]).toEqual([path, 400])
  }
})

test('the page needs no script and no key, allows neither, and names every path', async () => {
  await using gateway = await startGateway({}, { apiKeys: ['secret'] })
  const response = await fetch(`${gateway.url}/docs`)
  const page = await response.text()
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8'])
  const policy = response.headers.get('content-security-policy') ?? ''
  expect(policy).toContain("default-src 'none'")
  expect(policy).not.toContain('unsafe')
  expect(page).not.toMatch(/<script|\sstyle=|\son\w+=|<style/i)
  for (const { path } of OPERATIONS) expect(page).toContain(`<code>${openApiPath(path)}</code>`)
  const style = await fetch(`${gateway.url}/docs.css`)
  expect([style.status, style.headers.get('content-type')]).toEqual([200, 'text/css; charset=utf-8'])
  expect((await fetch(`${gateway.url}/openapi.json`)).status).toBe(200)
})
