/** Lending with a real server, engine and hub. Tests are named after the rows of the product's requirements for lending. */
import { readFileSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { expect as baseExpect, test, type Browser, type BrowserContext, type Page } from '@playwright/test'
import { encode } from 'uqr'
import { modelId } from '../../protocol/ids.ts'
import { formatBytes } from '../../web/ui/parts/quantities.ts'
import { startHub, type HubRequest, type StandInHub } from '../harness/hub.ts'
import { engineOf } from '../harness/page-app.ts'
import { chat, SAMPLES, startLiveCluster, type LiveCluster } from './live-cluster.ts'

const expect = baseExpect.configure({ timeout: 30_000 })
const EMBER = path.resolve(import.meta.dirname, '../../models/ember')
const NAMES = readdirSync(EMBER).filter((name) => /\.(json|safetensors)$/.test(name) && name !== 'samples.json')
const files: Record<string, Uint8Array> = Object.fromEntries(NAMES.map((name) => [name, readFileSync(path.join(EMBER, name))]))
const LONGEST = SAMPLES.toSorted((a, b) => b.generated_ids.length - a.generated_ids.length)[0]
const SHORTEST = SAMPLES.toSorted((a, b) => a.generated_ids.length - b.generated_ids.length)[0]
const EMBER_ID = modelId('ember')
const MIB = 2 ** 20

test.describe.configure({ mode: 'serial', timeout: 120_000 })

let hub: StandInHub
let cluster: LiveCluster
let context: BrowserContext
test.beforeAll(async ({ browser }) => {
  hub = await startHub(files, Infinity)
  cluster = await startLiveCluster(['--no-local-device'], { HF_ENDPOINT: hub.endpoint })
  context = await browser.newContext()
})
test.afterAll(async () => {
  await context.close()
  await cluster.close()
  await hub[Symbol.asyncDispose]()
})

async function open(where: Browser | BrowserContext, query: Readonly<Record<string, string>> = {}): Promise<Page> {
  const page = await where.newPage()
  page.on('pageerror', (error) => expect.soft(error.message).toBe(''))
  await page.goto(`${cluster.server.url}/contribute?${new URLSearchParams({ backend: 'simd', threads: '1', memory: '512', ...query })}`)
  return page
}
const weightBytes = (): number =>
  cluster.modelBytes.filter(({ file }) => file.endsWith('.safetensors')).reduce((sum, { start, end }) => sum + end - start, 0)
/** Devices that offer something. */
const lenders = (): readonly string[] =>
  [...cluster.server.view().peers.values()].filter(({ capabilities, role }) => capabilities !== null && role === 'device').map(({ name }) => name)
const stateOf = (name: string): string | undefined => [...cluster.server.view().peers.values()].find((peer) => peer.name === name)?.status.state

test('L1: an invitation leads straight to lending; the device is listed within 5 s of opening and ready within 30 s of joining', async ({
  browser,
}) => {
  const own = await startLiveCluster(['--no-local-device'])
  try {
    const made = (await (
      await fetch(`${own.server.url}/v1/invites`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ name: 'Guest', expires: '1h' }),
      })
    ).json()) as { readonly path: string }
    const page = await (await browser.newContext()).newPage()
    await page.goto(own.server.url + made.path)
    await expect.poll(() => [...own.server.view().peers.values()].filter(({ role }) => role === 'device').length, { timeout: 5_000 }).toBe(1)
    await page.getByRole('button', { name: 'Join the ring' }).click()
    await expect(page.getByRole('status').filter({ hasText: /Joined, no layers yet|Serving layers/ })).toBeVisible({ timeout: 30_000 })
    // The code on the cluster page is the same link.
    await page.getByRole('link', { name: 'Cluster' }).click()
    const { size } = encode(own.server.url + made.path, { ecc: 'M', border: 2 })
    await expect(page.getByRole('img', { name: 'QR code of the join link' })).toHaveAttribute('viewBox', `0 0 ${size} ${size}`)
    await expect(page.getByText(own.server.url + made.path)).toBeVisible()
    await page.context().close()
  } finally {
    await own.close()
  }
})

test('L2: what was found are the adapter’s own numbers', async () => {
  const page = await open(context)
  const found = page.getByRole('region', { name: 'What this device has' })
  const told = await page.evaluate(async () => {
    const adapter = await navigator.gpu?.requestAdapter({ powerPreference: 'high-performance' })
    const { usage = 0, quota = 0 } = await navigator.storage.estimate()
    return {
      buffer: adapter?.limits.maxBufferSize ?? null,
      halves: adapter?.features.has('shader-f16') ?? false,
      cores: navigator.hardwareConcurrency,
      free: quota - usage,
    }
  })
  if (told.buffer === null) await expect(found).toContainText('None: no GPU adapter was found')
  else await expect(found).toContainText(`buffers up to ${formatBytes(told.buffer)}, 16-bit floats: ${told.halves ? 'yes' : 'no'}`)
  await expect(found).toContainText(told.cores === 1 ? '1 core' : `${told.cores} cores`)
  await expect(found).toContainText(`${formatBytes(told.free)} free`)
  await page.close()
})

test('L3: it tells the layers that it then gets and what was measured of them, before a byte of a weight has come', async () => {
  const page = await open(context, { name: 'Estimated' })
  const card = page.getByRole('region', { name: 'What it could hold' })
  await expect(card).toContainText(/This device can hold layers 0–7 of Ember, about [\d.]+ ms each for a token/)
  // The header of a file says what tensors it has; no tensor was read.
  expect(weightBytes()).toBeLessThan(64 * 1024)
  await page.getByRole('button', { name: 'Join the ring' }).click()
  await cluster.placed(1)
  await expect(page.getByText('Serving layers 0–7 of Ember')).toBeVisible()
  expect(weightBytes()).toBeGreaterThan(MIB)
})

test('L8, L9: what flows through is counted live, and what was given survives a reload', async () => {
  const [page] = context.pages()
  if (!page || !SHORTEST) throw new Error('no device')
  expect((await chat(cluster.server.url, SHORTEST.messages)).text).toBe(SHORTEST.text)
  const work = () => engineOf(page, (engine) => engine.device().work)
  await expect.poll(async () => (await work()).tokens).toBeGreaterThan(SHORTEST.generated_ids.length)
  const counted = await work()
  expect(counted.requests).toBeGreaterThan(0)
  expect(Math.min(counted.bytesIn, counted.bytesOut)).toBeGreaterThan(0)
  await expect(page.getByRole('region', { name: 'What flows through' })).toContainText(/Given in all visits: [\d,]+ tokens/)
  // Speeds fall to nothing when nothing runs.
  await expect.poll(async () => (await work()).tokensPerSecond).toBe(0)
  const given = await engineOf(page, (engine) => engine.contributed())
  expect(given.tokens).toBe((await work()).tokens)
  await page.reload()
  expect(await engineOf(page, (engine) => engine.contributed())).toEqual(given)
  await page.close()
})

test('L7: a device that leaves finishes what it runs, others take its layers over, and only then it is gone', async ({ browser }) => {
  if (!LONGEST) throw new Error('no sample')
  const [first, second] = [
    await open(context, { auto: '1', name: 'Leaving' }),
    await open(await browser.newContext(), { auto: '1', name: 'Staying' }),
  ]
  await cluster.place(2)
  const asked = chat(cluster.server.url, LONGEST.messages)
  await expect.poll(() => engineOf(first, (engine) => engine.device().sequences)).toBeGreaterThan(0)
  await first.getByRole('button', { name: 'Leave' }).click()
  await expect(first.getByText('Handing over…')).toBeVisible()
  expect((await asked).text).toBe(LONGEST.text)
  // Its leaving is acknowledged: only then the page offers to join again.
  await expect(first.getByRole('button', { name: 'Join the ring' })).toBeVisible({ timeout: 60_000 })
  expect(lenders()).not.toContain('Leaving')
  await cluster.place(1)
  expect(cluster.server.view().placements.get(EMBER_ID)?.shards).toHaveLength(1)
  await first.close()
  await second.context().close()
})

/** A battery that a test drains and fills. */
const playBattery = (): void => {
  const battery = Object.assign(new EventTarget(), { level: 1, charging: false })
  Reflect.set(window, 'battery', battery)
  Reflect.set(navigator, 'getBattery', async () => battery)
}
const drain = (page: Page, level: number): Promise<void> =>
  page.evaluate((to) => {
    const battery: unknown = Reflect.get(window, 'battery')
    if (!(battery instanceof EventTarget)) throw new Error('no battery')
    Reflect.set(battery, 'level', to)
    battery.dispatchEvent(new Event('levelchange'))
  }, level)

test('L6: at 30 % of its battery a device holds back, still does at 45 %, and goes on at 50 % by itself', async ({ browser }) => {
  const own = await browser.newContext()
  await own.addInitScript(playBattery)
  const page = await open(own, { auto: '1', name: 'On battery' })
  await cluster.placed(1)
  await drain(page, 0.3)
  await expect(page.getByText('Holding back')).toBeVisible()
  await expect.poll(() => stateOf('On battery')).toBe('paused')
  await drain(page, 0.45)
  await expect(page.getByText('Holding back')).toBeVisible()
  await drain(page, 0.5)
  await expect(page.getByText('Holding back')).toHaveCount(0)
  await expect.poll(() => stateOf('On battery')).not.toBe('paused')
  await cluster.placed(1)
  await own.close()
})

test('L13: where the browser tells nothing of battery, network and use, their limits are absent and nothing fails', async ({ browser }) => {
  const own = await browser.newContext()
  await own.addInitScript(() => {
    Reflect.deleteProperty(Navigator.prototype, 'getBattery')
    Reflect.deleteProperty(Navigator.prototype, 'connection')
    Reflect.deleteProperty(window, 'IdleDetector')
  })
  const page = await open(own)
  const limits = page.getByRole('region', { name: 'Limits' })
  await expect(limits.getByText('This browser tells pages nothing of battery')).toBeVisible()
  await expect(limits.getByRole('checkbox')).toHaveCount(0)
  await expect(limits.getByLabel('Share of its computing time')).toBeVisible()
  await own.close()
})

test('L10: the switch for the screen shows what the browser truly grants, and it is asked again after the page was hidden', async ({ browser }) => {
  const own = await browser.newContext()
  await own.addInitScript(() => {
    const held: EventTarget[] = []
    Reflect.set(window, 'sentinels', held)
    const request = async (): Promise<EventTarget> => {
      const sentinel = Object.assign(new EventTarget(), { release: async () => sentinel.dispatchEvent(new Event('release')) })
      held.push(sentinel)
      return sentinel
    }
    Object.defineProperty(navigator, 'wakeLock', { value: { request } })
  })
  const page = await open(own, { auto: '1', name: 'Awake' })
  const show = (state: 'hidden' | 'visible'): Promise<void> =>
    page.evaluate((value) => {
      Object.defineProperty(document, 'visibilityState', { value, configurable: true })
      const sentinels: unknown = Reflect.get(window, 'sentinels')
      if (value === 'hidden' && Array.isArray(sentinels))
        for (const one of sentinels) if (one instanceof EventTarget) one.dispatchEvent(new Event('release'))
      document.dispatchEvent(new Event('visibilitychange'))
    }, state)
  const toggle = page.getByLabel('Keep the screen on')
  await expect(page.getByText('The screen stays on while this page is in sight.')).toBeVisible()
  await expect(toggle).toBeChecked()
  await show('hidden')
  await expect(page.getByText('The browser does not keep the screen on right now.')).toBeVisible()
  await show('visible')
  await expect(page.getByText('The screen stays on while this page is in sight.')).toBeVisible()
  await toggle.uncheck()
  await expect(page.getByText('The screen may turn off')).toBeVisible()
  await own.close()
})

test('L4: a reload goes on with what has come; a cancelled download frees its storage and ends its requests', async ({ browser }) => {
  const own = await browser.newContext()
  const page = await open(own, { auto: '1', name: 'Loading' })
  await cluster.placed(1)
  const kept = (): Promise<number> =>
    engineOf(page, async ({ stored }) => (await stored.list()).find(({ address }) => address.includes('org/held'))?.bytes ?? 0)
  const isHeld = ({ file, range }: HubRequest): boolean => file.endsWith('.safetensors') && range !== null && range.end > 5 * MIB
  // The weights stop in their middle; what only describes them comes.
  hub.fault = (request) => (isHeld(request) ? { type: 'held', afterBytes: 0 } : null)
  const asked = await fetch(`${cluster.server.url}/v1/cluster/placements`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'org/held' }),
  })
  expect(asked.status).toBe(202)
  const list = page.getByRole('list', { name: 'Files' })
  await expect(list).toContainText(/model\.safetensors.*\d+ %/s)
  await expect.poll(kept).toBeGreaterThan(MIB)
  const came = hub.requests.filter((request) => request.method === 'GET' && request.range && !isHeld(request))
  await page.reload()
  const before = hub.requests.length
  await expect(list).toContainText(/model\.safetensors.*\d+ %/s)
  await expect.poll(() => hub.requests.slice(before).some(isHeld)).toBe(true)
  const again = hub.requests.slice(before).filter(({ method, range }) => method === 'GET' && range)
  const overlaps = again.filter((next) =>
    came.some(
      (one) => one.file === next.file && (one.range?.start ?? 0) < (next.range?.end ?? 0) && (next.range?.start ?? 0) < (one.range?.end ?? 0),
    ),
  )
  expect(overlaps, 'nothing that was kept is asked for again').toEqual([])
  await page.getByRole('button', { name: 'Cancel and free the storage' }).click()
  await expect(page.getByRole('button', { name: 'Join the ring' })).toBeVisible()
  await expect.poll(kept).toBe(0)
  await expect.poll(hub.underWay).toBe(0)
  hub.fault = () => null
  await own.close()
})

test('L11: a page that is left says goodbye at once', async ({ browser }) => {
  const own = await browser.newContext()
  const page = await open(own, { auto: '1', name: 'Going' })
  await expect.poll(lenders).toContain('Going')
  await page.goto('about:blank')
  await expect.poll(() => [...cluster.server.view().peers.values()].map(({ name }) => name), { timeout: 5_000 }).not.toContain('Going')
  await own.close()
})
