/** A whole server in this process with real tabs around it, and what tests ask of it. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, type Browser, type BrowserContext, type Page } from '@playwright/test'
import { createLog } from '../../api-gateway/log.ts'
import { parseOptions } from '../../api-gateway/options.ts'
import type { ModelBytes } from '../../api-gateway/routes/model-files.ts'
import { startServer, type RunningServer } from '../../api-gateway/serve.ts'
import { placementState } from '../../core/cluster/cluster-view.ts'
import type { LinkPath, LinkReport, Placement } from '../../protocol/cluster.ts'
import { modelId } from '../../protocol/ids.ts'
import { engineOf } from '../harness/page-app.ts'

const ROOT = path.resolve(import.meta.dirname, '../..')
export const EMBER = modelId('ember')

export type Sample = {
  readonly messages: readonly { readonly role: string; readonly content: string }[]
  readonly prompt_ids: readonly number[]
  readonly generated_ids: readonly number[]
  readonly text: string
}
export const SAMPLES = (JSON.parse(readFileSync(path.join(ROOT, 'models/ember/samples.json'), 'utf8')) as { samples: readonly Sample[] }).samples

export type LiveCluster = {
  readonly server: RunningServer
  /** Folder of models that the server writes to. */
  readonly modelsDir: string
  /** Every range of a model's file that a peer was given. */
  readonly modelBytes: ModelBytes[]
  readonly openDevice: (browser: Browser, query?: Readonly<Record<string, string>>) => Promise<Page>
  readonly wish: (change: { readonly minDevices: number; readonly maxDevices: number }) => Promise<void>
  /** Places Ember over exactly this many devices and waits until they serve. */
  readonly place: (devices: number) => Promise<Placement>
  readonly placed: (devices: number) => Promise<Placement>
  readonly close: () => Promise<void>
}

/** @param args as after `npm start --`. @param env variables beside those of the harness */
export async function startLiveCluster(args: readonly string[] = [], env: Readonly<Record<string, string>> = {}): Promise<LiveCluster> {
  if (!existsSync(path.join(ROOT, 'dist/web/index.html'))) throw new Error('the pages are not built: run npm run build first')
  const home = mkdtempSync(path.join(tmpdir(), 'ringlet-test-'))
  const modelBytes: ModelBytes[] = []
  const contexts: BrowserContext[] = []
  const options = parseOptions(['--port', '0', ...args], { RINGLET_HOME: home, ...env })
  const server = await startServer(options, { log: createLog('error'), onModelBytes: (bytes) => modelBytes.push(bytes) })

  const placed: LiveCluster['placed'] = async (devices) => {
    const serving = (): Placement | null => {
      const placement = server.view().placements.get(EMBER)
      return placement && placement.shards.length === devices && placementState(server.view(), placement) === 'ready' ? placement : null
    }
    await expect.poll(() => serving() !== null, { timeout: 60_000, intervals: [100], message: `a ring of ${devices} serves` }).toBe(true)
    const placement = serving()
    if (!placement) throw new Error('the ring fell apart again')
    return placement
  }
  const wish: LiveCluster['wish'] = async (change) => {
    const response = await fetch(`${server.url}/v1/cluster/placements`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: EMBER, strategy: 'memory-weighted', ...change }),
    })
    expect(response.status).toBe(202)
  }
  return {
    server,
    modelsDir: options.modelsDir,
    modelBytes,
    openDevice: async (browser, query = {}) => {
      const context = await browser.newContext()
      contexts.push(context)
      const page = await context.newPage()
      page.on('pageerror', (error) => expect.soft(error.message, 'an uncaught error in a device').toBe(''))
      const search = new URLSearchParams({ auto: '1', name: `Tab ${contexts.length}`, backend: 'wasm', threads: '1', memory: '512', ...query })
      await page.goto(`${server.url}/contribute?${search}`)
      return page
    },
    wish,
    place: async (devices) => {
      await wish({ minDevices: devices, maxDevices: devices })
      return placed(devices)
    },
    placed,
    close: async () => {
      await Promise.all(contexts.map((context) => context.close()))
      await server.close()
      rmSync(home, { recursive: true, force: true })
    },
  }
}

export type Answer = { readonly text: string; readonly tokens: number; readonly finish: string }

/** One chat answer, greedy, whole. */
export async function chat(url: string, messages: Sample['messages'], extra: Readonly<Record<string, unknown>> = {}): Promise<Answer> {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: EMBER, messages, temperature: 0, ...extra }),
  })
  const body = (await response.json()) as {
    choices: [{ message: { content: string }; finish_reason: string }]
    usage: { completion_tokens: number }
    error?: unknown
  }
  expect(response.status, JSON.stringify(body)).toBe(200)
  return { text: body.choices[0].message.content, tokens: body.usage.completion_tokens, finish: body.choices[0].finish_reason }
}

/** How many samples come back with the same text and the same number of tokens, asked one after the other. */
export async function equalSamples(
  url: string,
  samples: readonly Sample[] = SAMPLES,
): Promise<{ readonly equal: number; readonly different: readonly string[] }> {
  const different: string[] = []
  for (const { messages, text, generated_ids } of samples) {
    const answer = await chat(url, messages)
    if (answer.text !== text || answer.tokens !== generated_ids.length)
      different.push(`${JSON.stringify(messages.at(-1)?.content)}: ${JSON.stringify(answer.text)}`)
  }
  return { equal: samples.length - different.length, different }
}

type ClusterJson = {
  readonly peers: readonly {
    readonly id: string
    readonly role: string
    readonly visibility: string | null
    readonly links: readonly LinkReport[]
  }[]
  readonly placements: readonly {
    readonly state: string
    readonly spares: readonly { readonly peerId: string; readonly warm: boolean }[]
    readonly shards: readonly { readonly peerId: string; readonly startLayer: number; readonly endLayer: number; readonly path: LinkPath | null }[]
  }[]
}
export const clusterOf = async (url: string): Promise<ClusterJson> => (await (await fetch(`${url}/v1/cluster`)).json()) as ClusterJson

/** Sequences whose KV cache each tab holds, as its own engine counts them now. */
export async function sequencesIn(pages: readonly Page[]): Promise<readonly number[]> {
  return Promise.all(pages.map((page) => engineOf(page, (engine) => engine.device().sequences)))
}

/** The ranges of layers cover every layer once, in order; every hop goes by `path`. A relay is taken when no direct path formed in 5 s. */
export async function expectRing(url: string, path: LinkPath, numLayers = 8): Promise<void> {
  const paths = async (): Promise<readonly (LinkPath | null)[]> => (await clusterOf(url)).placements[0]?.shards.map((shard) => shard.path) ?? []
  await expect
    .poll(async () => (await paths()).every((hop) => hop === path), { timeout: 20_000, intervals: [100], message: `every hop goes by ${path}` })
    .toBe(true)
  const shards = (await clusterOf(url)).placements[0]?.shards ?? []
  const layers = shards.flatMap((shard) => Array.from({ length: shard.endLayer - shard.startLayer }, (_, i) => shard.startLayer + i))
  expect(layers).toEqual(Array.from({ length: numLayers }, (_, i) => i))
}
