/**
 * A page in real Chromium over the repository's own modules: vite serves them untouched by any build, cross-origin isolated.
 * Shader tests, link tests, conformance and benches all run through it.
 */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { chromium, type Browser, type Page } from 'playwright-core'
import { createServer, type ViteDevServer } from 'vite'
import { serveMounts } from './mounts.ts'

const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url))
const BASE_FLAGS = [
  '--no-sandbox',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]
/** Software WebGPU (SwiftShader): the one adapter that every machine has. */
const WEBGPU_FLAGS = ['--disable-gpu', '--enable-unsafe-webgpu']
/** CommonJS packages a page module may import; vite must convert them before the first page, or it reloads the page mid-test. */
const CONVERTED_PACKAGES = ['simple-peer/simplepeer.min.js', 'socket.io-client', 'zod', '@bufbuild/protobuf/wire', '@mlc-ai/web-xgrammar']

export type HarnessOptions = {
  /** Chromium flags beside the base ones. */
  readonly flags?: readonly string[]
  /** URL prefix (with slashes at both ends) to a folder outside the repository to serve there. */
  readonly mounts?: Readonly<Record<string, string>>
  /** Called with every line of the page's console and every uncaught error. */
  readonly onConsole?: (line: string) => void
}

export type Harness = {
  readonly page: Page
  readonly browser: Browser
  /** For example `http://127.0.0.1:41234`. */
  readonly origin: string
  /** A further page of the same browser in a context of its own. */
  readonly openPage: () => Promise<Page>
  /**
   * Imports a module of the repository in a page and calls one of its exports with one JSON value.
   * @param module path from the repository's root, `tests/kernels/top-k.page.ts`
   * @throws {Error} what the export threw
   */
  readonly call: <Result>(module: string, exportName: string, argument?: unknown, page?: Page) => Promise<Result>
  readonly close: () => Promise<void>
}

/** @throws {Error} when no Chromium is found; the message names where it was looked for. */
export function chromiumPath(): string {
  const candidates = [
    process.env['CHROMIUM_PATH'],
    '/usr/bin/chromium',
    '/usr/bin/chromium-browser',
    '/usr/bin/google-chrome',
    chromium.executablePath(),
  ]
  const found = candidates.find((path) => path !== undefined && path !== '' && existsSync(path))
  if (found === undefined) throw new Error(`no Chromium: looked at ${candidates.filter(Boolean).join(', ')}; set CHROMIUM_PATH`)
  return found
}

/** Two servers that convert packages into one folder at once would break each other's files. */
const cacheFolder = (): string => `.cache/harness-${process.env['TEST_PARALLEL_INDEX'] ?? 0}`

const startServer = (mounts: Readonly<Record<string, string>>): Promise<ViteDevServer> =>
  createServer({
    configFile: false,
    root: REPOSITORY,
    cacheDir: fileURLToPath(new URL(`../../${cacheFolder()}`, import.meta.url)),
    logLevel: 'error',
    appType: 'mpa',
    optimizeDeps: { noDiscovery: true, include: [...CONVERTED_PACKAGES], exclude: ['onnxruntime-web'] },
    server: {
      host: '127.0.0.1',
      port: 0,
      hmr: false,
      watch: null,
      headers: { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' },
    },
    plugins: [{ name: 'mounts', configureServer: (server) => void server.middlewares.use(serveMounts(mounts)) }],
  }).then((server) => server.listen())

async function newPage(browser: Browser, origin: string, onConsole?: (line: string) => void): Promise<Page> {
  const context = await browser.newContext()
  const page = await context.newPage()
  if (onConsole) {
    page.on('console', (message) => message.type() === 'debug' || onConsole(`${message.type()}: ${message.text()}`))
    page.on('pageerror', (error) => onConsole(`uncaught: ${error.message}`))
  }
  await page.goto(`${origin}/tests/harness/index.html`)
  return page
}

/** Opens server, browser and one page. The caller closes it, in `finally` or `afterAll`. */
export async function openHarness(options: HarnessOptions = {}): Promise<Harness> {
  const server = await startServer(options.mounts ?? {})
  const address = server.httpServer?.address()
  if (address === null || address === undefined || typeof address === 'string') throw new Error('the harness server has no port')
  const origin = `http://127.0.0.1:${address.port}`
  const browser = await chromium
    .launch({ executablePath: chromiumPath(), args: [...BASE_FLAGS, ...WEBGPU_FLAGS, ...(options.flags ?? [])] })
    .catch(async (cause: unknown) => {
      await server.close()
      throw cause
    })
  const page = await newPage(browser, origin, options.onConsole)
  return {
    page,
    browser,
    origin,
    openPage: () => newPage(browser, origin, options.onConsole),
    call: <Result>(module: string, exportName: string, argument?: unknown, target = page): Promise<Result> =>
      target.evaluate<Result, ExportCall>(callExport<Result>, { url: `${origin}/${module}`, exportName, argument }),
    close: async () => {
      await browser.close()
      await server.close()
    },
  }
}

type ExportCall = { readonly url: string; readonly exportName: string; readonly argument: unknown }

/** Runs inside the page. */
async function callExport<Result>(call: ExportCall): Promise<Result> {
  const exports: Readonly<Record<string, (argument: unknown) => Promise<Result>>> = await import(/* @vite-ignore */ call.url)
  const target = exports[call.exportName]
  if (target === undefined) throw new Error(`${call.url} has no export ${call.exportName}`)
  return target(call.argument)
}
