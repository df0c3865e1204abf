/** A gateway that really listens, on a port of its own, over a scripted backend. */
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { pino } from 'pino'
import { createGateway, HTTP_LIMITS, type GatewayOptions } from '../../api-gateway/gateway.ts'
import { createRunningJobs } from '../../api-gateway/jobs/running-jobs.ts'
import { createModelCatalog } from '../../api-gateway/model-catalog.ts'
import { createUploads } from '../../api-gateway/uploads.ts'
import type { PlacementWishes } from '../../api-gateway/routes/cluster.ts'
import { directEncoder } from '../../api-gateway/prompt-encoder.ts'
import { loadText, type TextModel } from '../../core/text/text-model.ts'
import { folderSource } from '../../api-gateway/folder-source.ts'
import { modelId } from '../../protocol/ids.ts'
import { memoryAccess } from './access.ts'
import { scriptedBackend, type Script, type ScriptedBackend } from './scripted-backend.ts'

export const MODELS = fileURLToPath(new URL('../../models/', import.meta.url))
export const emberText = (): Promise<TextModel> => loadText(folderSource(`${MODELS}ember`))

/** Wishes that lead nowhere. */
export const NO_WISHES: PlacementWishes = { ask: () => undefined, become: () => undefined, drop: () => undefined, forget: () => undefined }

export type TestGateway = {
  readonly url: string
  readonly app: ReturnType<typeof createGateway>
  readonly backend: ScriptedBackend
  /** Lines that were logged. */
  readonly logged: readonly string[]
  readonly post: (path: string, body: unknown, init?: { headers?: Record<string, string>; signal?: AbortSignal }) => Promise<Response>
  readonly [Symbol.asyncDispose]: () => Promise<void>
}

export async function startGateway(
  script: Script = {},
  { apiKeys = [], ...overrides }: Partial<GatewayOptions> & { readonly apiKeys?: readonly string[] } = {},
): Promise<TestGateway> {
  const backend = scriptedBackend(script)
  const logged: string[] = []
  const sink = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      logged.push(chunk.toString())
      done()
    },
  })
  const app = createGateway({
    backend,
    models: createModelCatalog({ folders: [MODELS] }),
    encoder: directEncoder,
    wishes: NO_WISHES,
    cards: { list: async () => [], card: () => Promise.reject(new Error('this gateway has no cards')) },
    uploads: createUploads(path.join(tmpdir(), 'ringlet-no-uploads'), async () => false),
    devices: { pause: () => undefined, waiting: () => [], approve: () => false, remove: () => undefined },
    addresses: () => ({ addresses: [], secure: true, trust: null }),
    keepsPrefixes: true,
    running: createRunningJobs(),
    defaultModel: modelId('ember'),
    access: memoryAccess(apiKeys),
    hosts: { isLoopbackOnly: true, names: [] },
    origins: [],
    log: pino({ level: 'debug', base: null }, sink),
    staticDir: null,
    weightOrigins: [],
    hub: null,
    ...overrides,
  })
  const server = createServer(HTTP_LIMITS, app)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server has no port')
  const url = `http://127.0.0.1:${address.port}`
  return {
    url,
    app,
    backend,
    logged,
    post: (path, body, init = {}) =>
      fetch(url + path, {
        method: 'POST',
        body: typeof body === 'string' ? body : JSON.stringify(body),
        headers: { 'content-type': 'application/json', ...init.headers },
        ...(init.signal ? { signal: init.signal } : {}),
      }),
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
}

/** The events of a stream as JSON, the mark of the end as the text `[DONE]`, comments left out. */
export async function readEvents(response: Response): Promise<unknown[]> {
  const text = await response.text()
  return text
    .split('\n\n')
    .filter((block) => block.startsWith('data: '))
    .map((block): unknown => (block === 'data: [DONE]' ? '[DONE]' : JSON.parse(block.slice('data: '.length))))
}

/** Resolves when `condition` holds, asked again after every turn of the event loop; fails after `withinMs`. */
export async function eventually(condition: () => boolean, withinMs: number): Promise<void> {
  const deadline = performance.now() + withinMs
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`did not happen within ${withinMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
