/** Builds the pages into dist/web, serves them in development, and tells vitest where tests are. */
import { createReadStream, existsSync } from 'node:fs'
import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { Plugin, UserConfig } from 'vite'
import { defineConfig } from 'vitest/config'
import { ensureKernels } from './scripts/bootstrap.mjs'

const ROOT = import.meta.dirname
const ORT_FOLDER = path.join(ROOT, 'node_modules/onnxruntime-web/dist')
/** What the builds `/wasm`, `/jspi` and `/webgpu` of onnxruntime-web load at run time, served from our own origin at `/ort/<file>`. */
const ORT_FILES = ['', '.jspi', '.asyncify'].flatMap((build) => [`ort-wasm-simd-threaded${build}.mjs`, `ort-wasm-simd-threaded${build}.wasm`])
/** Threads in WASM need both, on the page and on every worker's script. */
const ISOLATION = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' }
/** The URLs of the pages. One document serves them all, so that a device goes on lending while its owner looks around. */
const PAGE_FILES = ['contribute.html', 'cluster.html', 'models.html', 'keys.html', 'start.html']

/** Serves ORT's files in development and copies them into the build; bundling them would double 60 MB and break its own imports. */
function ortFiles(): Plugin {
  let outDir = ''
  return {
    name: 'ringlet:ort-files',
    configResolved: (config) => void (outDir = path.resolve(config.root, config.build.outDir)),
    configureServer: (server) => {
      server.middlewares.use('/ort/', (request, response, next) => {
        const file = (request.url ?? '').replace(/^\//, '').split('?')[0] ?? ''
        if (!ORT_FILES.includes(file)) return next()
        const type = file.endsWith('.wasm') ? 'application/wasm' : 'text/javascript'
        response.writeHead(200, { ...ISOLATION, 'Content-Type': type, 'Cross-Origin-Resource-Policy': 'same-origin' })
        createReadStream(path.join(ORT_FOLDER, file)).pipe(response)
      })
    },
    async closeBundle() {
      if (outDir === '' || !existsSync(outDir)) return
      await mkdir(path.join(outDir, 'ort'), { recursive: true })
      await Promise.all(ORT_FILES.map((file) => copyFile(path.join(ORT_FOLDER, file), path.join(outDir, 'ort', file))))
    },
  }
}

/** The pages carry the compiled kernels: whoever builds pages, compiles them first. */
const kernels: Plugin = { name: 'ringlet:kernels', buildStart: ensureKernels }

/** Puts what is seen before any code runs into the document. */
export function shell(): Plugin {
  const file = path.join(ROOT, 'web/shell.html')
  return {
    name: 'ringlet:shell',
    transformIndexHtml: { order: 'pre', handler: async (html) => html.replace('<!-- shell.html -->', await readFile(file, 'utf8')) },
  }
}

type Chunk = { readonly type: 'chunk'; readonly fileName: string; readonly facadeModuleId: string | null; readonly imports: readonly string[] }
type Bundle = Readonly<Record<string, Chunk | { readonly type: 'asset' }>>

/** What every page starts with, part by part: web/main.ts. */
const STARTED = ['/engine/create-page-engine.ts', '/ui/app/start-app.ts']

/** Files of a module that is imported when it is asked for, with all that it imports. */
function chunksOf(bundle: Bundle, module: string): ReadonlySet<string> {
  const files = new Set<string>()
  const take = (chunk: Chunk): void => {
    if (files.has(chunk.fileName)) return
    files.add(chunk.fileName)
    for (const name of chunk.imports) {
      const imported = bundle[name]
      if (imported?.type === 'chunk') take(imported)
    }
  }
  for (const chunk of Object.values(bundle)) if (chunk.type === 'chunk' && chunk.facadeModuleId?.endsWith(module)) take(chunk)
  return files
}

/** Gives each page's URL a file of its own, for static servers that know no fallback; it asks for all code that the page starts with at once. */
function pageFiles(): Plugin {
  let outDir = ''
  return {
    name: 'ringlet:page-files',
    apply: 'build',
    configResolved: (config) => void (outDir = path.resolve(config.root, config.build.outDir)),
    async writeBundle(_, bundle: Bundle) {
      const index = path.join(outDir, 'index.html')
      if (!existsSync(index)) return
      const html = await readFile(index, 'utf8')
      await Promise.all(
        ['index.html', ...PAGE_FILES].map(async (file) => {
          const page = file === 'index.html' ? 'chat' : path.parse(file).name
          const wanted = [...STARTED, `/${page}-page.ts`].flatMap((module) => [...chunksOf(bundle, module)])
          const missing = [...new Set(wanted)].filter((chunk) => !html.includes(chunk))
          const links = missing.map((chunk) => `    <link rel="modulepreload" fetchpriority="low" crossorigin href="/${chunk}">\n`)
          await writeFile(path.join(outDir, file), html.replace('  </head>', `${links.join('')}  </head>`))
        }),
      )
    },
  }
}

/** Puts a compressed file beside each script and style; the gateway sends it to whoever takes gzip. */
function compressedFiles(): Plugin {
  let outDir = ''
  return {
    name: 'ringlet:compressed-files',
    apply: 'build',
    configResolved: (config) => void (outDir = path.resolve(config.root, config.build.outDir)),
    async closeBundle() {
      const folder = path.join(outDir, 'assets')
      if (!existsSync(folder)) return
      const files = (await readdir(folder)).filter((file) => /\.(js|css)$/.test(file))
      await Promise.all(
        files.map(async (file) =>
          writeFile(path.join(folder, `${file}.gz`), await promisify(gzip)(await readFile(path.join(folder, file)), { level: 9 })),
        ),
      )
    },
  }
}

/** Vite's settings for pages under `root`; tests use them with a root and an output folder of their own. */
export function pagesConfig(root: string, outDir: string): UserConfig {
  return {
    root,
    appType: 'spa',
    publicDir: path.join(ROOT, 'web/public'),
    plugins: [kernels, ortFiles(), shell(), pageFiles(), compressedFiles()],
    resolve: { conditions: ['onnxruntime-web-use-extern-wasm', 'module', 'browser', 'development|production'] },
    // simple-peer's dependencies expect Node's name of the global object.
    define: { global: 'globalThis' },
    optimizeDeps: { exclude: ['onnxruntime-web'] },
    worker: { format: 'es' },
    server: { headers: ISOLATION, fs: { allow: [ROOT] } },
    preview: { headers: ISOLATION },
    build: {
      outDir,
      emptyOutDir: true,
      target: 'es2023',
      modulePreload: { polyfill: false },
      // A data: URL would need a wider Content-Security-Policy.
      assetsInlineLimit: 0,
      sourcemap: false,
    },
  }
}

export default defineConfig({
  ...pagesConfig(path.join(ROOT, 'web'), path.join(ROOT, 'dist/web')),
  test: {
    root: ROOT,
    include: ['**/*.test.ts'],
    exclude: ['**/node_modules/**', '**/dist/**', '**/test-results/**'],
    environment: 'node',
    // Files share the modules of their worker: most of the time of 200 small files was spent loading the same code.
    isolate: false,
    maxWorkers: Math.max(2, availableParallelism() - 1),
    globalSetup: ['scripts/suites/build-kernels.mjs'],
    // A hang is what the limits are for; shared machines are slow now and then.
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})
