/** What a browser keeps of a model, in real Chromium against the stand-in hub. */
import { createHash } from 'node:crypto'
import { expect, test, type Page } from '@playwright/test'
import { openHarness, type Harness } from '../harness/browser.ts'
import { startHub, type StandInHub } from '../harness/hub.ts'
import type { Answer, Task } from './reading.page.ts'

/** The same bytes every time. */
function seededBytes(length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  for (let i = 0, x = 20240; i < length; i++) {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0
    bytes[i] = x >>> 24
  }
  return bytes
}
const BYTES = seededBytes(24_000_000)
const FILE = 'model.safetensors'
const CONFIG = '{"model_type":"llama"}'
const files = { [FILE]: BYTES, 'config.json': new TextEncoder().encode(CONFIG) }
const digest = (start: number, end: number): string => createHash('sha256').update(BYTES.subarray(start, end)).digest('hex')

let harness: Harness
test.beforeAll(async () => void (harness = await openHarness()))
test.afterAll(() => harness.close())

/** A page of its own browser profile; what it kept outlives it in `again`. */
async function openProfile(): Promise<{ page: Page; again: () => Promise<Page> }> {
  const page = await harness.openPage()
  return {
    page,
    again: async () => {
      const next = await page.context().newPage()
      await next.goto(`${harness.origin}/tests/harness/index.html`)
      return next
    },
  }
}
const read = (page: Page, hub: StandInHub, task: Partial<Task>): Promise<Answer> =>
  harness.call<Answer>(
    'tests/storage/reading.page.ts',
    'read',
    { address: `${hub.endpoint}/org/name/resolve/main`, texts: [], ranges: [], remove: false, forbids: [], ...task },
    page,
  )
const SHARD = [
  { file: FILE, start: 100, end: 9_000_100 },
  { file: FILE, start: 12_000_000, end: 15_000_000 },
]
const SHARD_DIGESTS = SHARD.map(({ start, end }) => digest(start, end))

test('a second visit reads the same shard without one byte of a body, with the hub there and with the hub gone', async () => {
  const { page, again } = await openProfile()
  const hub = await startHub(files)
  const first = await read(page, hub, { texts: ['config.json', 'none.json'], ranges: SHARD })
  expect(first).toMatchObject({ error: null, digests: SHARD_DIGESTS, texts: [CONFIG, null], state: { kind: 'opfs', problem: null } })
  expect(first.models).toHaveLength(1)
  expect(first.models[0]?.files).toEqual(
    expect.arrayContaining([{ file: FILE, bytes: 12_000_000, sizeBytes: BYTES.length }, expect.objectContaining({ file: 'config.json' })]),
  )
  await page.close()
  hub.requests.length = 0
  const second = await again()
  expect(await read(second, hub, { texts: ['config.json', 'none.json'], ranges: SHARD })).toMatchObject({
    error: null,
    digests: SHARD_DIGESTS,
    texts: [CONFIG, null],
  })
  expect(hub.requests.filter(({ method }) => method !== 'HEAD')).toEqual([])
  await second.close()
  await hub[Symbol.asyncDispose]()
  expect(await read(await again(), hub, { texts: ['config.json', 'none.json'], ranges: SHARD })).toMatchObject({
    error: null,
    digests: SHARD_DIGESTS,
    texts: [CONFIG, null],
  })
})
