/** What a hub does wrong, met by a real browser through what it keeps: each read ends right, or in an error that names file and host. */
import { createHash } from 'node:crypto'
import { expect, test, type Page } from '@playwright/test'
import { openHarness, type Harness } from '../harness/browser.ts'
import { startHub, type Fault, type StandInHub } from '../harness/hub.ts'
import { seededBytes, seededRandom } from '../harness/seeded.ts'
import { readIn } from './profiles.ts'
import type { Answer } from './reading.page.ts'

const BYTES = seededBytes(20240, 12_000_000)
const FILE = 'model.safetensors'
const WHOLE = { file: FILE, start: 0, end: BYTES.length }
const RIGHT = { error: null, digests: [createHash('sha256').update(BYTES).digest('hex')] }
const wrong = (code: string, what: RegExp): Record<string, unknown> => ({
  error: { code, message: expect.stringMatching(new RegExp(`^model\\.safetensors of 127\\.0\\.0\\.1:\\d+ .*${what.source}`)) as unknown },
})

let harness: Harness
let page: Page
test.beforeAll(async () => {
  harness = await openHarness()
  page = harness.page
})
test.afterAll(() => harness.close())

async function readFrom(hub: StandInHub, ranges = [WHOLE]): Promise<Answer> {
  return readIn(harness, page, hub, { ranges, remove: true })
}
const firstOnes = (count: number, fault: Fault): StandInHub['fault'] => {
  let left = count
  return ({ from, method }) => (from === 'cdn' && method === 'GET' && left-- > 0 ? fault : null)
}
const always =
  (fault: Fault): StandInHub['fault'] =>
  ({ from }) =>
    from === 'cdn' ? fault : null

test('redirect to another host whose links expire: followed, and asked for again', async () => {
  await using hub = await startHub({ [FILE]: BYTES })
  let answered = 0
  hub.fault = ({ from }) => {
    if (from === 'cdn' && ++answered === 2) hub.expireLinks()
    return null
  }
  expect(await readFrom(hub)).toMatchObject(RIGHT)
  expect(hub.requests.filter(({ from }) => from === 'hub').length).toBeGreaterThan(1)
})

test('range ignored (200): the file is read once, whole', async () => {
  await using hub = await startHub({ [FILE]: BYTES })
  hub.fault = always({ type: 'ignores-range' })
  const halves = [
    { ...WHOLE, end: 5_000_000 },
    { ...WHOLE, start: 5_000_000 },
  ]
  expect(await readFrom(hub, [WHOLE, ...halves])).toMatchObject({ error: null, digests: [RIGHT.digests[0], expect.any(String), expect.any(String)] })
  expect(hub.requests.filter(({ from, method }) => from === 'cdn' && method === 'GET')).toHaveLength(1)
})

test('429 with Retry-After: waited for; an hour of it is told of at once', async () => {
  await using hub = await startHub({ [FILE]: BYTES })
  hub.fault = firstOnes(2, { type: 'status', status: 429, headers: { 'retry-after': '1' } })
  expect(await readFrom(hub)).toMatchObject(RIGHT)
  hub.fault = always({ type: 'status', status: 429, headers: { 'retry-after': '3600' } })
  expect(await readFrom(hub)).toMatchObject(wrong('source_unavailable', /429/))
})

test('37: wrong bytes: found by the hash, not kept', async () => {
  await using hub = await startHub({ [FILE]: BYTES })
  hub.fault = firstOnes(1, { type: 'wrong-bytes' })
  expect(await readFrom(hub)).toMatchObject(wrong('bad_checkpoint', /SHA-256/))
  expect(await readIn(harness, page, hub, { ranges: [WHOLE] })).toMatchObject(RIGHT)
})

test('18: truncated: the rest is asked for', async () => {
  await using hub = await startHub({ [FILE]: BYTES })
  hub.fault = firstOnes(2, { type: 'truncated', afterBytes: 100_000 })
  expect(await readFrom(hub)).toMatchObject(RIGHT)
})

test('404: told of at once', async () => {
  await using hub = await startHub({})
  expect(await readFrom(hub)).toMatchObject(wrong('source_unavailable', /404/))
  expect(hub.requests).toHaveLength(1)
})

test('no CORS: the browser keeps the answer from the page, and the error names it as a cause', async () => {
  await using hub = await startHub({ [FILE]: BYTES })
  hub.allowsOtherSites = false
  expect(await readFrom(hub)).toMatchObject(wrong('source_unavailable', /does not let pages of other sites read it \(CORS\)/))
})

test('18: slow: what comes in many small pieces is put together', async () => {
  await using hub = await startHub({ [FILE]: BYTES })
  hub.fault = always({ type: 'slow', pieces: 40 })
  expect(await readFrom(hub)).toMatchObject(RIGHT)
})

test('18: connection broken at 10 random (seeded) points: resumed at the byte reached each time', async () => {
  await using hub = await startHub({ [FILE]: BYTES })
  const random = seededRandom(7)
  let cuts = 0
  hub.fault = ({ from, range, method }) => {
    if (from === 'hub' || method === 'HEAD' || !range || cuts === 10 || range.end - range.start < 2) return null
    cuts += 1
    return { type: 'cut', afterBytes: 1 + Math.floor(random() * Math.min(2_000_000, range.end - range.start - 2)) }
  }
  expect(await readFrom(hub)).toMatchObject(RIGHT)
  expect(cuts).toBe(10)
})
