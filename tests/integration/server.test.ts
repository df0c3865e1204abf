/** The whole server as `npm start` composes it, asked what it must refuse. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { io } from 'socket.io-client'
import { afterEach, describe, expect, test } from 'vitest'
import { folderSource } from '../../api-gateway/folder-source.ts'
import { startLocalDevice, type LocalDevice } from '../../api-gateway/local-device.ts'
import { createLog } from '../../api-gateway/log.ts'
import { parseOptions } from '../../api-gateway/options.ts'
import { startServer, type RunningServer } from '../../api-gateway/serve.ts'
import { loadText } from '../../core/text/text-model.ts'
import { peerId } from '../../protocol/ids.ts'
import type { Hello } from '../../protocol/signaling.ts'
import { PROTOCOL_VERSION } from '../../protocol/version.ts'

const home = mkdtempSync(path.join(tmpdir(), 'ringlet-server-'))
const closers: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
  rmSync(home, { recursive: true, force: true })
})

async function start(...args: readonly string[]): Promise<RunningServer> {
  const server = await startServer(parseOptions(['--port', '0', ...args], { RINGLET_HOME: home }), { log: createLog('silent') })
  closers.push(server.close)
  return server
}

async function say(url: string, hello: Partial<Hello>, transport: 'websocket' | 'polling' = 'websocket'): Promise<unknown> {
  const socket = io(url, { transports: [transport], forceNew: true, reconnection: false })
  try {
    const full = {
      version: PROTOCOL_VERSION,
      id: peerId('test-peer'),
      secret: 's'.repeat(40),
      name: 'Test',
      role: 'device',
      capabilities: null,
      ...hello,
    }
    return await new Promise((resolve) => socket.emit('hello', full, resolve))
  } finally {
    socket.disconnect()
  }
}

const ask = (url: string, body: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Response> =>
  fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
const errorOf = async (response: Response): Promise<unknown> => {
  const { error } = (await response.json()) as { error: { code: string } }
  return { status: response.status, code: error.code }
}
type Completion = { readonly choices: readonly { readonly text: string }[]; readonly usage: { readonly prompt_tokens: number } }
const GGUF = path.join(import.meta.dirname, '../fixtures/gguf/llama')
/** int64, of the case's golden.safetensors. */
function readGoldenIds(name: string): number[] {
  const file = readFileSync(path.join(GGUF, 'golden.safetensors'))
  const headerBytes = Number(file.readBigUInt64LE(0))
  const header = JSON.parse(file.subarray(8, 8 + headerBytes).toString()) as Record<string, { data_offsets: [number, number] }>
  const [start, end] = header[name]?.data_offsets ?? [0, 0]
  return Array.from({ length: (end - start) / 8 }, (_, i) => Number(file.readBigInt64LE(8 + headerBytes + start + 8 * i)))
}

const QUESTION = { model: 'ember', messages: [{ role: 'user', content: 'Hello!' }] }

describe('who may join', { timeout: 30_000 }, () => {
  test('11: an old page is told to reload, a device needs the join token, a client does not', async () => {
    const { url } = await start('--no-local-device', '--join-token', 'sesame')
    expect(await say(url, { version: PROTOCOL_VERSION - 1 })).toMatchObject({ ok: false, error: { code: 'protocol_version_mismatch' } })
    expect(await say(url, {})).toMatchObject({ ok: false, error: { code: 'invalid_join_token' } })
    expect(await say(url, { token: 'wrong' })).toMatchObject({ ok: false, error: { code: 'invalid_join_token' } })
    expect(await say(url, { token: 'sesame' })).toMatchObject({ ok: true })
    expect(await say(url, { role: 'client' })).toMatchObject({ ok: true })
    // Where a proxy lets no WebSocket through.
    expect(await say(url, { role: 'client' }, 'polling')).toMatchObject({ ok: true })
  })

  test('35: with API keys a client shows one; nobody plays the gateway', async () => {
    const { url } = await start('--no-local-device', '--join-token', 'sesame', '--api-key', 'key-1')
    expect(await say(url, { role: 'client' })).toMatchObject({ ok: false, error: { code: 'invalid_api_key' } })
    expect(await say(url, { role: 'client', token: 'key-1' })).toMatchObject({ ok: true })
    expect(await say(url, { role: 'gateway', token: 'key-1' })).toMatchObject({ ok: false, error: { code: 'invalid_join_token' } })
    expect(await errorOf(await ask(url, QUESTION))).toEqual({ status: 401, code: 'invalid_api_key' })
    expect(await errorOf(await ask(url, QUESTION, { authorization: 'Bearer key-1' }))).toEqual({ status: 503, code: 'no_ring' })
  })
})

describe('what an API client is told', { timeout: 60_000 }, () => {
  test('no device, a device too small, unknown models, malformed and oversized requests: each by its code', async () => {
    const server = await start('--no-local-device')
    const { url } = server
    expect(await errorOf(await ask(url, QUESTION))).toEqual({ status: 503, code: 'no_ring' })
    expect((await ask(url, QUESTION)).headers.get('x-should-retry')).toBe('false')
    expect(await errorOf(await fetch(`${url}/ready`))).toEqual({ status: 503, code: 'no_ring' })
    expect((await fetch(`${url}/health`)).status).toBe(200)
    expect(await errorOf(await ask(url, { ...QUESTION, model: 'nope' }))).toEqual({ status: 404, code: 'model_not_found' })
    expect(await errorOf(await ask(url, '{"model":'))).toEqual({ status: 400, code: 'invalid_json' })
    expect(await errorOf(await ask(url, { ...QUESTION, messages: 7 }))).toEqual({ status: 400, code: 'invalid_value' })
    expect(await errorOf(await ask(url, { ...QUESTION, temperature: 'warm' }))).toEqual({ status: 400, code: 'invalid_value' })
    expect(await errorOf(await ask(url, { ...QUESTION, messages: [{ role: 'user', content: 'word '.repeat(4000) }] }))).toEqual({
      status: 400,
      code: 'context_length_exceeded',
    })
    expect(
      await errorOf(
        await fetch(`${url}/v1/cluster/placements`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ model: 'ember', strategy: 'fastest' }),
        }),
      ),
    ).toEqual({ status: 400, code: 'invalid_value' })

    const small: LocalDevice = startLocalDevice(
      {
        url,
        token: null,
        modelFolders: [path.join(import.meta.dirname, '../../models')],
        hub: null,
        addresses: [],
        memoryBytes: 2_000_000,
        threads: 1,
        measurementsFile: path.join(home, 'small-measurements.json'),
      },
      () => undefined,
      () => undefined,
    )
    closers.push(small.close)
    expect(await server.serving(1)).toMatch(/short by/)
    const refused = await ask(url, QUESTION)
    expect(await errorOf(refused)).toEqual({ status: 503, code: 'not_enough_memory' })
  })

  test('the local device answers before any browser is here, and a placement that is taken back is given again when asked for', async () => {
    const server = await start()
    expect(await server.serving(0)).toBeNull()
    const answer = async (): Promise<string> =>
      ((await (await ask(server.url, QUESTION)).json()) as { choices: [{ message: { content: string } }] }).choices[0].message.content
    expect(await answer()).toBe('Hello! I am Ember. How can I help you?')
    const dropped = await fetch(`${server.url}/v1/cluster/placements/ember`, { method: 'DELETE' })
    expect(dropped.status).toBe(200)
    expect(server.view().placements.size).toBe(0)
    expect(await answer()).toBe('Hello! I am Ember. How can I help you?')
  })

  test('a folder with a GGUF file alone is served: its own tokenizer reads and writes, its chat template is found', async () => {
    const server = await start('--models-dir', path.join(import.meta.dirname, '../fixtures/gguf'), '--model', 'llama')
    expect(await server.serving(0)).toBeNull()
    const prompt = readGoldenIds('input_ids')
    const complete = async (body: object): Promise<Completion> => {
      const response = await fetch(`${server.url}/v1/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ model: 'llama', temperature: 0, ...body }),
      })
      return (await response.json()) as Completion
    }
    const text = await loadText(folderSource(GGUF, 'model.gguf'))
    const { choices, usage } = await complete({ prompt, max_tokens: 8 })
    expect(usage).toMatchObject({ prompt_tokens: prompt.length, completion_tokens: 8 })
    const detokenizer = text.newDetokenizer()
    expect(choices[0]?.text).toBe(readGoldenIds('greedy_ids').slice(0, 8).map(detokenizer.push).join('') + detokenizer.end())
    const spoken = await complete({ prompt: 'Hello', max_tokens: 1 })
    expect(spoken.usage.prompt_tokens).toBe(text.encode('Hello').length)
    expect((await ask(server.url, { ...QUESTION, model: 'llama', max_tokens: 2 })).status).toBe(200)
  })
})
