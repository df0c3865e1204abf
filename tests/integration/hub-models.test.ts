/** Models of a hub as the gateway finds them, against the stand-in hub. */
import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { expect, test } from 'vitest'
import { farOpener, sharedAddress } from '../../api-gateway/hub-access.ts'
import { createHubModels } from '../../api-gateway/hub-models.ts'
import { createModelCatalog, type ModelCatalog } from '../../api-gateway/model-catalog.ts'
import { describeModel } from '../../core/model/describe-model.ts'
import { httpSource } from '../../core/model/http-source.ts'
import { modelId } from '../../protocol/ids.ts'
import { systemClock } from '../../runtime/system-clock.ts'
import { startGateway } from '../harness/gateway.ts'
import { startHub, type StandInHub } from '../harness/hub.ts'

const EMBER = path.join(import.meta.dirname, '../../models/ember')
const GGUF = path.join(import.meta.dirname, '../fixtures/gguf/llama/model.gguf')
const COMMIT = '0123456789abcdef0123456789abcdef01234567'

async function emberFiles(): Promise<Readonly<Record<string, Uint8Array>>> {
  const names = (await readdir(EMBER)).filter((name) => /\.(json|safetensors)$/.test(name))
  return Object.fromEntries(await Promise.all(names.map(async (name) => [name, await readFile(path.join(EMBER, name))] as const)))
}
function catalogOf({ endpoint }: StandInHub, token: string | null, folders: readonly string[] = []): ModelCatalog {
  const hub = { endpoint, token }
  return createModelCatalog({ folders, hub: createHubModels(hub), openFar: farOpener(hub, []) })
}
const gets = (hub: StandInHub) => hub.requests.filter(({ method }) => method === 'GET')

test('a model that no folder has is found on the hub, with the address where devices read it, and tokenizes', async () => {
  await using hub = await startHub(await emberFiles())
  const models = catalogOf(hub, 'secret', [path.dirname(EMBER)])
  const entry = await models.find('org/name')
  expect(entry).toMatchObject({ id: 'org/name', files: null, source: `${hub.endpoint}/org/name/resolve/main` })
  const [local, remote] = await Promise.all([models.find('ember').then(models.text), models.text(entry)])
  expect(remote.encode('Once upon a time')).toEqual(local.encode('Once upon a time'))
  expect(local.encode('Once upon a time').length).toBeGreaterThan(2)
  expect(gets(hub).every(({ from, authorization }) => authorization === (from === 'hub' ? 'Bearer secret' : null))).toBe(true)
  const asked = hub.requests.length
  await models.find('org/name')
  expect(hub.requests).toHaveLength(asked)
})

test('a revision, and a GGUF file of a repository, are part of the name; a commit that the hub tells is what devices read', async () => {
  await using hub = await startHub({ ...(await emberFiles()), 'q/tiny-Q4_0.gguf': await readFile(GGUF) })
  const models = catalogOf(hub, null)
  expect((await models.find('org/name@v1.0')).source).toBe(`${hub.endpoint}/org/name/resolve/v1.0`)
  const gguf = await models.find('org/name@v1.0/q/tiny-Q4_0.gguf')
  expect(gguf.source).toBe(`${hub.endpoint}/org/name/resolve/v1.0/q/tiny-Q4_0.gguf`)
  const { config, tensors } = await models.describe(gguf)
  expect(config.modelType).toBe('llama')
  expect([...tensors.values()][0]?.file).toBe('tiny-Q4_0.gguf')
  hub.commit = COMMIT
  expect((await models.find('org/name')).source).toBe(`${hub.endpoint}/org/name/resolve/${COMMIT}`)
  expect((await models.choose('https://huggingface.co/org/name/blob/main/q/tiny-Q4_0.gguf')).source).toBe(
    `${hub.endpoint}/org/name/resolve/${COMMIT}/q/tiny-Q4_0.gguf`,
  )
})

test('a name that the hub does not know is model_not_found and says what may be meant; one without a slash, and files, never ask it', async () => {
  await using hub = await startHub({})
  const models = catalogOf(hub, null)
  await expect(models.find('org/none')).rejects.toMatchObject({
    code: 'model_not_found',
    message: expect.stringMatching(/no config\.json of org\/none.*org\/none\/FILE\.gguf/),
  })
  await expect(models.find('org/none/x.gguf')).rejects.toMatchObject({
    code: 'model_not_found',
    message: expect.stringMatching(/no file x\.gguf of org\/none/),
  })
  expect(hub.requests).toHaveLength(2)
  await expect(models.find('gpt-4')).rejects.toMatchObject({ code: 'model_not_found' })
  expect(await models.filesOf(modelId('org/none'))).toBeNull()
  expect(hub.requests).toHaveLength(2)
})

test('a private repository without a token, or with one that does not open it, is refused with what to do', async () => {
  await using hub = await startHub(await emberFiles())
  hub.token = 'secret'
  await expect(catalogOf(hub, null).find('org/name')).rejects.toMatchObject({
    code: 'model_not_found',
    message: expect.stringMatching(/no access to org\/name \(401\).*HF_TOKEN/),
  })
  await expect(catalogOf(hub, 'other').find('org/name')).rejects.toMatchObject({
    code: 'model_not_found',
    message: expect.stringMatching(/gives the token of this server no access/),
  })
})

test('devices read a private repository through the server by a share of it alone: in ranges, resumed, without the token', async () => {
  const files = await emberFiles()
  await using hub = await startHub(files)
  hub.token = 'secret'
  hub.commit = COMMIT
  const access = { endpoint: hub.endpoint, token: 'secret' }
  const models = catalogOf(hub, 'secret')
  const { source } = await models.find('org/name')
  expect(source).toMatch(new RegExp(`^/hub/[0-9a-f]{32}/org/name/resolve/${COMMIT}$`))
  expect((await catalogOf(hub, 'secret').find('org/name')).source).toBe(source)
  await using gateway = await startGateway({}, { models, hub: access })
  const options = { fetch: (url: string, init: RequestInit) => fetch(url, init), clock: systemClock, random: Math.random }
  let cuts = 0
  hub.fault = ({ from, range }) => (from === 'cdn' && range && ++cuts === 1 ? { type: 'cut', afterBytes: 1000 } : null)
  const device = httpSource(gateway.url + source, options)
  const weights = files['model.safetensors'] ?? new Uint8Array()
  expect(Buffer.compare(await device.readRange('model.safetensors', 100, 90_000), weights.subarray(100, 90_000))).toBe(0)
  expect(cuts).toBeGreaterThan(1)
  expect(await device.readText('config.json')).toBe(new TextDecoder().decode(files['config.json']))
  expect(await device.readText('none.json')).toBeNull()
  expect(gateway.logged.join('')).not.toContain('secret')
  const wrongs = [
    source.replace(/[0-9a-f]{32}/, '0'.repeat(32)),
    source.replace('org/name', 'org/other'),
    `${source}/../../../../org/other/resolve/main`,
  ]
  for (const wrong of wrongs) expect((await fetch(`${gateway.url}${wrong}/config.json`)).status).toBe(404)
  expect(sharedAddress(`${source}/%2e%2e/%2e%2e/%2e%2e/other/resolve/main/config.json`, access)).toBeNull()
})

test('a checkpoint of the hub is described from its ranges alone', async () => {
  await using hub = await startHub(await emberFiles())
  const options = { fetch: (url: string, init: RequestInit) => fetch(url, init), clock: systemClock, random: Math.random }
  const source = httpSource(`${hub.endpoint}/org/name/resolve/v1.0`, options)
  expect((await describeModel(source)).config.numLayers).toBeGreaterThan(0)
  expect(source.label).toBe(`org/name@v1.0 of ${new URL(hub.endpoint).host}`)
  expect(hub.requests.filter(({ file, range }) => file.endsWith('.safetensors') && range === null)).toEqual([])
})

test('a model at an address that the server was started with is found by its name, listed, and read there', async () => {
  await using hub = await startHub({ 'tiny.gguf': await readFile(GGUF) })
  const address = `${hub.endpoint}/some/where/resolve/x/tiny.gguf`
  const models = createModelCatalog({ folders: [], addresses: new Map([[modelId('tiny'), address]]), openFar: farOpener(null, [address]) })
  const entry = await models.find('tiny')
  expect(entry).toMatchObject({ id: 'tiny', source: address, ownedBy: 'address' })
  expect(await models.list()).toEqual([entry])
  expect((await models.describe(entry)).config.modelType).toBe('llama')
})

test('a wish sends the server to its hub and the addresses it was given only: not to another host, a look-alike, or out of the endpoint by dots', () => {
  const endpoint = 'https://hub.example/mirror'
  const open = farOpener({ endpoint, token: 'secret' }, ['https://files.example/x.gguf'])
  expect(open(`${endpoint}/org/name/resolve/main`).label).toBe('org/name of hub.example')
  expect(open('https://files.example/x.gguf').gguf).toBe('x.gguf')
  const others = [
    'http://169.254.169.254/x',
    'https://hub.example.evil/mirror/x',
    'https://hub.example/mirror/../x',
    'https://hub.example@evil/mirror/x',
    'https://files.example/y.gguf',
    `/hub/${'0'.repeat(32)}/org/name/resolve/main`,
    '/x',
  ]
  for (const other of others) expect(() => open(other)).toThrow(/its hub only/)
  expect(() => farOpener(null, [])(`${endpoint}/org/name`)).toThrow(/its hub only/)
})
