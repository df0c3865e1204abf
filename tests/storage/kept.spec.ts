/** What a browser keeps of a model, in real Chromium against the stand-in hub. */
import { createHash } from 'node:crypto'
import { expect, test, type Page } from '@playwright/test'
import { openHarness, type Harness } from '../harness/browser.ts'
import { startHub, type StandInHub } from '../harness/hub.ts'
import { seededBytes } from '../harness/seeded.ts'
import { askedBytes, openProfile, readIn } from './profiles.ts'
import type { Answer, Task } from './reading.page.ts'

const MIB = 2 ** 20
const BYTES = seededBytes(20240, 24 * MIB)
const FILE = 'model.safetensors'
const CONFIG = '{"model_type":"llama"}'
const files = { [FILE]: BYTES, 'config.json': new TextEncoder().encode(CONFIG) }
const digest = (start: number, end: number): string => createHash('sha256').update(BYTES.subarray(start, end)).digest('hex')
const TEXTS = { texts: ['config.json', 'none.json'] }
const SHARD = {
  ranges: [
    { file: FILE, start: 100, end: 9_000_100 },
    { file: FILE, start: 12_000_000, end: 15_000_000 },
  ],
}
const SHARD_DIGESTS = SHARD.ranges.map(({ start, end }) => digest(start, end))
const WHOLE = { ranges: [{ file: FILE, start: 0, end: BYTES.length }] }
const WHOLE_DIGESTS = [digest(0, BYTES.length)]

let harness: Harness
test.beforeAll(async () => {
  harness = await openHarness()
})
test.afterAll(() => harness.close())
const read = (page: Page, hub: StandInHub, task: Partial<Task>): Promise<Answer> => readIn(harness, page, hub, task)
const keptBytes = (answer: Answer): number => answer.models[0]?.files.find(({ file }) => file === FILE)?.bytes ?? 0

test('a second visit reads the same shard without one byte of a body, with the hub there and with the hub gone', async () => {
  const { page, again } = await openProfile(harness)
  const hub = await startHub(files)
  const right = { error: null, digests: SHARD_DIGESTS, texts: [CONFIG, null], state: { kind: 'opfs', problem: null } }
  const first = await read(page, hub, { ...TEXTS, ...SHARD })
  expect(first).toMatchObject(right)
  expect(first.models).toHaveLength(1)
  expect(first.models[0]).toMatchObject({ name: `org/name of ${new URL(hub.endpoint).host}`, address: `${hub.endpoint}/org/name/resolve/main` })
  expect(first.models[0]?.files).toContainEqual({ file: FILE, bytes: 12_000_000, sizeBytes: BYTES.length })
  await page.close()
  hub.requests.length = 0
  const second = await again()
  expect(await read(second, hub, { ...TEXTS, ...SHARD })).toMatchObject(right)
  expect(hub.requests.length).toBeGreaterThan(0)
  expect(hub.requests.filter(({ method }) => method !== 'HEAD')).toEqual([])
  await second.close()
  await hub[Symbol.asyncDispose]()
  expect(await read(await again(), hub, { ...TEXTS, ...SHARD })).toMatchObject(right)
})

test('a tab killed in mid-download has kept what came; after a reload only the missing bytes are asked for', async () => {
  const { page, again } = await openProfile(harness)
  await using hub = await startHub(files)
  // The first piece comes whole, the two others stop in their middle.
  hub.fault = ({ range }) => (range && range.start > 0 ? { type: 'held', afterBytes: 5 * MIB } : null)
  const reading = read(page, hub, WHOLE).catch(() => null)
  const watcher = await again()
  await expect.poll(async () => keptBytes(await read(watcher, hub, {}))).toBe(16 * MIB)
  await page.goto('chrome://crash').catch(() => undefined)
  await reading
  hub.fault = () => null
  hub.requests.length = 0
  const next = await again()
  const kept = keptBytes(await read(next, hub, {}))
  expect(kept).toBeGreaterThanOrEqual(16 * MIB)
  expect(await read(next, hub, WHOLE)).toMatchObject({ error: null, digests: WHOLE_DIGESTS })
  expect(askedBytes(hub.requests)).toBe(BYTES.length - kept)
})

test('17: of pieces that were evicted, damaged or cut off, exactly these are fetched again', async () => {
  const { page, again } = await openProfile(harness)
  await using hub = await startHub(files)
  expect(await read(page, hub, WHOLE)).toMatchObject({ error: null })
  const names = await harness.call<readonly string[]>('tests/storage/reading.page.ts', 'damage', null, page)
  const lengths = names.map((name) => Number(name.split('-')[3]))
  await page.close()
  hub.requests.length = 0
  const next = await again()
  expect(await read(next, hub, WHOLE)).toMatchObject({ error: null, digests: WHOLE_DIGESTS })
  expect(askedBytes(hub.requests)).toBe(lengths.reduce((sum, length) => sum + length, 0))
  hub.requests.length = 0
  expect(await read(next, hub, WHOLE)).toMatchObject({ error: null, digests: WHOLE_DIGESTS })
  expect(askedBytes(hub.requests)).toBe(0)
})

test('tabs of one browser that read the same model at once neither lock nor corrupt each other', async () => {
  const { page, again } = await openProfile(harness)
  await using hub = await startHub(files)
  const tabs = [page, await again(), await again()]
  const answers = await Promise.all(tabs.map((tab) => read(tab, hub, { ...TEXTS, ...WHOLE })))
  for (const answer of answers) expect(answer).toMatchObject({ error: null, digests: WHOLE_DIGESTS, texts: [CONFIG, null] })
  hub.requests.length = 0
  expect(await read(await again(), hub, WHOLE)).toMatchObject({ error: null, digests: WHOLE_DIGESTS })
  expect(askedBytes(hub.requests)).toBe(0)
})

test('a model that is removed is gone, and a reader that has it open reads on and keeps it again', async () => {
  const { page, again } = await openProfile(harness)
  await using hub = await startHub(files)
  expect((await read(page, hub, SHARD)).models).toHaveLength(1)
  const other = await again()
  expect(await read(other, hub, { remove: true })).toMatchObject({ models: [] })
  const after = await read(page, hub, SHARD)
  expect(after).toMatchObject({ error: null, digests: SHARD_DIGESTS })
  expect(keptBytes(after)).toBe(12_000_000)
})

test('17: when the browser gives no more room the load goes on in memory, and the page has a sentence for it', async () => {
  const { page } = await openProfile(harness)
  await using hub = await startHub(files)
  const session = await page.context().newCDPSession(page)
  await session.send('Storage.overrideQuotaForOrigin', { origin: harness.origin, quotaSize: 6 * MIB })
  const full = await read(page, hub, WHOLE)
  expect(full).toMatchObject({ error: null, digests: WHOLE_DIGESTS, state: { kind: 'opfs', problem: expect.stringMatching(/no more room/) } })
  await session.send('Storage.overrideQuotaForOrigin', { origin: harness.origin })
  expect(await read(page, hub, { ...WHOLE, remove: true })).toMatchObject({ error: null, digests: WHOLE_DIGESTS, state: { problem: null } })
})

for (const [kind, forbids, reason] of [
  ['cache', ['opfs'], /cache: this browser has no private file system/],
  ['memory', ['opfs', 'cache'], /in memory until this page closes/],
  ['memory', ['secure'], /only to pages by https/],
] as const) {
  test(`without ${forbids.join(' and ')} models are kept in ${kind}, and the reason is said`, async () => {
    const { page, again } = await openProfile(harness)
    await using hub = await startHub(files)
    const task = { ...TEXTS, ...SHARD, forbids }
    const right = { error: null, digests: SHARD_DIGESTS, texts: [CONFIG, null], state: { kind } }
    const first = await read(page, hub, task)
    expect(first).toMatchObject(right)
    expect(first.state?.reason).toMatch(reason)
    hub.requests.length = 0
    expect(await read(page, hub, task)).toMatchObject(right)
    expect(askedBytes(hub.requests)).toBe(0)
    await page.close()
    expect(await read(await again(), hub, task)).toMatchObject(right)
    expect(askedBytes(hub.requests)).toBe(kind === 'cache' ? 0 : 12_000_000)
  })
}

test('a file that has changed at the hub is fetched anew, and its old version goes', async () => {
  const { page, again } = await openProfile(harness)
  await using hub = await startHub(files)
  expect(await read(page, hub, SHARD)).toMatchObject({ error: null })
  hub.fault = ({ from }) => (from === 'cdn' ? { type: 'other-version' } : null)
  hub.requests.length = 0
  const after = await read(await again(), hub, SHARD)
  expect(after).toMatchObject({ error: null, digests: SHARD_DIGESTS })
  expect(askedBytes(hub.requests)).toBe(12_000_000)
  expect(after.models[0]?.bytes).toBe(12_000_000)
})

test('37: when all parts of a file have come over time the whole is checked against its SHA-256, and wrong bytes do not stay', async () => {
  const { page } = await openProfile(harness)
  await using hub = await startHub(files)
  hub.fault = ({ range }) => (range?.start === 0 ? { type: 'wrong-bytes' } : null)
  const half = BYTES.length / 2
  expect(await read(page, hub, { ranges: [{ file: FILE, start: 0, end: half }] })).toMatchObject({ error: null })
  const rest = { ranges: [{ file: FILE, start: half, end: BYTES.length }] }
  const checked = await read(page, hub, rest)
  expect(checked.error).toMatchObject({ code: 'bad_checkpoint', message: expect.stringMatching(/model\.safetensors of 127\.0\.0\.1:\d+ .*SHA-256/) })
  hub.fault = () => null
  expect(await read(page, hub, WHOLE)).toMatchObject({ error: null, digests: WHOLE_DIGESTS })
})
