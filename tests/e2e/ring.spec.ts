/** The promise of the project, checked on the real thing: tabs joined by WebRTC answer as the unsplit model does. */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test, type Page } from '@playwright/test'
import OpenAI from 'openai'
import { chat, clusterOf, EMBER, equalSamples, expectRing, SAMPLES, sequencesIn, startLiveCluster, type LiveCluster } from './live-cluster.ts'

const WEIGHTS = path.resolve(import.meta.dirname, '../../models/ember/model.safetensors')

test.describe.configure({ mode: 'serial', timeout: 240_000 })

test.describe('WASM tabs over WebRTC', () => {
  let cluster: LiveCluster
  let tabs: Page[]
  test.beforeAll(async ({ browser }) => {
    cluster = await startLiveCluster(['--no-local-device', '--devices', '3'])
    tabs = []
    for (let i = 0; i < 3; i++) tabs.push(await cluster.openDevice(browser))
    await cluster.placed(3)
  })
  test.afterAll(() => cluster.close())

  test('no device reads a byte of layers that it does not hold', async () => {
    const placement = await cluster.placed(3)
    const file = readFileSync(WEIGHTS)
    const headerEnd = 8 + Number(file.readBigUInt64LE(0))
    const header = JSON.parse(file.toString('utf8', 8, headerEnd)) as Record<string, { data_offsets: [number, number] }>
    for (const shard of placement.shards) {
      const isOwn = (tensor: string): boolean => {
        const layer = /^model\.layers\.(\d+)\./.exec(tensor)?.[1]
        if (layer !== undefined) return Number(layer) >= shard.startLayer && Number(layer) < shard.endLayer
        // Tied embeddings: the first shard looks tokens up in what the last one multiplies with.
        return tensor === 'model.embed_tokens.weight' ? shard.first || shard.last : shard.last
      }
      const own = Object.entries(header).flatMap(([tensor, entry]) => (tensor !== '__metadata__' && isOwn(tensor) ? [entry.data_offsets] : []))
      const read = cluster.modelBytes.filter((bytes) => bytes.peer === shard.peerId && bytes.file === 'model.safetensors' && bytes.end > headerEnd)
      expect(read.length).toBeGreaterThan(0)
      const foreign = read.flatMap(({ start, end }) => {
        const inside = own.reduce((sum, [from, to]) => sum + Math.max(0, Math.min(end, headerEnd + to) - Math.max(start, headerEnd + from)), 0)
        return inside === end - Math.max(start, headerEnd) ? [] : [[start, end]]
      })
      expect(foreign, `ranges that shard ${shard.startLayer}–${shard.endLayer} read beyond its own tensors`).toEqual([])
      const wanted = own.reduce((sum, [from, to]) => sum + to - from, 0)
      const got = read.reduce((sum, { start, end }) => sum + end - start, 0)
      // A tied table is read twice by a shard that is first and last.
      expect(got).toBeLessThanOrEqual(wanted + headerEnd + (shard.first && shard.last ? 4096 * 192 * 2 : 0))
    }
  })

  test('three tabs cover every layer once, each hop by WebRTC', () => expectRing(cluster.server.url, 'webrtc'))

  test('/v1/cluster and metrics tell what browsers say of the path of each hop', async () => {
    const { url } = cluster.server
    const told = async (): Promise<readonly (string | undefined)[]> => {
      const { peers, placements } = await clusterOf(url)
      const ring = placements[0]?.shards.map(({ peerId }) => peerId) ?? []
      return ring.map((id, i) => peers.find((peer) => peer.id === id)?.links.find((link) => link.peerId === ring[(i + 1) % ring.length])?.pair?.route)
    }
    await expect.poll(async () => (await told()).every((route) => route === 'host' || route === 'prflx'), { timeout: 15_000 }).toBe(true)
    expect(await told()).toHaveLength(3)
    const metrics = await (await fetch(`${url}/metrics`)).text()
    expect(metrics).toMatch(/^ringlet_pair_sent_bytes\{from="[^"]+",to="[^"]+",route="(host|prflx)"\} [1-9]/m)
    expect(metrics).toMatch(/^ringlet_pair_rtt_seconds\{/m)
  })

  for (const devices of [3, 2, 1]) {
    test(`all 30 greedy answers of the unsplit model, token for token, from ${devices} ${devices === 1 ? 'tab' : 'tabs'}`, async () => {
      await cluster.place(devices)
      expect(await equalSamples(cluster.server.url)).toEqual({ equal: 30, different: [] })
    })
  }

  test('eight streams at once each equal their solo run; one that is cancelled is freed on every shard within a second', async () => {
    await cluster.place(3)
    const { url } = cluster.server
    const questions = SAMPLES.slice(0, 8).map((sample) => sample.messages)
    const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none' })
    // The end of turn is banned, so that the ninth runs until somebody stops it.
    const endless = await client.chat.completions.create({
      model: EMBER,
      messages: [{ role: 'user', content: 'Tell me a story.' }],
      stream: true,
      temperature: 0,
      logit_bias: { '0': -100, '2': -100 },
    })
    const firstChunk = await endless[Symbol.asyncIterator]().next()
    expect(firstChunk.done).toBe(false)
    await expect.poll(() => sequencesIn(tabs)).toEqual([1, 1, 1])
    const answers = questions.map((messages) => chat(url, messages))
    endless.controller.abort()
    const cancelled = Date.now()
    expect((await Promise.all(answers)).map((answer) => answer.text)).toEqual(SAMPLES.slice(0, 8).map((sample) => sample.text))
    await expect.poll(() => sequencesIn(tabs), { intervals: [50] }).toEqual([0, 0, 0])
    test
      .info()
      .annotations.push({ type: 'figure', description: `eight answers done and every cache free ${Date.now() - cancelled} ms after the abort` })
  })

  test('cancelling the only stream frees its cache on all three shards within a second', async () => {
    const { url } = cluster.server
    const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none' })
    const stream = await client.chat.completions.create({
      model: EMBER,
      messages: [{ role: 'user', content: 'Tell me a story.' }],
      stream: true,
      temperature: 0,
      logit_bias: { '0': -100, '2': -100 },
    })
    await stream[Symbol.asyncIterator]().next()
    await expect.poll(() => sequencesIn(tabs)).toEqual([1, 1, 1])
    stream.controller.abort()
    await expect.poll(() => sequencesIn(tabs), { timeout: 1_000, intervals: [50] }).toEqual([0, 0, 0])
  })

  test('a second turn begins from the KV caches of the first on every tab, and answers as if it had not', async () => {
    await cluster.place(3)
    const clientOf = (apiKey: string) => new OpenAI({ baseURL: `${cluster.server.url}/v1`, apiKey, maxRetries: 0 })
    const ask = async (apiKey: string, messages: OpenAI.ChatCompletionMessageParam[]) => {
      const { choices, usage } = await clientOf(apiKey).chat.completions.create({ model: EMBER, messages, temperature: 0 })
      return { text: choices[0]?.message.content ?? '', cached: usage?.prompt_tokens_details?.cached_tokens, prompt: usage?.prompt_tokens ?? 0 }
    }
    const [question = '', more = ''] = [2, 3].map((index) => SAMPLES[index]?.messages[0]?.content)
    const first = await ask('mine', [{ role: 'user', content: question }])
    const turns: OpenAI.ChatCompletionMessageParam[] = [
      { role: 'user', content: question },
      { role: 'assistant', content: first.text },
      { role: 'user', content: more },
    ]
    const second = await ask('mine', turns)
    // Keys share nothing: another one's is computed whole.
    const whole = await ask('another', turns)
    expect([first.cached, whole.cached]).toEqual([0, 0])
    expect(second.cached).toBeGreaterThanOrEqual(first.prompt)
    expect(second.text).toBe(whole.text)
    expect(second.text).not.toBe('')
  })

  test('the official client lists models, chats, streams, aborts and gets typed errors', async () => {
    const client = new OpenAI({ baseURL: `${cluster.server.url}/v1`, apiKey: 'none', maxRetries: 0 })
    expect((await client.models.list()).data.map((model) => model.id)).toContain('ember')
    const sample = SAMPLES[1]
    if (!sample) throw new Error('no sample')
    const messages = [{ role: 'user' as const, content: sample.messages[0]?.content ?? '' }]
    const whole = await client.chat.completions.create({ model: EMBER, messages, temperature: 0 })
    expect(whole.choices[0]?.message.content).toBe(sample.text)
    let streamed = ''
    for await (const chunk of await client.chat.completions.create({ model: EMBER, messages, temperature: 0, stream: true }))
      streamed += chunk.choices[0]?.delta.content ?? ''
    expect(streamed).toBe(sample.text)
    await expect(client.chat.completions.create({ model: 'gpt-9', messages })).rejects.toMatchObject({ status: 404, code: 'model_not_found' })
    const long = [{ role: 'user' as const, content: 'word '.repeat(2000) }]
    await expect(client.chat.completions.create({ model: EMBER, messages: long })).rejects.toMatchObject({
      status: 400,
      code: 'context_length_exceeded',
    })
  })

  test('a device that closes its tab is gone, the ring forms anew over the others and answers', async () => {
    const { url } = cluster.server
    await cluster.place(1)
    // From one device to three again: what was given up is fetched anew.
    await cluster.place(3)
    await cluster.wish({ minDevices: 1, maxDevices: 3 })
    await tabs.pop()?.close()
    await cluster.placed(2)
    await expect.poll(async () => (await clusterOf(url)).peers.filter((peer) => peer.role === 'device').length).toBe(2)
    expect((await chat(url, SAMPLES[1]?.messages ?? [])).text).toBe(SAMPLES[1]?.text)
  })
})
