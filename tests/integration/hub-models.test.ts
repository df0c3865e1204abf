/** Models of a hub as the gateway finds them, against the stand-in hub. */
import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { expect, test } from 'vitest'
import { belowHub, createHubModels } from '../../api-gateway/hub-models.ts'
import { createModelCatalog } from '../../api-gateway/model-catalog.ts'
import { hubSource, hubUrl } from '../../core/model/hub-source.ts'
import { describeModel } from '../../core/model/describe-model.ts'
import { systemClock } from '../../runtime/system-clock.ts'
import { startHub } from '../harness/hub.ts'

const EMBER = path.join(import.meta.dirname, '../../models/ember')

async function emberFiles(): Promise<Readonly<Record<string, Uint8Array>>> {
  const names = (await readdir(EMBER)).filter((name) => /\.(json|safetensors)$/.test(name))
  return Object.fromEntries(await Promise.all(names.map(async (name) => [name, await readFile(path.join(EMBER, name))] as const)))
}

test('a model that no folder has is found on the hub, with the address where devices read it, and tokenizes', async () => {
  await using hub = await startHub(await emberFiles())
  const models = createModelCatalog([path.dirname(EMBER)], createHubModels(hub.endpoint, 'secret'))
  const entry = await models.find('org/name')
  expect(entry).toMatchObject({ id: 'org/name', folder: null, source: `${hub.endpoint}/org/name/resolve/main` })
  const [local, remote] = await Promise.all([models.find('ember').then(models.text), models.text(entry)])
  expect(remote.encode('Once upon a time')).toEqual(local.encode('Once upon a time'))
  expect(local.encode('Once upon a time').length).toBeGreaterThan(2)
  expect(hub.requests.every(({ from, authorization }) => authorization === (from === 'hub' ? 'Bearer secret' : null))).toBe(true)
  const asked = hub.requests.length
  await models.find('org/name')
  expect(hub.requests).toHaveLength(asked)
})

test('a name that the hub does not know is model_not_found; one without a slash, and files, never ask it', async () => {
  await using hub = await startHub({})
  const models = createModelCatalog([], createHubModels(hub.endpoint, null))
  await expect(models.find('org/none')).rejects.toMatchObject({ code: 'model_not_found', message: /org\/none/ })
  expect(hub.requests).toHaveLength(1)
  await expect(models.find('gpt-4')).rejects.toMatchObject({ code: 'model_not_found' })
  expect(await models.folderOf('org/none')).toBeNull()
  expect(hub.requests).toHaveLength(1)
})

test('a checkpoint of the hub is described from its ranges alone, and the label names repository and host', async () => {
  const files = await emberFiles()
  await using hub = await startHub(files)
  const options = { fetch: (url: string, init: RequestInit) => fetch(url, init), clock: systemClock, random: Math.random }
  const source = hubSource('hf:org/name@v1.0', hub.endpoint, options)
  expect((await describeModel(source)).config.numLayers).toBeGreaterThan(0)
  expect(source.label).toBe(`org/name@v1.0 of ${new URL(hub.endpoint).host}`)
  expect(hub.requests.filter(({ file, range }) => file.endsWith('.safetensors') && range === null)).toEqual([])
})

test('a revision is one part of the address; anything that climbs out of the repository is refused', () => {
  expect(hubUrl('hf:org/name@refs/pr/7', 'https://hub.example/')).toBe('https://hub.example/org/name/resolve/refs%2Fpr%2F7')
  for (const wrong of ['org/name', 'hf:name', 'hf:org/../x', 'hf:org/name@', 'hf:org/name@../main', 'hf:org/name/file', 'hf:org/name@a?b']) {
    expect(() => hubUrl(wrong, 'https://hub.example')).toThrow(/hf:ORG\/NAME/)
  }
})

test('a wish sends the server to its hub only: not to another host, a look-alike, or out of the endpoint by dots', () => {
  const endpoint = 'https://hub.example/mirror'
  expect(belowHub(`${endpoint}/org/name/resolve/main`, endpoint)).toBe(`${endpoint}/org/name/resolve/main`)
  const others = [
    'http://169.254.169.254/x',
    'https://hub.example.evil/mirror/x',
    'https://hub.example/mirror/../x',
    'https://hub.example@evil/mirror/x',
    '/x',
  ]
  for (const other of others) expect(() => belowHub(other, endpoint)).toThrow(/its hub only/)
  expect(() => belowHub(`${endpoint}/org/name`, null)).toThrow(/its hub only/)
})
