/** HTTP clients that go away, over a ring of two real devices: nothing of their answers goes on anywhere, and the next one is served. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { createModelCatalog } from '../../api-gateway/model-catalog.ts'
import { eventually, startGateway, type TestGateway } from '../harness/gateway.ts'
import { RING_MODEL, type MemoryRing } from '../harness/memory-ring.ts'
import { openNodeRing } from '../harness/node-ring.ts'
import { writeSpeakingModel } from '../harness/speaking-model.ts'

const CHAT = '/v1/chat/completions'
const root = mkdtempSync(path.join(tmpdir(), 'ringlet-abandoned-'))
const LONG = { model: RING_MODEL, messages: [{ role: 'user', content: 'Once' }], max_tokens: 10_000, stream: true }
let ring: MemoryRing
let gateway: TestGateway
beforeAll(async () => {
  const template = "{{ messages[0]['content'] }}"
  writeSpeakingModel(path.join(root, RING_MODEL), { template, pieces: ['on ', 'and '], isEndless: true, contextLength: 8192 })
  ring = await openNodeRing(path.join(root, RING_MODEL), 'simd', 'f32')
  gateway = await startGateway({}, { backend: { ...ring.client, view: ring.cluster.view }, models: createModelCatalog({ folders: [root] }) })
}, 60_000)
afterAll(async () => {
  await gateway[Symbol.asyncDispose]()
  await ring[Symbol.asyncDispose]()
  rmSync(root, { recursive: true, force: true })
})

/** Sequences of each device, as it says itself. */
const held = (): readonly number[] =>
  [...ring.cluster.view().peers.values()].filter(({ role }) => role === 'device').map(({ status }) => status.sequences)

/** An answer of which the first tokens have come. */
async function begun(signal: AbortSignal): Promise<void> {
  const response = await gateway.post(CHAT, LONG, { signal })
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  for (let text = ''; !text.includes('"content":"on ');) text += (await reader?.read())?.value ?? ''
}

test('a disconnect stops the work on all shards within 1 s', async () => {
  const abort = new AbortController()
  await begun(abort.signal)
  expect(held()).toEqual([1, 1])
  abort.abort()
  await eventually(() => held().every((sequences) => sequences === 0), 1000)
})

test('200 long answers given up, and the next is there within 5 s', { timeout: 120_000 }, async () => {
  for (let batch = 0; batch < 10; batch++) {
    const aborts = Array.from({ length: 20 }, () => new AbortController())
    const running = aborts.map(({ signal }) => begun(signal))
    await Promise.race(running)
    // Some have begun, others wait or are being read.
    for (const abort of aborts) abort.abort()
    await Promise.allSettled(running)
  }
  const next = await gateway.post(CHAT, { ...LONG, max_tokens: 5, stream: false }, { signal: AbortSignal.timeout(5000) })
  const answer = z.object({ choices: z.array(z.object({ message: z.object({ content: z.string() }) })) }).parse(await next.json())
  expect(answer.choices[0]?.message.content).toBe('on and on and on ')
  await eventually(() => held().every((sequences) => sequences === 0), 1000)
})
