/** Sources against a hub that misbehaves: each read ends right or in an error that names the file. */
import { createHash, randomBytes, webcrypto } from 'node:crypto'
import { expect, test } from 'vitest'
import type { HttpSourceOptions } from '../../core/model/http-file.ts'
import { httpSource } from '../../core/model/http-source.ts'
import type { ModelSource } from '../../core/model/model-source.ts'
import { startHub, type Fault, type StandInHub } from '../harness/hub.ts'
import { seededRandom } from '../harness/seeded.ts'

const BYTES = new Uint8Array(randomBytes(3_000_000))
const SMALL = new TextEncoder().encode('{"model_type":"llama"}')
const FILE = 'model.safetensors'
const files = { [FILE]: BYTES, 'config.json': SMALL }
const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/** Delays that a source asked for; all but the watch on a stalled connection are over at once. */
function options(delays: number[] = []): HttpSourceOptions {
  const timer = (delayMs: number, callback: () => void): (() => void) => {
    if (delayMs === 30_000) return () => undefined
    delays.push(delayMs)
    setImmediate(callback)
    return () => undefined
  }
  return {
    fetch: (url, init) => fetch(url, init),
    clock: { now: () => 0, timer },
    random: () => 0.5,
    sha256: (bytes) => webcrypto.subtle.digest('SHA-256', bytes),
  }
}

const open = (hub: StandInHub, more: Partial<HttpSourceOptions> = {}, delays: number[] = []): ModelSource =>
  httpSource(`${hub.endpoint}/org/name/resolve/main`, { ...options(delays), ...more })

const firstOnes = (count: number, fault: Fault, from: 'hub' | 'cdn' = 'cdn'): StandInHub['fault'] => {
  let left = count
  return (request) => (request.from === from && left-- > 0 ? fault : null)
}
const always =
  (fault: Fault): StandInHub['fault'] =>
  ({ from }) =>
    from === 'cdn' ? fault : null

test('18: a 20 MB file that is cut at 10 random (seeded) points is read byte-equal, and no byte twice', async () => {
  const large = new Uint8Array(randomBytes(20_000_000))
  await using hub = await startHub({ [FILE]: large })
  const random = seededRandom(20240)
  let cuts = 0
  hub.fault = ({ from, range }) => {
    if (from === 'hub' || !range || cuts === 10 || range.end - range.start < 2) return null
    cuts += 1
    return { type: 'cut', afterBytes: Math.floor(random() * (range.end - range.start - 1)) }
  }
  let counted = 0
  const bytes = await open(hub).readRange(FILE, 0, large.length, { onBytes: (count) => (counted += count) })
  expect(cuts).toBe(10)
  expect(digest(bytes)).toBe(digest(large))
  expect(counted).toBe(large.length)
})

test('a redirect is followed once; later ranges go straight to where it led', async () => {
  await using hub = await startHub(files)
  const source = open(hub)
  for (const at of [0, 1000, 2_000_000]) {
    expect(Buffer.compare(await source.readRange(FILE, at, at + 500), BYTES.subarray(at, at + 500))).toBe(0)
  }
  expect(hub.requests.map(({ from }) => from)).toEqual(['hub', 'cdn', 'cdn', 'cdn'])
})

test('a signed link that has expired is asked for again', async () => {
  await using hub = await startHub(files)
  const source = open(hub)
  await source.readRange(FILE, 0, 100)
  hub.expireLinks()
  expect(Buffer.compare(await source.readRange(FILE, 100, 200), BYTES.subarray(100, 200))).toBe(0)
  expect(hub.requests.map(({ from }) => from)).toEqual(['hub', 'cdn', 'cdn', 'hub', 'cdn'])
})

test('token and peer go to the host that was named and not to the one it redirects to', async () => {
  await using hub = await startHub(files)
  const source = open(hub, { token: 'secret' })
  await source.readRange(FILE, 0, 100)
  await source.readRange(FILE, 100, 200)
  expect(hub.requests.map(({ from, authorization }) => [from, authorization])).toEqual([
    ['hub', 'Bearer secret'],
    ['cdn', null],
    ['cdn', null],
  ])
})

test('a host that ignores Range is read once, whole, however many ranges are asked for at once', async () => {
  await using hub = await startHub(files)
  hub.fault = () => ({ type: 'ignores-range' })
  const source = open(hub)
  const starts = [5, 900_000, 2_999_900]
  const parts = await Promise.all(starts.map((start) => source.readRange(FILE, start, start + 100)))
  for (const [i, start] of starts.entries()) expect(Buffer.compare(parts[i] ?? SMALL, BYTES.subarray(start, start + 100))).toBe(0)
  expect(hub.requests.filter(({ from }) => from === 'cdn')).toHaveLength(1)
  await expect(source.readRange(FILE, 0, BYTES.length + 1)).rejects.toMatchObject({
    code: 'bad_checkpoint',
    message: expect.stringMatching(/model\.safetensors of 127/),
  })
})

test('a host that ignores Range is refused for a file above 256 MiB, before its bytes are read', async () => {
  await using hub = await startHub(files)
  const fetch: HttpSourceOptions['fetch'] = async (url, init) => {
    const response = await globalThis.fetch(url, init)
    return new Response(response.body, { status: 200, headers: { 'content-length': String(300 * 2 ** 20) } })
  }
  await expect(open(hub, { fetch }).readRange(FILE, 0, 10)).rejects.toMatchObject({
    code: 'source_unavailable',
    message: expect.stringMatching(/model\.safetensors of 127\.0\.0\.1:\d+ .*ignores Range.*larger than 256 MiB/),
  })
})

test('429 with Retry-After is waited for as long as the host says, in seconds or as a date', async () => {
  await using hub = await startHub(files)
  const delays: number[] = []
  hub.fault = firstOnes(1, { type: 'status', status: 429, headers: { 'retry-after': '7' } })
  await open(hub, {}, delays).readRange(FILE, 0, 10)
  expect(delays).toEqual([7000])
  const date = { date: 'Sun, 01 Jan 2023 00:00:00 GMT', 'retry-after': 'Sun, 01 Jan 2023 00:00:20 GMT' }
  hub.fault = firstOnes(1, { type: 'status', status: 503, headers: date }, 'hub')
  await open(hub, {}, delays).readRange(FILE, 0, 10)
  expect(delays).toEqual([7000, 20_000])
})

test('a host that asks for an hour of patience is told of at once, with the time', async () => {
  await using hub = await startHub(files)
  hub.fault = always({ type: 'status', status: 429, headers: { 'retry-after': '3600' } })
  await expect(open(hub).readRange(FILE, 0, 10)).rejects.toMatchObject({
    code: 'source_unavailable',
    message: expect.stringMatching(/model\.safetensors.*429/),
    detail: { retryAfterSeconds: 3600 },
  })
})

test('18: a host that stays down is tried 6 times with growing waits, then named', async () => {
  await using hub = await startHub(files)
  const delays: number[] = []
  hub.fault = always({ type: 'status', status: 502 })
  await expect(open(hub, {}, delays).readRange(FILE, 0, 10)).rejects.toMatchObject({
    code: 'source_unavailable',
    message: expect.stringMatching(/model\.safetensors of .*502/),
  })
  expect(delays).toEqual([375, 750, 1500, 3000, 6000])
})

test('connections cut before the answer are tried again, and told of when they stay so', async () => {
  await using hub = await startHub(files)
  hub.fault = firstOnes(3, { type: 'cut', afterBytes: 0 })
  expect(Buffer.compare(await open(hub).readRange(FILE, 7, 90), BYTES.subarray(7, 90))).toBe(0)
  hub.fault = () => ({ type: 'cut', afterBytes: 0 })
  await expect(open(hub).readRange(FILE, 0, 10)).rejects.toMatchObject({
    code: 'source_unavailable',
    message: expect.stringMatching(/model\.safetensors.*no answer/),
  })
})

test('18: a body that ends early is resumed; one that always does is told of with the byte reached', async () => {
  await using hub = await startHub(files)
  hub.fault = firstOnes(2, { type: 'truncated', afterBytes: 1000 })
  expect(Buffer.compare(await open(hub).readRange(FILE, 0, 9000), BYTES.subarray(0, 9000))).toBe(0)
  hub.fault = always({ type: 'truncated', afterBytes: 0 })
  await expect(open(hub).readRange(FILE, 500, 9000)).rejects.toMatchObject({
    code: 'source_unavailable',
    message: expect.stringMatching(/model\.safetensors.*broke off at byte 500/),
  })
})

test('a file that is shorter than its index says is a bad checkpoint', async () => {
  await using hub = await startHub(files)
  for (const start of [0, BYTES.length + 10]) {
    await expect(open(hub).readRange(FILE, start, BYTES.length + 50)).rejects.toMatchObject({
      code: 'bad_checkpoint',
      message: expect.stringMatching(/model\.safetensors/),
    })
  }
})

test('18: wrong bytes of a file that is read in whole are found by its hash', async () => {
  await using hub = await startHub({ ...files, 'tokenizer.json': BYTES.subarray(0, 2000) })
  hub.fault = always({ type: 'wrong-bytes' })
  const wrong = { code: 'bad_checkpoint', message: expect.stringMatching(/SHA-256/) }
  await expect(open(hub).readRange(FILE, 0, BYTES.length)).rejects.toMatchObject({
    ...wrong,
    message: expect.stringMatching(/model\.safetensors.*SHA-256/),
  })
  await expect(open(hub).readText('tokenizer.json')).rejects.toMatchObject(wrong)
  hub.fault = ({ from }, count) => (from === 'cdn' ? { type: count % 2 === 0 ? 'wrong-bytes' : 'ignores-range' } : null)
  await expect(open(hub).readRange(FILE, 0, 10)).resolves.toHaveLength(10)
})

test('18: a file that changes between two ranges is never mixed', async () => {
  await using hub = await startHub(files)
  const source = open(hub)
  await source.readRange(FILE, 0, 100)
  hub.fault = always({ type: 'other-version' })
  await expect(source.readRange(FILE, 100, 200)).rejects.toMatchObject({
    code: 'source_unavailable',
    message: expect.stringMatching(/model\.safetensors.*changed/),
  })
})

test('a text that is missing is null, a range of a missing file names it, and 403 speaks of a token', async () => {
  await using hub = await startHub(files)
  expect(await open(hub).readText('config.json')).toBe('{"model_type":"llama"}')
  expect(await open(hub).readText('none.json')).toBeNull()
  await expect(open(hub).readRange('none.gguf', 0, 8)).rejects.toMatchObject({
    code: 'source_unavailable',
    message: expect.stringMatching(/none\.gguf of .*404/),
  })
  hub.fault = () => ({ type: 'status', status: 403 })
  await expect(open(hub).readRange(FILE, 0, 8)).rejects.toMatchObject({ message: expect.stringMatching(/model\.safetensors.*403.*token/) })
})

test('cancelling ends all pieces with `cancelled`', async () => {
  await using hub = await startHub(files)
  const abort = new AbortController()
  const reading = open(hub).readRange(FILE, 0, BYTES.length, { signal: abort.signal, onBytes: () => abort.abort() })
  await expect(reading).rejects.toMatchObject({ code: 'cancelled', message: expect.stringMatching(/model\.safetensors/) })
})

/** What a browser does for a page of another origin: the answer is read only when the host allows it. Node knows no such rule. */
const asPage: HttpSourceOptions['fetch'] = async (url, { mode, ...init }) => {
  const response = await fetch(url, init)
  if (mode === 'no-cors' || response.headers.get('access-control-allow-origin') !== null) return response
  await response.body?.cancel()
  throw new TypeError('Failed to fetch')
}

test('a host without CORS is told of as such after the second try; a host that is down is not', async () => {
  await using hub = await startHub(files)
  const page = { fetch: asPage, pageOrigin: 'http://localhost:8080' }
  expect(await open(hub, page).readRange(FILE, 0, 10)).toHaveLength(10)
  hub.allowsOtherSites = false
  const delays: number[] = []
  await expect(open(hub, page, delays).readRange(FILE, 0, 10)).rejects.toMatchObject({
    code: 'source_unavailable',
    message: expect.stringMatching(/model\.safetensors of 127\.0\.0\.1:\d+ .*does not let pages of other sites read it \(CORS\)/),
  })
  expect(delays).toHaveLength(1)
  await hub[Symbol.asyncDispose]()
  await expect(open(hub, page).readRange(FILE, 0, 10)).rejects.toMatchObject({ message: expect.stringMatching(/model\.safetensors.*no answer/) })
})
