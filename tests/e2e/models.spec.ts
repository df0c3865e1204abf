/** The Models page on the real thing: two tabs lend, a third page adds models from a hub and from files, stops, resumes, asks and deletes. */
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { expect as baseExpect, test, type Locator, type Page } from '@playwright/test'
import { startHub, type StandInHub } from '../harness/hub.ts'
import { engineOf } from '../harness/page-app.ts'
import { SAMPLES, startLiveCluster, type LiveCluster } from './live-cluster.ts'

/** What is waited for takes as long as the machine does. */
const expect = baseExpect.configure({ timeout: 30_000 })
const EMBER = path.resolve(import.meta.dirname, '../../models/ember')
const NAMES = readdirSync(EMBER).filter((name) => /\.(json|safetensors)$/.test(name) && name !== 'samples.json')
const files: Record<string, Uint8Array> = Object.fromEntries(NAMES.map((name) => [name, readFileSync(path.join(EMBER, name))]))
const WEIGHTS_BYTES = files['model.safetensors']?.length ?? 0

test.describe.configure({ mode: 'serial', timeout: 120_000 })

let hub: StandInHub
let cluster: LiveCluster
let tabs: Page[]
let page: Page
test.beforeAll(async ({ browser }) => {
  // Without redirects: pages may read from the hub that the server is set to, and from no other host.
  hub = await startHub(files, Infinity)
  cluster = await startLiveCluster(['--no-local-device'], { HF_ENDPOINT: hub.endpoint })
  tabs = []
  for (let i = 0; i < 2; i++) tabs.push(await cluster.openDevice(browser))
  page = await (await browser.newContext({ viewport: { width: 1280, height: 900 } })).newPage()
  page.on('pageerror', (error) => expect.soft(error.message).toBe(''))
  await page.goto(`${cluster.server.url}/models`)
  await expect(page.getByRole('region', { name: 'Catalogue' }).getByRole('article')).not.toHaveCount(0, { timeout: 60_000 })
})
test.afterAll(async () => {
  await page.context().close()
  await cluster.close()
  await hub[Symbol.asyncDispose]()
})

const card = (id: string): Locator => page.getByRole('article').filter({ hasText: new RegExp(`\\b${id}\\b`) })
const press = (where: Locator, name: RegExp): Promise<void> => where.getByRole('button', { name }).click()
const lookUp = async (reference: string): Promise<void> => {
  await page.getByLabel('Name or address on the hub').fill(reference)
  await page.getByRole('button', { name: 'Look up' }).click()
}
/** Phases of a model's shards, as every device reports them. */
const phases = (model: string): readonly string[] =>
  [...cluster.server.view().peers.values()].flatMap((peer) => peer.status.shards.filter((shard) => shard.model === model).map(({ phase }) => phase))
/** Addresses of models that the tabs keep. */
const keptIn = (tab: Page): Promise<readonly string[]> => engineOf(tab, async ({ stored }) => (await stored.list()).map(({ address }) => address))
const askedBytes = (): number => hub.requests.reduce((sum, { method, range }) => sum + (method === 'GET' && range ? range.end - range.start : 0), 0)

async function expectAnswer(model: string): Promise<void> {
  await card(model).getByRole('link', { name: 'Ask in chat' }).click()
  await expect(page.getByText(/over 2 devices · ready/)).toBeVisible()
  const sample = SAMPLES[1]
  await page.getByLabel('Your question').fill(sample?.messages[0]?.content ?? '')
  await page.getByLabel('Your question').press('Enter')
  await expect(page.getByRole('log').getByText(sample?.text ?? 'nothing')).toBeVisible({ timeout: 30_000 })
  await page.getByRole('button', { name: 'New chat' }).click()
  await page.getByRole('link', { name: 'Models' }).click()
}

test('O10: a model by its address: progress by device, stop that stops the bytes, resume from what is there, an answer, delete', async () => {
  await lookUp(`${hub.endpoint}/org/tiny/tree/main`)
  await expect(card('org/tiny')).toContainText('3.9 M parameters')
  await expect(card('org/tiny')).toContainText('Fits over 2 devices here')
  // Each answer with weights brings half of what it should, and then hangs.
  hub.fault = ({ range }) => (range && range.end - range.start > 100_000 ? { type: 'held', afterBytes: (range.end - range.start) >> 1 } : null)
  await press(card('org/tiny'), /^Use/)
  await expect(card('org/tiny')).toContainText(/Downloading [1-9]\d? % over 2 devices/)
  await expect(card('org/tiny').getByRole('progressbar')).toHaveCount(2)
  await expect(card('org/tiny')).toContainText(/KB of .*MB|MB of .*MB/)
  await page.screenshot({ path: 'test-results/shots/models-live-downloading.png', fullPage: true })

  await press(card('org/tiny'), /^Stop/)
  await expect.poll(() => phases('org/tiny'), { timeout: 1_000, intervals: [50] }).toEqual(['paused', 'paused'])
  await expect(card('org/tiny')).toContainText(/Stopped at \d+ %/)
  await expect.poll(() => hub.underWay()).toBe(0)
  hub.fault = () => null
  const before = hub.requests.length
  const asked = askedBytes()
  await expect(page.getByText(/stopped at/).first()).toBeVisible()
  expect(hub.requests.length).toBe(before)

  await press(card('org/tiny'), /^Resume/)
  await expect(card('org/tiny')).toContainText('Ready over 2 devices', { timeout: 60_000 })
  // What had come was kept: less than the whole is asked for, by both devices together.
  expect(askedBytes() - asked).toBeGreaterThan(0)
  expect(askedBytes() - asked).toBeLessThan(WEIGHTS_BYTES * 0.9)
  await expectAnswer('org/tiny')

  for (const tab of tabs) expect(await keptIn(tab)).toContain(`${hub.endpoint}/org/tiny/resolve/main`)
  await press(card('org/tiny'), /^Delete/)
  await press(card('org/tiny'), /^Delete it$/)
  await expect.poll(() => phases('org/tiny')).toEqual([])
  for (const tab of tabs) await expect.poll(() => keptIn(tab)).not.toContain(`${hub.endpoint}/org/tiny/resolve/main`)
  // Nobody asked for it, and it is of no catalogue.
  await expect(card('org/tiny')).toHaveCount(0)
})

test('only downloaded, a model opens nothing; with the hub gone it is then used from what the browsers keep', async () => {
  await lookUp('org/later')
  await press(card('org/later'), /^Download only/)
  await expect(card('org/later')).toContainText('Downloaded over 2 devices, not loaded', { timeout: 60_000 })
  expect(phases('org/later')).toEqual(['stored', 'stored'])
  hub.fault = () => ({ type: 'cut', afterBytes: 0 })
  const asked = askedBytes()
  await press(card('org/later'), /^Use/)
  await expect(card('org/later')).toContainText('Ready over 2 devices', { timeout: 60_000 })
  expect(askedBytes()).toBe(asked)
  hub.fault = () => null
  await press(card('org/later'), /^Stop/)
  await expect(card('org/later')).toContainText('Stopped')
  await press(card('org/later'), /^Delete/)
  await press(card('org/later'), /^Delete it$/)
})

test('a folder of picked files is checked, uploaded, served by both tabs and deleted from the server', async () => {
  await page.getByLabel('Folder of a model').setInputFiles(EMBER)
  await page.getByLabel('Call it').fill('mine/ember-copy')
  await page.getByRole('button', { name: /^Upload/ }).click()
  await expect(card('mine/ember-copy')).toContainText('On this server, not loaded', { timeout: 30_000 })
  const folder = path.join(cluster.modelsDir, 'mine/ember-copy')
  expect(readFileSync(path.join(folder, 'model.safetensors')).equals(readFileSync(path.join(EMBER, 'model.safetensors')))).toBe(true)
  await press(card('mine/ember-copy'), /^Use/)
  await expect(card('mine/ember-copy')).toContainText('Ready over 2 devices', { timeout: 60_000 })
  await expectAnswer('mine/ember-copy')
  await press(card('mine/ember-copy'), /^Delete/)
  await expect(card('mine/ember-copy').getByRole('alert').filter({ hasText: 'and from the server' })).toBeVisible()
  await press(card('mine/ember-copy'), /^Delete it$/)
  await expect(card('mine/ember-copy')).toHaveCount(0)
  expect(existsSync(folder)).toBe(false)
  for (const tab of tabs) await expect.poll(() => keptIn(tab)).not.toContain(`${cluster.server.url}/models/mine/ember-copy`)
})

test('what cannot be is said in sentences: unknown, of another site, of an unknown family, too large by so much', async () => {
  const said = (text: RegExp): Promise<void> => expect(page.getByRole('alert').filter({ hasText: text })).toBeVisible()
  hub.fault = ({ file }) => (file === 'config.json' ? { type: 'status', status: 404 } : null)
  await lookUp('org/none')
  await said(/org\/none/)
  hub.fault = () => null
  await lookUp('https://evil.example/org/name')
  await said(/takes models from .*not from evil\.example/)
  await lookUp('a b')
  await said(/does not name a model|names no model/)
  const config = files['config.json'] ?? new Uint8Array()
  files['config.json'] = new TextEncoder().encode('{"model_type": "mamba9"}')
  await lookUp('org/odd')
  await said(/mamba9 is not supported; supported are .*llama/)
  files['config.json'] = config
  await expect(card('meta-llama/Llama-3.3-70B-Instruct')).toContainText(/Short by \d+(\.\d)? GB of memory/)
})
