/** Builds the pages over the played cluster and serves them as the gateway does: own origin, isolation headers, strict CSP. */
import { createReadStream, existsSync, rmSync, statSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { build } from 'vite'
import { FIXTURE_CATALOG } from '../fixtures/ui/catalog.ts'
import { pagesConfig, shell } from '../../vite.config.ts'

const ROOT = path.resolve(import.meta.dirname, '../..')
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.webmanifest': 'application/manifest+json',
  '.wasm': 'application/wasm',
}
/** No inline script, no foreign host; `wasm-unsafe-eval` is what compiling WebAssembly is called. */
const HEADERS = {
  'Content-Security-Policy':
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; connect-src 'self'; img-src 'self' data: blob:; frame-ancestors 'none'; object-src 'none'; base-uri 'none'",
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
}

const entry = (kind: 'key' | 'invite', name: string, expires: string | null): object => ({
  id: name.length.toString(16).padStart(12, '0'),
  kind,
  name,
  scopes: ['inference', 'cluster', 'metrics', 'access'],
  limits: { requestsPerMinute: null, tokensPerMinute: null },
  created: '2030-01-01T00:00:00.000Z',
  expires,
  expired: false,
})

/** What pages ask of the gateway. */
const API = new Map<string, unknown>([
  ['/v1/catalog', FIXTURE_CATALOG],
  ['/v1/catalog/uploads', { data: [{ model: 'org/half', files: [{ name: 'model.safetensors', received: 45_000_000, size: 900_000_000 }] }] }],
  [
    '/v1/keys',
    {
      data: [
        entry('key', 'owner', null),
        {
          ...entry('key', 'editor on my laptop', '2031-05-01T00:00:00.000Z'),
          scopes: ['inference'],
          limits: { requestsPerMinute: 60, tokensPerMinute: 20000 },
        },
      ],
    },
  ],
  ['/v1/invites', { data: [{ ...entry('invite', '<img src=x onerror=alert(1)>', '2020-01-01T00:00:00.000Z'), scopes: [], expired: true }] }],
  ['/v1/cluster/devices', { waiting: [{ id: 'tab-guest', name: 'Guest phone', since: '2030-01-01T00:00:00.000Z' }] }],
  ['/v1/cluster/addresses', { addresses: [], secure: false, trust: null }],
  ['/v1/cluster/traces', { traces: [] }],
  ['POST /v1/cluster/placements', {}],
  ['PATCH /v1/cluster/placements/ember', {}],
  ['DELETE /v1/cluster/placements/ember', {}],
  ['PATCH /v1/cluster/devices/studio', {}],
  ['DELETE /v1/cluster/devices/studio', {}],
  ['PATCH /v1/cluster/devices/tab-guest', {}],
  ['POST /v1/keys', { ...entry('key', 'editor', null), secret: 'rk_the-secret-of-this-key' }],
  ['POST /v1/invites', { ...entry('invite', 'Mum', null), secret: 'rj_x', path: '/contribute?token=rj_x' }],
])

export type PageServer = { readonly url: string; readonly close: () => Promise<void> }

let built: Promise<string> | null = null
/** All files of tests that one process runs share one build. */
const builtPages = (): Promise<string> => (built ??= buildPages())

async function buildPages(): Promise<string> {
  // Not below test-results, which every run of Playwright empties when it starts.
  const folder = await mkdtemp(path.join(tmpdir(), 'ringlet-pages-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  const config = pagesConfig(path.join(ROOT, 'tests/fixtures/ui'), folder)
  // ORT's files are not used here and are large.
  await build({ ...config, plugins: [shell()], configFile: false, logLevel: 'error' })
  return folder
}

export async function startPageServer(): Promise<PageServer> {
  const folder = await builtPages()
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost')
    const answer = API.get(request.method === 'GET' ? pathname : `${request.method} ${pathname}`)
    if (answer !== undefined) {
      response.writeHead(200, { ...HEADERS, 'Content-Type': 'application/json' })
      response.end(JSON.stringify(answer))
      return
    }
    const asked = path.join(folder, path.normalize(pathname))
    const file = asked.startsWith(folder) && existsSync(asked) && statSync(asked).isFile() ? asked : path.join(folder, 'index.html')
    response.writeHead(200, { ...HEADERS, 'Content-Type': TYPES[path.extname(file)] ?? 'application/octet-stream' })
    createReadStream(file).pipe(response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server has no port')
  const close = async (): Promise<void> => {
    server.closeAllConnections()
    await new Promise<void>((resolve) => server.close(() => resolve()))
  }
  return { url: `http://127.0.0.1:${address.port}`, close }
}
